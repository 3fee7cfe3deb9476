"""Acting on all tasks that match a filter, as a task of the ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pydantic import ValidationError

from pixtasks.accounts.models import AuditEntry, User
from pixtasks.accounts.roles import Role
from pixtasks.common.errors import AccessDenied
from tasktypes import batch as handler
from tasktypes.models import Task, TaskEvent
from tasktypes.services.batch import BATCH, BatchParams, TaskFilter, matching, newest_task, start_batch
from tasktypes.services.operate import Verb
from tasktypes.services.submit import NewTask, create_group, submit
from tasktypes.states import EventType, State
from tests import factories
from tests.ledger import run_task
from tests.tasktypes.conftest import Echo

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    return factories.user(is_staff=True, is_superuser=True)


def failed_tasks(owner: User, number: int, **fields: object) -> list[Task]:
    parameters = {"message": "no", "permanent": True}
    rows = submit(
        [NewTask(type_name="tests.echo", parameters=parameters)] * number,
        owner_id=owner.pk,
        **fields,  # type: ignore[arg-type]
    )
    for row in rows:
        row.refresh_from_db()
        if row.status == State.PENDING:  # A message drains further rows of its handler.
            run_task(row)
    return rows


def test_a_batch_retries_what_matches_and_says_what_it_left_alone(
    echo: Echo, ann: User, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "SLICE", 2)
    mine = failed_tasks(ann, 5)
    grouped = failed_tasks(ann, 1, group=create_group("tests"))
    old = failed_tasks(ann, 1)[0]
    Task.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=2))
    others = failed_tasks(boss, 1)
    wanted = TaskFilter(type_name="tests.echo", owner=ann.pk, created_from=timezone.now() - timedelta(days=1))
    params = BatchParams(verb=Verb.RETRY, filter=wanted, up_to=newest_task())
    later = failed_tasks(ann, 1)
    assert matching(params) == 6
    task = start_batch(params, actor=boss, address="192.0.2.1")
    entry = AuditEntry.objects.get(action="task.batch_started")
    assert (entry.actor, entry.object_id, entry.detail["verb"]) == (boss, str(task.pk), "retry")
    done = run_task(task)
    assert done.status == State.COMPLETED, done.error_message
    assert done.result == {
        "verb": "retry", "changed": 5, "left_alone": 1,
        "reasons": {"belongs to a job or run: retry that one instead": 1},
    }  # fmt: skip
    assert done.progress == {"done": 6, "target": 6, "changed": 5}
    assert set(Task.objects.filter(status=State.PENDING).values_list("pk", flat=True)) == {row.pk for row in mine}
    assert TaskEvent.objects.filter(type=EventType.PROGRESS, task=task).count() == 3
    assert TaskEvent.objects.get(task=mine[0], type=EventType.REOPENED).data == {"by": boss.email}
    untouched = Task.objects.filter(pk__in=[row.pk for row in [*grouped, old, *others, *later]])
    assert set(untouched.values_list("status", flat=True)) == {State.FAILED}


def test_a_batch_goes_on_behind_its_last_slice(
    echo: Echo, ann: User, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "SLICE", 2)
    rows = failed_tasks(ann, 4)
    task = start_batch(BatchParams(verb=Verb.RETRY, filter=TaskFilter(state=State.FAILED)), actor=boss)
    Task.objects.filter(pk=task.pk).update(
        state={"after": rows[1].pk, "changed": 2, "left_alone": {}}, progress={"done": 2, "target": 4, "changed": 2}
    )
    done = run_task(task)
    assert done.result is not None
    assert (done.result["changed"], done.progress) == (4, {"done": 4, "target": 4, "changed": 4})
    assert Task.objects.filter(status=State.PENDING).count() == 2


def test_a_batch_that_is_asked_to_stop_keeps_what_it_has_done(
    echo: Echo, ann: User, boss: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "SLICE", 1)
    rows = failed_tasks(ann, 3)
    task = start_batch(BatchParams(verb=Verb.RETRY), actor=boss)
    # The first slice marks its own batch: the next checkpoint hears it.
    act = handler.act_unaudited

    def act_and_ask(*args: object, **fields: object) -> object:
        Task.objects.filter(pk=task.pk).update(cancel_requested_at=timezone.now())
        return act(*args, **fields)  # type: ignore[arg-type]

    monkeypatch.setattr(handler, "act_unaudited", act_and_ask)
    done = run_task(task)
    assert (done.status, done.progress) == (State.CANCELLED, {"done": 1, "target": 3, "changed": 1})
    for row in rows:
        row.refresh_from_db()
    assert [row.status for row in rows] == [State.PENDING, State.FAILED, State.FAILED]


def test_cancelling_everything_leaves_the_batch_itself_running(echo: Echo, ann: User, boss: User) -> None:
    submit([NewTask(type_name="tests.echo", parameters={"message": "x"})] * 3, owner_id=ann.pk)
    done = run_task(start_batch(BatchParams(verb=Verb.CANCEL), actor=boss))
    assert (done.status, done.result["changed"]) == (State.COMPLETED, 3)  # type: ignore[index]
    again = run_task(start_batch(BatchParams(verb=Verb.PRIORITY, priority=5), actor=boss))
    assert again.result == {"verb": "priority", "changed": 0, "left_alone": 0, "reasons": {}}


def test_only_operators_start_one(echo: Echo, ann: User) -> None:
    staff = factories.user(is_staff=True, role=Role.VIEWER)
    for somebody in (ann, staff):
        with pytest.raises(AccessDenied):
            start_batch(BatchParams(verb=Verb.CANCEL), actor=somebody)
    body = {"task_type": BATCH, "params": {"verb": "cancel"}}
    for somebody in (factories.user(), staff):
        answer = factories.client_of(somebody).post("/api/celery/tasks/launch", body, format="json")
        assert answer.status_code == 403, answer.content


@pytest.mark.parametrize("parameters", [{"verb": "priority"}, {"verb": "cancel", "priority": 5}, {"verb": "eat"}])
def test_a_priority_belongs_to_its_verb(parameters: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BatchParams.model_validate(parameters)
