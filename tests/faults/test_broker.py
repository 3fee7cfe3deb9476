"""T3, T4, T6: the broker."""

from __future__ import annotations

import pytest

from tests.faults.scenarios import broker
from tests.faults.site import Ground

pytestmark = pytest.mark.process


def test_a_broker_that_is_emptied_costs_a_wait_and_no_task(fault_ground: Ground) -> None:
    outcome = broker.wiped(fault_ground)
    assert outcome.broken == []


@pytest.mark.services
def test_a_worker_goes_on_by_itself_after_redis_was_restarted(fault_ground: Ground) -> None:
    outcome = broker.restarted(fault_ground)
    assert outcome.broken == []


def test_a_message_that_is_delivered_again_and_again_runs_its_task_once(fault_ground: Ground) -> None:
    outcome = broker.repeated(fault_ground)
    assert outcome.broken == []
