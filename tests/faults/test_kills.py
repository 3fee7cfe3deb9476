"""T1, T2, T7, T9: processes that die."""

from __future__ import annotations

import pytest

from tests.faults.scenarios import cancels, crashes, kills
from tests.faults.site import Ground

pytestmark = pytest.mark.process


def test_random_kills_of_every_process_lose_nothing_and_count_nothing_twice(fault_ground: Ground) -> None:
    outcome = kills.random_kills(fault_ground)
    assert outcome.broken == []


def test_the_naive_way_of_writing_tasks_does_not_stand_the_same_kills(fault_ground: Ground) -> None:
    outcome = kills.naive_control(fault_ground)
    assert outcome.broken == []


def test_killing_idle_pool_processes_does_not_stop_the_others(fault_ground: Ground) -> None:
    outcome = kills.idle_kills(fault_ground, rounds=1)
    assert outcome.broken == []


def test_a_process_that_ends_at_any_named_point_leaves_nothing_unfinished(fault_ground: Ground) -> None:
    outcome = crashes.crash_points(fault_ground)
    assert outcome.broken == []


def test_a_task_that_takes_its_process_along_fails_after_three_crashes_and_nothing_else_does(
    fault_ground: Ground,
) -> None:
    outcome = crashes.poison(fault_ground)
    assert outcome.broken == []


def test_a_cancel_under_kills_keeps_what_was_stored_and_lets_nothing_be_written_afterwards(
    fault_ground: Ground,
) -> None:
    outcome = cancels.cancels_under_kills(fault_ground)
    assert outcome.broken == []
