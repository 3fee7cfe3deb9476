"""What an accepted event does to the task it tells of, and what it never does (CONTRACT X46, X48)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from gather.models import ReceivedEvent
from gather.services.incoming import forget_events
from pixtasks.accounts.models import User
from pixtasks.common.sql import database_now
from tasktypes.models import Task, TaskEvent, WebhookDelivery
from tasktypes.services.cancel import cancel_task
from tasktypes.services.outside import claim_tasks
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State
from tasktypes.webhooks.services.endpoints import create_endpoint
from tests.gather_incoming.conftest import deliver, document
from tests.ledger import run_task

pytestmark = pytest.mark.django_db


def _tell(task: Task | str, event: str = "progress", iteration: int = 5, **fields: Any) -> None:
    name = task if isinstance(task, str) else task.public_id
    response = deliver(document(name, event, iteration, **fields))
    assert response.status_code == 200, response.content


def _history(task: Task) -> list[tuple[int, str]]:
    return list(TaskEvent.objects.filter(task=task).order_by("seq").values_list("seq", "type"))


def _state(task: Task) -> tuple[Any, ...]:
    row = Task.objects.get(pk=task.pk)
    return row.status, row.attempt, row.progress, row.event_seq, row.lease_expires_at, row.completed_at


def test_the_progress_of_an_outside_workers_task_becomes_its_own_and_a_line_of_its_history(outside: Task) -> None:
    _tell(outside)
    outside.refresh_from_db()
    assert (outside.status, outside.progress["currentIteration"]) == (State.PENDING, 5)
    assert _history(outside) == [(1, "submitted"), (2, "progress")]
    line = TaskEvent.objects.get(task=outside, seq=2)
    assert line.data == document()["data"] == outside.progress
    assert outside.event_seq == 2


def test_a_task_may_be_named_by_its_number(outside: Task) -> None:
    _tell(str(outside.pk))
    outside.refresh_from_db()
    assert outside.progress is not None
    assert ReceivedEvent.objects.get().task_public_id == outside.public_id


def test_progress_never_goes_back(outside: Task) -> None:
    _tell(outside, iteration=5)
    _tell(outside, iteration=4)
    _tell(outside, iteration=5, data={**document()["data"], "message": "Still at iteration 5"})
    _tell(outside, iteration=6)
    _tell(outside, iteration=1)
    outside.refresh_from_db()
    assert outside.progress["currentIteration"] == 6
    assert [line.data["currentIteration"] for line in TaskEvent.objects.filter(task=outside, type="progress")] == [
        5,
        5,
        6,
    ]
    assert ReceivedEvent.objects.count() == 5


def test_a_worker_that_holds_the_task_keeps_it(ann: User, outside: Task) -> None:
    [leased] = claim_tasks(worker="shell", owner_id=ann.pk)
    before = Task.objects.get(pk=outside.pk)
    _tell(outside, "complete", iteration=10)
    after = Task.objects.get(pk=outside.pk)
    assert (after.status, after.attempt, after.lease_expires_at) == ("running", leased.attempt, before.lease_expires_at)
    assert after.progress["currentIteration"] == 10


@pytest.mark.parametrize("event", ["complete", "error", "cancelled"])
def test_no_event_changes_a_status(outside: Task, event: str) -> None:
    _tell(outside, event)
    outside.refresh_from_db()
    assert (outside.status, outside.completed_at, outside.error_message) == (State.PENDING, None, None)


def test_an_error_shows_as_one_and_keeps_how_far_the_task_was(outside: Task) -> None:
    _tell(outside, iteration=3)
    _tell(outside, "error", data={"message": "the camera is gone"})
    outside.refresh_from_db()
    assert outside.progress["currentIteration"] == 3
    assert outside.progress["error"] == "the camera is gone"
    _tell(outside, iteration=4)
    outside.refresh_from_db()
    assert "error" not in outside.progress


def test_progress_of_any_other_form_that_is_there_does_not_stand_in_the_way(outside: Task) -> None:
    for number, present in enumerate(({"currentIteration": "nine"}, {"frames": 12}, [1], {"currentIteration": True})):
        Task.objects.filter(pk=outside.pk).update(progress=present)
        _tell(outside, iteration=number)
        outside.refresh_from_db()
        assert outside.progress["currentIteration"] == number


def test_the_progress_of_a_handlers_task_stays_its_own(handled: Task) -> None:
    before = _state(handled)
    _tell(handled)
    assert _state(handled) == before
    assert _history(handled) == [(1, "submitted")]
    assert ReceivedEvent.objects.get().task_public_id == handled.public_id


def test_a_task_that_has_ended_is_left_as_it_is(outside: Task, handled: Task) -> None:
    cancel_task(outside.pk)
    run_task(handled)
    for task in (outside, handled):
        before, lines = _state(task), _history(task)
        _tell(task, iteration=9)
        assert (_state(task), _history(task)) == (before, lines)
    assert ReceivedEvent.objects.count() == 2


@pytest.mark.parametrize("name", ["abc123-def456", "99999999", "9" * 64, "٣", "-1", "0"])
def test_a_task_that_is_not_of_this_ledger_is_remembered(name: str) -> None:
    _tell(name)
    received = ReceivedEvent.objects.get()
    assert (received.task_public_id, received.data["percentage"]) == (name, 50)
    assert not Task.objects.exists()


def test_events_are_forgotten_after_ninety_days_and_no_sooner() -> None:
    for iteration in (1, 2):
        _tell("abc", iteration=iteration)
    first, second = ReceivedEvent.objects.order_by("id")
    now = database_now()
    ReceivedEvent.objects.filter(pk=first.pk).update(received_at=now - timedelta(days=90, minutes=1))
    ReceivedEvent.objects.filter(pk=second.pk).update(received_at=now - timedelta(days=89, hours=23))
    assert forget_events() == 1
    assert ReceivedEvent.objects.get() == second
    # Its body would be accepted again now; one that is remembered is not.
    assert deliver(document("abc", iteration=2)).status_code == 409
    assert deliver(document("abc", iteration=1)).status_code == 200


def test_the_ledger_forgets_them_by_the_clock(ann: User) -> None:
    task = submit([NewTask(type_name="gather.forget_events")], owner_id=None)[0]
    assert run_task(task).result == {"events_forgotten": 0}
    from django_celery_beat.models import PeriodicTask

    from tasktypes.services.schedules import create_schedules

    create_schedules()
    assert "gather.forget_events" in PeriodicTask.objects.get(name="forget received events").args


def test_webhooks_that_want_progress_hear_of_it(ann: User, outside: Task) -> None:
    create_endpoint(owner=ann, url="https://hooks.example.com/", events=["task.progress"])
    _tell(outside)
    delivery = WebhookDelivery.objects.get()
    assert (delivery.event, delivery.task_number) == ("task.progress", outside.pk)
    assert '"currentIteration":5' in delivery.body
