"""T5, T10, T11: processes that stop, hang, and end in an orderly way."""

from __future__ import annotations

import pytest

from tests.faults.scenarios import stops
from tests.faults.site import Ground

pytestmark = pytest.mark.process


def test_a_worker_that_was_stopped_for_three_leases_writes_nothing_that_counts(fault_ground: Ground) -> None:
    outcome = stops.stopped_workers(fault_ground, times=1)
    assert outcome.broken == []


def test_tasks_that_hang_end_and_hold_no_worker(fault_ground: Ground) -> None:
    outcome = stops.hangs(fault_ground)
    assert outcome.broken == []


def test_two_of_everything_and_orderly_stops_run_no_schedule_twice_and_fail_no_task(fault_ground: Ground) -> None:
    outcome = stops.terminations(fault_ground)
    assert outcome.broken == []
