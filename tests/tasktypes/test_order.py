"""In which order work is handed out (CONTRACT X32)."""

from __future__ import annotations

import pytest
from django.db import transaction

from pixtasks.accounts.models import User
from tasktypes.models import Task
from tasktypes.services.claim import claim_next
from tasktypes.services.pick import pick
from tasktypes.services.submit import NewTask, submit
from tests.ledger import run_all
from tests.tasktypes.conftest import Echo


def put(owner: User | None, *messages: str, priority: int = 100, key: str = "", name: str = "tests.echo") -> list[Task]:
    return submit(
        [NewTask(type_name=name, parameters={"message": m, "key": key}, priority=priority) for m in messages],
        owner_id=owner.pk if owner else None,
    )


def order(limit: int = 100) -> list[str]:
    with transaction.atomic():
        picked = pick(limit)
    messages = {task.pk: task.parameters["message"] for task in Task.objects.all()}
    return [messages[candidate.id] for candidate in picked]


def test_lower_numbers_run_first(echo: Echo, ann: User) -> None:
    put(ann, "normal")
    put(ann, "last", priority=1000)
    put(ann, "first", priority=1)
    put(ann, "soon", priority=99)
    assert order() == ["first", "soon", "normal", "last"]
    run_all()
    assert echo.ran == ["first", "soon", "normal", "last"]


def test_of_one_owner_the_oldest_runs_first_whatever_its_type(echo: Echo, ann: User) -> None:
    put(ann, "1")
    put(ann, "2", name="tests.brisk")
    put(ann, "3")
    assert order() == ["1", "2", "3"]


def test_owners_take_turns(echo: Echo, ann: User, bob: User) -> None:
    put(ann, "a1", "a2", "a3", "a4")
    put(bob, "b1", "b2")
    assert order() == ["a1", "b1", "a2", "b2", "a3", "a4"]
    assert order(limit=3) == ["a1", "b1", "a2"]


def test_owners_take_turns_also_when_one_is_handed_out_at_a_time(echo: Echo, ann: User, bob: User) -> None:
    put(ann, "a1", "a2", "a3")
    put(bob, "b1", "b2", "b3")
    got = []
    for number in range(6):
        (claimed,) = claim_next("tests.echo", 1, worker="w", carrier=f"c{number}")
        got.append(claimed.parameters["message"])
    assert got == ["a1", "b1", "a2", "b2", "a3", "b3"]


def test_rows_of_an_exhausted_rate_key_are_passed_over(echo: Echo, ann: User, settings: pytest.FixtureRequest) -> None:
    settings.PIXTASKS_RATE_LIMITS = {"engine:slow": "2/60"}  # type: ignore[attr-defined]
    put(ann, "s1", "s2", "s3", key="engine:slow")
    put(ann, "free")
    assert order() == ["s1", "s2", "free"]
    run_all()
    assert echo.ran == ["s1", "s2", "free"]


def test_many_waiting_rows_of_one_lane_cost_no_more_queries_than_few(
    echo: Echo, ann: User, django_assert_num_queries: object
) -> None:
    put(ann, *[str(n) for n in range(5)])
    with transaction.atomic(), django_assert_num_queries(2):  # type: ignore[operator]
        pick(2)
    put(ann, *[str(n) for n in range(500)])
    with transaction.atomic(), django_assert_num_queries(2):  # type: ignore[operator]
        pick(2)
