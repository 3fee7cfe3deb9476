"""T8, T12: limits under kills; a database, a disk and a receiver that fail."""

from __future__ import annotations

import pytest

from tests.faults.scenarios import limits, outages
from tests.faults.site import Ground

pytestmark = pytest.mark.process


def test_no_window_ever_holds_more_starts_than_allowed_while_processes_are_killed(fault_ground: Ground) -> None:
    outcome = limits.limits_under_kills(fault_ground)
    assert outcome.broken == []


@pytest.mark.services
def test_without_a_database_requests_are_refused_and_nothing_accepted_is_lost(fault_ground: Ground) -> None:
    outcome = outages.database_down(fault_ground)
    assert outcome.broken == []


def test_a_full_disk_shows_no_part_of_a_file_and_is_mended_by_room(fault_ground: Ground) -> None:
    outcome = outages.disk_full(fault_ground)
    assert outcome.broken == []


def test_a_webhook_receiver_that_was_down_gets_everything_afterwards(fault_ground: Ground) -> None:
    outcome = outages.receiver_down(fault_ground)
    assert outcome.broken == []
