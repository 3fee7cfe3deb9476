"""Tasks that outside workers run: claim, heartbeat, complete, fail; and changes by hand (CONTRACT X36, X29)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied, Conflict, InvalidInput, NotFound
from pixtasks.common.sql import database_now
from tasktypes.models import Task, TaskType
from tasktypes.services.cancel import cancel_task
from tasktypes.services.dispatch import choose
from tasktypes.services.outside import Leased, claim_tasks, complete, fail, heartbeat, lease_token
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.sweep import sweep, sweep_lost
from tasktypes.services.task_types import deactivate_type, register_type, type_for, update_type
from tasktypes.services.update import delete_task, update_task
from tasktypes.states import State
from tests.ledger import live_worker, run_all
from tests.tasktypes.conftest import Echo

SCHEMA = {
    "type": "object",
    "properties": {"format": {"type": "string", "enum": ["mp4", "webm"]}},
    "required": ["format"],
}


@pytest.fixture
def video(ann: User) -> TaskType:
    return register_type(
        creator=ann, name="video", parameters_schema=SCHEMA, metadata={"max_retries": 1, "backoff": 10}
    )


def put(kind: TaskType, owner: User, count: int = 1, **fields: Any) -> list[Task]:
    new = [NewTask(type_name=kind.name, task_type=kind, parameters={"format": "mp4"}, **fields) for _ in range(count)]
    return submit(new, owner_id=owner.pk)


def take(owner: User, **fields: Any) -> list[Leased]:
    return claim_tasks(worker="shell", owner_id=owner.pk, **{"limit": 10, **fields})


def test_parameters_are_checked_against_the_types_schema(video: TaskType, ann: User) -> None:
    with pytest.raises(InvalidInput) as raised:
        submit([NewTask(type_name="video", task_type=video, parameters={"format": "avi"})], owner_id=ann.pk)
    assert raised.value.errors[0].loc == ("parameters", "format")
    update_type(video, actor=ann, metadata={"validate_parameters": False})
    submit([NewTask(type_name="video", task_type=video, parameters={"format": "avi"})], owner_id=ann.pk)


def test_a_types_name_is_unique_and_only_its_creator_or_staff_changes_it(video: TaskType, ann: User, bob: User) -> None:
    with pytest.raises(Conflict):
        register_type(creator=bob, name="video")
    with pytest.raises(InvalidInput):
        register_type(creator=bob, name="jobs.download_images")
    with pytest.raises(AccessDenied):
        update_type(video, actor=bob, description="mine")
    deactivate_type(video, actor=ann)
    assert not type_for(video.pk).is_active
    with pytest.raises(NotFound, match="Task type 999 not found"):
        type_for(999)


def test_no_message_is_sent_for_tasks_of_outside_workers(video: TaskType, ann: User) -> None:
    put(video, ann)
    live_worker(slots=5)
    assert choose() == []
    assert run_all() == 0


def test_a_task_is_handed_out_once_with_a_lease_and_completed_with_its_token(video: TaskType, ann: User) -> None:
    task = put(video, ann)[0]
    (leased,) = take(ann, lease_seconds=60)
    assert take(ann) == []
    assert (leased.task.pk, leased.attempt, leased.task.status) == (task.pk, 1, "running")
    assert leased.lease_token == lease_token(task.pk, 1)
    assert leased.task.worker == "shell"
    for _ in range(2):  # A repeated complete of the same attempt is the same 200.
        done = complete(task, attempt=1, token=leased.lease_token, result={"seconds": 5})
        assert (done.status, done.result) == ("completed", {"seconds": 5})
    with pytest.raises(Conflict):
        heartbeat(task, attempt=1, token=leased.lease_token)


def test_a_wrong_token_or_a_stale_attempt_is_refused(video: TaskType, ann: User) -> None:
    task = put(video, ann)[0]
    (first,) = take(ann)
    with pytest.raises(Conflict):
        complete(task, attempt=1, token="made up")
    Task.objects.filter(pk=task.pk).update(lease_expires_at=database_now() - timedelta(seconds=1))
    assert sweep_lost() == 1
    (second,) = take(ann)
    assert second.attempt == 2
    with pytest.raises(Conflict, match="no longer owns"):
        complete(task, attempt=1, token=first.lease_token, result={})
    assert complete(task, attempt=2, token=second.lease_token).status == "completed"


def test_a_heartbeat_renews_the_lease_stores_progress_and_answers_a_cancel(video: TaskType, ann: User) -> None:
    task = put(video, ann)[0]
    (leased,) = take(ann, lease_seconds=1)
    beat = heartbeat(task, attempt=1, token=leased.lease_token, lease_seconds=100, progress={"percent": 40})
    assert beat.progress == {"percent": 40}
    assert beat.lease_expires_at is not None
    assert beat.lease_expires_at > database_now() + timedelta(seconds=90)
    assert beat.cancel_requested_at is None
    cancel_task(task.pk)
    beat = heartbeat(task, attempt=1, token=leased.lease_token)
    assert beat.cancel_requested_at is not None
    Task.objects.filter(pk=task.pk).update(cancel_requested_at=database_now() - timedelta(minutes=1))
    assert sweep().cancelled == 0  # Its worker decides while it keeps its lease.
    stopped = fail(task, attempt=1, token=leased.lease_token, error_message="stopped", retry=False)
    assert stopped.status == "cancelled"


def test_a_failure_is_tried_again_after_the_types_back_off_until_its_budget_is_spent(
    video: TaskType, ann: User
) -> None:
    task = put(video, ann)[0]
    (leased,) = take(ann)
    back = fail(task, attempt=1, token=leased.lease_token, error_message="no disk")
    assert (back.status, back.retries, back.error_message) == ("pending", 1, "no disk")
    assert back.due_at is not None
    assert timedelta(seconds=9) < back.due_at - database_now() <= timedelta(seconds=10)
    assert take(ann) == []
    Task.objects.filter(pk=task.pk).update(due_at=database_now() - timedelta(seconds=1))
    (again,) = take(ann)
    assert fail(task, attempt=2, token=again.lease_token, error_message="no disk").status == "failed"


def test_claims_are_limited_to_the_owner_and_to_the_types_asked_for(video: TaskType, ann: User, bob: User) -> None:
    audio = register_type(creator=ann, name="audio|strange name")
    put(video, ann)
    put(video, bob)
    put(audio, ann)
    assert [leased.task.type_name for leased in take(ann, type_names=[audio.name])] == [audio.name]
    assert [leased.task.created_by_id for leased in take(ann)] == [ann.pk]
    assert [leased.task.created_by_id for leased in claim_tasks(worker="w", owner_id=None, limit=5)] == [bob.pk]


def test_the_documented_way_by_hand_pending_running_completed(video: TaskType, ann: User) -> None:
    task = put(video, ann)[0]
    running = update_task(task, actor=ann, status=State.RUNNING)
    assert (running.status, running.lease_expires_at) == ("running", None)
    assert running.started_at is not None
    assert sweep().lost == 0
    done = update_task(task, actor=ann, status=State.COMPLETED, result={"clusters": 5})
    assert (done.status, done.result) == ("completed", {"clusters": 5})
    assert done.completed_at is not None
    with pytest.raises(Conflict, match="has ended as completed; it cannot become running"):
        update_task(task, actor=ann, status=State.RUNNING)
    assert update_task(task, actor=ann, status=State.COMPLETED, priority=7).priority == 7


def test_pending_may_become_completed_or_failed_at_once(video: TaskType, ann: User) -> None:
    first, second, third = put(video, ann, 3)
    assert update_task(first, actor=ann, status=State.COMPLETED, result={"a": 1}).started_at is not None
    failed = update_task(second, actor=ann, status=State.FAILED, error_message="no")
    assert (failed.status, failed.error_message) == ("failed", "no")
    assert update_task(third, actor=ann, status=State.CANCELLED).status == "cancelled"


def test_a_cancel_ends_what_was_set_to_running_by_hand(video: TaskType, ann: User) -> None:
    task = put(video, ann)[0]
    update_task(task, actor=ann, status=State.RUNNING)
    assert update_task(task, actor=ann, status=State.CANCELLED).status == "cancelled"


def test_what_a_handler_runs_can_only_be_cancelled_or_moved_in_the_queue(echo: Echo, ann: User) -> None:
    task = submit([NewTask(type_name="tests.echo", parameters={"message": "x"})], owner_id=ann.pk)[0]
    with pytest.raises(Conflict, match="is run by the handler"):
        update_task(task, actor=ann, status=State.COMPLETED)
    with pytest.raises(Conflict):
        delete_task(task, actor=ann)
    moved = update_task(task, actor=ann, priority=1)
    assert moved.lane.startswith("h0001|")
    assert update_task(task, actor=ann, status=State.CANCELLED).status == "cancelled"


def test_deleting_a_prerequisite_fails_its_dependents_and_says_so(video: TaskType, ann: User, bob: User) -> None:
    first = put(video, ann)[0]
    second = put(video, ann, depends_on=[first.pk])[0]
    with pytest.raises(AccessDenied):
        delete_task(first, actor=bob)
    delete_task(first, actor=ann)
    second.refresh_from_db()
    assert (second.status, second.error_message) == ("failed", f"The prerequisite {first.public_id} was deleted")
    with pytest.raises(NotFound):
        delete_task(first, actor=ann)


def test_created_and_updated_are_the_same_until_something_changes(video: TaskType, ann: User) -> None:
    task = Task.objects.get(pk=put(video, ann)[0].pk)
    assert task.created_at == task.updated_at
    assert update_task(task, actor=ann, priority=3).updated_at > task.created_at
