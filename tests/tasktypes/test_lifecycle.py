"""Claim, run, settle: the guarded transitions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from pydantic import BaseModel

from pixtasks.accounts.models import User
from pixtasks.common.sql import database_now
from tasktypes.handlers import Handler, LeaseLost, TaskCancelled, handlers
from tasktypes.models import Task, TaskEvent, TaskGroup
from tasktypes.services.cancel import cancel_group, cancel_orphans, cancel_task
from tasktypes.services.claim import claim, renew
from tasktypes.services.context import LeasedContext
from tasktypes.services.retry import reopen
from tasktypes.services.settle import Settlement, settle
from tasktypes.services.submit import NewTask, create_group, submit
from tasktypes.services.sweep import sweep, sweep_lost
from tasktypes.states import State
from tests.ledger import run_all, run_task
from tests.tasktypes.conftest import Echo


def put(owner: User, group: TaskGroup | None = None, count: int = 1, **parameters: Any) -> list[Task]:
    return submit(
        [NewTask(type_name="tests.echo", parameters={"message": str(n), **parameters}) for n in range(count)],
        owner_id=owner.pk,
        group=group,
    )


def expire(task: Task) -> None:
    Task.objects.filter(pk=task.pk).update(lease_expires_at=database_now() - timedelta(seconds=1))


def events(task: Task) -> list[str]:
    return list(TaskEvent.objects.filter(task=task).order_by("seq").values_list("type", flat=True))


def test_a_task_runs_once_and_keeps_its_result(echo: Echo, ann: User) -> None:
    group = create_group("test")
    task = put(ann, group)[0]
    run_task(task)
    task.refresh_from_db()
    group.refresh_from_db()
    assert (task.status, task.result, task.attempt) == ("completed", {"echo": "0"}, 1)
    assert task.started_at <= task.completed_at
    assert (group.completed, group.active) == (1, 0)
    assert group.settled_at is not None
    assert events(task) == ["submitted", "started", "completed"]
    assert [ended.id for ended in echo.settled] == [task.pk]


def test_a_repeated_message_finds_nothing_to_do(echo: Echo, ann: User) -> None:
    task = put(ann)[0]
    assert claim(task.pk, 0, worker="a", carrier="m1") is not None
    assert claim(task.pk, 0, worker="b", carrier="m1") is None
    assert claim(task.pk, 1, worker="b", carrier="m2") is None


def test_a_late_message_of_an_earlier_attempt_does_not_start_a_retry_early(echo: Echo, ann: User) -> None:
    task = put(ann, fail_times=1)[0]
    run_task(task)
    task.refresh_from_db()
    assert (task.status, task.retries) == ("pending", 1)
    assert task.due_at > database_now()
    assert claim(task.pk, 0, worker="late", carrier="m0") is None


def test_a_failure_is_retried_with_back_off_until_the_budget_is_spent(echo: Echo, ann: User) -> None:
    task = put(ann, fail_times=99)[0]
    delays = []
    for _ in range(2):
        run_task(task)
        task.refresh_from_db()
        assert task.status == "pending"
        delays.append(task.due_at - task.updated_at)
    run_task(task)
    task.refresh_from_db()
    assert (task.status, task.retries, task.attempt) == ("failed", 2, 3)
    assert task.error_message == "RuntimeError: failure 3"
    assert "Traceback" in task.traceback
    assert timedelta(seconds=4) <= delays[0] <= timedelta(seconds=5)
    assert timedelta(seconds=8) <= delays[1] <= timedelta(seconds=10)
    assert events(task) == ["submitted", *["started", "retrying"] * 2, "started", "failed"]


def test_a_permanent_failure_is_not_retried(echo: Echo, ann: User) -> None:
    task = run_task(put(ann, permanent=True)[0])
    assert (task.status, task.error_message, task.retries) == ("failed", "this cannot work", 0)


def test_a_stale_attempt_cannot_settle(echo: Echo, ann: User) -> None:
    task = put(ann)[0]
    first = claim(task.pk, 0, worker="a", carrier="m1")
    assert first is not None
    expire(task)
    assert sweep_lost() == 1
    second = claim(task.pk, 1, worker="b", carrier="m2")
    assert second is not None
    done = Settlement(task_id=task.pk, attempt=1, status=State.COMPLETED, result={"by": "a"})
    assert settle([done]) == set()
    task.refresh_from_db()
    assert (task.status, task.attempt, task.result) == ("running", 2, None)


def test_a_stale_attempt_can_neither_checkpoint_nor_store(echo: Echo, ann: User) -> None:
    task = put(ann)[0]
    first = claim(task.pk, 0, worker="a", carrier="m1")
    assert first is not None
    context = LeasedContext(first, time_limit=60)
    expire(task)
    sweep_lost()
    with pytest.raises(LeaseLost):
        context.checkpoint(progress={"images": 1})
    with pytest.raises(LeaseLost):
        context.store(lambda: pytest.fail("must not write"))
    with pytest.raises(LeaseLost):
        context.check_cancelled()
    assert renew([first]) == {}


def test_results_and_progress_are_stored_together_or_not_at_all(echo: Echo, ann: User) -> None:
    task = put(ann)[0]
    claimed = claim(task.pk, 0, worker="a", carrier="m1")
    assert claimed is not None
    context = LeasedContext(claimed, time_limit=60)

    def write() -> tuple[dict[str, Any], dict[str, Any]]:
        TaskGroup.objects.create(kind="result")
        return {"images": 1}, {"cursor": "x"}

    def broken() -> tuple[dict[str, Any], dict[str, Any]]:
        TaskGroup.objects.create(kind="result")
        raise RuntimeError("the disk is full")

    context.store(write)
    with pytest.raises(RuntimeError):
        context.store(broken)
    task.refresh_from_db()
    assert TaskGroup.objects.filter(kind="result").count() == 1
    assert (task.progress, task.state) == ({"images": 1}, {"cursor": "x"})
    assert events(task) == ["submitted", "started", "progress"]


def test_a_lost_worker_costs_no_retry_and_no_back_off_the_first_time(echo: Echo, ann: User) -> None:
    task = put(ann)[0]
    claim(task.pk, 0, worker="a", carrier="m1")
    expire(task)
    assert sweep().lost == 1
    task.refresh_from_db()
    assert (task.status, task.retries, task.crashes) == ("pending", 0, 1)
    assert task.due_at <= database_now()
    assert run_all() == 1


def test_a_task_that_crashes_three_workers_in_a_row_is_failed(echo: Echo, ann: User) -> None:
    task = put(ann)[0]
    for attempt in range(3):
        assert claim(task.pk, attempt, worker="a", carrier=f"m{attempt}") is not None
        expire(task)
        sweep_lost()
    task.refresh_from_db()
    assert task.status == "failed"
    assert "lost 3 times in a row" in task.error_message


def test_a_checkpoint_between_crashes_forgives_them(echo: Echo, ann: User) -> None:
    task = put(ann)[0]
    for attempt in range(5):
        claimed = claim(task.pk, attempt, worker="a", carrier=f"m{attempt}")
        assert claimed is not None
        LeasedContext(claimed, time_limit=60).checkpoint(progress={"images": attempt})
        expire(task)
        sweep_lost()
    task.refresh_from_db()
    assert (task.status, task.crashes) == ("pending", 1)


def test_a_row_past_its_time_limit_is_failed_not_counted_as_a_crash(echo: Echo, ann: User) -> None:
    task = put(ann)[0]
    claim(task.pk, 0, worker="a", carrier="m")
    Task.objects.filter(pk=task.pk).update(started_at=database_now() - timedelta(hours=2))
    expire(task)
    sweep_lost()
    task.refresh_from_db()
    assert (task.status, task.crashes) == ("failed", 0)
    assert task.error_message == "Ran longer than its limit of 3600 s"


def test_cancelling_a_group_ends_pending_tasks_and_marks_running_ones(echo: Echo, ann: User) -> None:
    group = create_group("test")
    tasks = put(ann, group, count=3)
    claimed = claim(tasks[0].pk, 0, worker="a", carrier="m")
    assert claimed is not None
    assert cancel_group(group.pk) == 3
    group.refresh_from_db()
    assert (group.cancelled, group.active) == (2, 1)
    assert group.cancelled_at is not None
    assert group.settled_at is None
    context = LeasedContext(claimed, time_limit=60)
    with pytest.raises(TaskCancelled):
        context.checkpoint(progress={"images": 5})
    tasks[0].refresh_from_db()
    assert tasks[0].progress == {"images": 5}  # What it had is kept.
    settle([Settlement(task_id=tasks[0].pk, attempt=1, status=State.CANCELLED)])
    group.refresh_from_db()
    assert (group.cancelled, group.active) == (3, 0)
    assert group.settled_at is not None
    assert len(echo.settled) == 3


def test_nothing_of_a_cancelled_group_can_be_claimed(echo: Echo, ann: User) -> None:
    group = create_group("test")
    task = put(ann, group)[0]
    TaskGroup.objects.filter(pk=group.pk).update(cancelled_at=database_now())
    assert claim(task.pk, 0, worker="a", carrier="m") is None
    assert cancel_orphans() == 1
    task.refresh_from_db()
    assert task.status == "cancelled"


def test_a_failure_after_a_cancel_does_not_bring_the_task_back(echo: Echo, ann: User) -> None:
    task = put(ann)[0]
    claim(task.pk, 0, worker="a", carrier="m")
    assert cancel_task(task.pk)
    settle([Settlement(task_id=task.pk, attempt=1, status=State.PENDING, error_message="x", delay=0)])
    task.refresh_from_db()
    assert task.status == "cancelled"


def test_a_cancel_that_is_not_heard_is_settled_by_the_sweeper(echo: Echo, ann: User) -> None:
    task = put(ann)[0]
    claim(task.pk, 0, worker="a", carrier="m")
    cancel_task(task.pk)
    assert sweep().cancelled == 0
    Task.objects.filter(pk=task.pk).update(cancel_requested_at=F("cancel_requested_at") - timedelta(seconds=6))
    assert sweep().cancelled == 1
    task.refresh_from_db()
    assert task.status == "cancelled"


def test_cancelling_what_has_ended_changes_nothing(echo: Echo, ann: User) -> None:
    task = run_task(put(ann)[0])
    assert not cancel_task(task.pk)
    task.refresh_from_db()
    assert task.status == "completed"


def test_reopening_takes_the_end_out_of_the_counters(echo: Echo, ann: User) -> None:
    group = create_group("test")
    task = put(ann, group, permanent=True)[0]
    run_task(task)
    group.refresh_from_db()
    assert (group.failed, group.settled_at is not None) == (1, True)
    assert reopen([task.pk]) == [task.pk]
    assert reopen([task.pk]) == []
    group.refresh_from_db()
    assert (group.failed, group.active, group.settled_at) == (0, 1, None)
    assert [ended.id for ended in echo.reopened] == [task.pk]
    task.refresh_from_db()
    assert (task.status, task.error_message, task.attempt) == ("pending", None, 1)


def test_prerequisites_run_first_and_a_failed_one_fails_its_dependents(echo: Echo, ann: User) -> None:
    first, second = put(ann, count=2)
    bad = put(ann, permanent=True)[0]
    both = submit(
        [NewTask(type_name="tests.echo", parameters={"message": "both"}, depends_on=[first.pk, second.pk], priority=1)],
        owner_id=ann.pk,
    )[0]
    doomed = submit(
        [NewTask(type_name="tests.echo", parameters={"message": "doomed"}, depends_on=[bad.pk], priority=1)],
        owner_id=ann.pk,
    )[0]
    last = submit(
        [NewTask(type_name="tests.echo", parameters={"message": "last"}, depends_on=[doomed.pk])], owner_id=ann.pk
    )[0]
    run_all()
    for task in (both, doomed, last):
        task.refresh_from_db()
    assert both.status == "completed"
    assert (doomed.status, doomed.error_message) == ("failed", f"The prerequisite {bad.public_id} ended as failed")
    assert last.status == "failed"
    assert echo.ran == ["0", "1", "both", "0"] or echo.ran == ["0", "1", "0", "both"]


def test_a_handler_that_reports_often_writes_at_most_one_event_a_second(db: None, ann: User) -> None:
    class NoParams(BaseModel):
        """Nothing."""

    class Chatty(Handler[NoParams]):
        name = "tests.chatty"
        Params = NoParams

        def run(self, params: NoParams, context: LeasedContext) -> dict[str, Any]:
            for number in range(1000):
                context.progress({"done": number})
            return {}

    with handlers.temporarily(Chatty()):
        task = run_task(submit([NewTask(type_name="tests.chatty")], owner_id=ann.pk)[0])
    assert task.status == "completed"
    assert events(task).count("progress") < 10
