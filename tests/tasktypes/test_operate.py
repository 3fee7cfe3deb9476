"""What an operator does to tasks by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from pixtasks.accounts.models import AuditEntry, User
from pixtasks.common.errors import NotFound, RuleViolation
from tasktypes.models import Task, TaskEvent
from tasktypes.services.declared_tasks import create_task
from tasktypes.services.lanes import lane_of
from tasktypes.services.operate import Verb, act, act_on_one
from tasktypes.services.submit import NewTask, create_group, submit
from tasktypes.services.task_types import register_type
from tasktypes.states import EventType, State
from tests import factories
from tests.ledger import run_task
from tests.tasktypes.conftest import Echo

pytestmark = pytest.mark.django_db


def echo_task(owner: User, **fields: object) -> Task:
    parameters = fields.pop("parameters", {"message": "hello"})
    return submit([NewTask(type_name="tests.echo", parameters=parameters, **fields)], owner_id=owner.pk)[0]  # type: ignore[arg-type]


def failed_task(owner: User, **fields: object) -> Task:
    return run_task(echo_task(owner, parameters={"message": "no", "permanent": True}, **fields))


def test_a_pending_task_is_cancelled_and_its_history_says_by_whom(echo: Echo, ann: User, bob: User) -> None:
    task = act_on_one(Verb.CANCEL, echo_task(ann).pk, actor=bob, address="192.0.2.1")
    assert task.status == State.CANCELLED
    assert TaskEvent.objects.get(task=task, type=EventType.CANCELLED).data == {"by": "bob@example.com"}
    entry = AuditEntry.objects.get(action="task.cancelled")
    assert (entry.actor, entry.object_id, entry.address) == (bob, str(task.pk), "192.0.2.1")
    assert entry.detail == {"task": task.public_id}
    with pytest.raises(RuleViolation, match="has ended as cancelled"):
        act_on_one(Verb.CANCEL, task.pk, actor=bob)
    assert AuditEntry.objects.count() == 1


def test_a_failed_task_runs_again_under_its_own_id(echo: Echo, ann: User, bob: User) -> None:
    task = failed_task(ann)
    again = act_on_one(Verb.RETRY, task.pk, actor=bob)
    assert (again.pk, again.status, again.error_message) == (task.pk, State.PENDING, None)
    assert TaskEvent.objects.get(task=task, type=EventType.REOPENED).data == {"by": "bob@example.com"}
    with pytest.raises(RuleViolation, match="is pending: only failed and cancelled"):
        act_on_one(Verb.RETRY, task.pk, actor=bob)


def test_what_cannot_be_retried_is_left_alone_by_reason(echo: Echo, ann: User) -> None:
    grouped = submit(
        [NewTask(type_name="tests.echo", parameters={"message": "no", "permanent": True})],
        owner_id=ann.pk,
        group=create_group("tests"),
    )[0]
    run_task(grouped)
    kind = register_type(creator=ann, name="declared")
    first = create_task(actor=ann, task_type_id=kind.pk, parameters={})
    second = create_task(actor=ann, task_type_id=kind.pk, parameters={}, depends_on=[first.pk])
    act(Verb.CANCEL, [first.pk], actor=ann)
    second.refresh_from_db()
    assert second.status == State.FAILED
    outcome = act(Verb.RETRY, [grouped.pk, second.pk, failed_task(ann).pk], actor=ann)
    assert len(outcome.changed) == 1
    assert outcome.left_alone == {
        "belongs to a job or run: retry that one instead": 1,
        "waits for a task that ended badly: retry that one first": 1,
    }
    assert act(Verb.RETRY, [first.pk], actor=ann).changed == [first.pk]
    assert act(Verb.RETRY, [second.pk], actor=ann).changed == [second.pk]
    second.refresh_from_db()
    assert (second.unmet, second.due_at) == (1, None)


def test_one_chunk_of_a_job_runs_again_and_the_jobs_figures_follow(ann: User) -> None:
    job = factories.started_job(owner=ann, keywords=("a", "b"))
    for task in factories.tasks_of(job):
        factories.end(task, State.FAILED, error="no", images=2)
    job.refresh_from_db()
    assert job.images == 4
    one = factories.tasks_of(job)[0]
    act_on_one(Verb.RETRY, one.pk, actor=ann)
    job.refresh_from_db()
    assert job.group is not None
    job.group.refresh_from_db()
    assert (job.images, job.group.failed, job.group.settled_at) == (2, 1, None)


def test_a_task_that_waits_for_its_time_runs_now(echo: Echo, ann: User) -> None:
    task = echo_task(ann, run_after=timezone.now() + timedelta(hours=1))
    act_on_one(Verb.RUN_NOW, task.pk, actor=ann)
    task.refresh_from_db()
    assert task.due_at is not None
    assert task.due_at <= timezone.now()
    assert task.run_after is None
    assert run_task(task).status == State.COMPLETED
    with pytest.raises(RuleViolation, match="is completed: only pending"):
        act_on_one(Verb.RUN_NOW, task.pk, actor=ann)
    with pytest.raises(RuleViolation, match="waits for other tasks"):
        act_on_one(Verb.RUN_NOW, echo_task(ann, held=True).pk, actor=ann)
    due = echo_task(ann)
    Task.objects.filter(pk=due.pk).update(due_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(RuleViolation, match="is due already"):
        act_on_one(Verb.RUN_NOW, due.pk, actor=ann)


def test_a_new_priority_moves_the_task_into_its_lane(echo: Echo, ann: User) -> None:
    task = echo_task(ann, parameters={"message": "hello", "key": "some|key"})
    act_on_one(Verb.PRIORITY, task.pk, actor=ann, priority=7)
    task.refresh_from_db()
    assert (task.priority, task.lane) == (7, lane_of(task))
    assert AuditEntry.objects.get().detail == {"task": task.public_id, "priority": 7}
    with pytest.raises(RuleViolation, match="has the priority 7 already"):
        act_on_one(Verb.PRIORITY, task.pk, actor=ann, priority=7)
    run_task(task)
    with pytest.raises(RuleViolation, match="has ended as completed"):
        act_on_one(Verb.PRIORITY, task.pk, actor=ann, priority=8)


def test_no_task_is_an_error(ann: User) -> None:
    with pytest.raises(NotFound):
        act_on_one(Verb.CANCEL, 999, actor=ann)
