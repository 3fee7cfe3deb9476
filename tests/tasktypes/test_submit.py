"""Submitting tasks."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest

from pixtasks.accounts.models import User
from pixtasks.common.errors import InvalidInput, NotFound
from pixtasks.common.sql import database_now
from tasktypes.models import DependencyFailure, Task, TaskGroup
from tasktypes.services.submit import NewTask, create_group, release, submit
from tasktypes.states import State
from tests.ledger import run_all
from tests.tasktypes.conftest import Echo


def test_a_submitted_task_is_pending_and_has_a_uuid4(echo: Echo, ann: User) -> None:
    task = submit([NewTask(type_name="tests.echo", parameters={"message": "hi"})], owner_id=ann.pk)[0]
    task.refresh_from_db()
    assert task.status == "pending"
    assert uuid.UUID(task.public_id).version == 4
    assert task.due_at is not None
    assert task.max_retries == 2
    assert list(task.events.values_list("seq", "type")) == [(1, "submitted")]


def test_the_group_counts_its_tasks(echo: Echo, ann: User) -> None:
    group = create_group("test")
    submit(
        [NewTask(type_name="tests.echo", parameters={"message": str(n)}) for n in range(3)],
        owner_id=ann.pk,
        group=group,
    )
    group.refresh_from_db()
    assert (group.total, group.active) == (3, 3)


def test_wrong_parameters_are_named_and_nothing_is_inserted(echo: Echo, ann: User) -> None:
    good = NewTask(type_name="tests.echo", parameters={"message": "hi"})
    bad = NewTask(type_name="tests.echo", parameters={"message": 7})
    with pytest.raises(InvalidInput) as raised:
        submit([good, bad], owner_id=ann.pk)
    assert raised.value.errors[0].loc == (1, "parameters", "message")
    assert Task.objects.count() == 0


def test_an_unknown_name_is_refused_and_the_known_ones_are_listed(echo: Echo, ann: User) -> None:
    with pytest.raises(NotFound, match=r"Unknown task type: nothing.like.it; known are: .*tests\.echo"):
        submit([NewTask(type_name="nothing.like.it")], owner_id=ann.pk)


def test_a_task_for_later_waits_for_its_time(echo: Echo, ann: User) -> None:
    later = database_now() + timedelta(hours=1)
    task = submit([NewTask(type_name="tests.echo", parameters={"message": "hi"}, run_after=later)], owner_id=ann.pk)[0]
    assert run_all() == 0
    Task.objects.filter(pk=task.pk).update(due_at=database_now() - timedelta(seconds=1))
    assert run_all() == 1


def test_a_held_task_runs_only_when_it_is_released(echo: Echo, ann: User) -> None:
    task = submit([NewTask(type_name="tests.echo", parameters={"message": "hi"}, held=True)], owner_id=ann.pk)[0]
    assert run_all() == 0
    assert release(task.pk)
    assert not release(task.pk)
    assert run_all() == 1


def test_a_thousand_tasks_take_some_statements_not_thousands(
    echo: Echo, ann: User, django_assert_max_num_queries: object
) -> None:
    group = TaskGroup.objects.create(kind="test")
    new = [NewTask(type_name="tests.echo", parameters={"message": str(n)}) for n in range(1000)]
    with django_assert_max_num_queries(60):  # type: ignore[operator]
        submit(new, owner_id=ann.pk, group=group)
    assert Task.objects.filter(group=group).count() == 1000


@pytest.mark.parametrize("ends", [State.FAILED, State.CANCELLED])
def test_a_task_that_waits_for_one_that_has_ended_badly_fails_at_once_or_waits_where_it_shall(
    echo: Echo, ann: User, ends: State
) -> None:
    """CONTRACT X70, whoever submits."""
    first = submit([NewTask(type_name="tests.echo", parameters={"message": "a"})], owner_id=ann.pk)[0]
    Task.objects.filter(pk=first.pk).update(status=ends, completed_at=database_now(), due_at=None)
    after: dict[str, Any] = {"type_name": "tests.echo", "parameters": {"message": "b"}, "depends_on": [first.pk]}
    strict, patient = (
        submit([NewTask(**after, on_dependency_failure=how)], owner_id=ann.pk)[0]
        for how in (DependencyFailure.FAIL, DependencyFailure.WAIT)
    )
    strict.refresh_from_db()
    patient.refresh_from_db()
    assert (strict.status, patient.status) == (State.FAILED, State.PENDING)
    assert first.public_id in (strict.error_message or "")
    assert [task.id for task in echo.settled] == [strict.pk]
