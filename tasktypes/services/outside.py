"""Outside workers: claim, heartbeat, complete, fail over HTTP, with a lease token (CONTRACT X36, D16).

The token is not stored: it is derived from the row, its attempt and this installation's key, so it fits exactly one
attempt and cannot be guessed.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare, salted_hmac

from pixtasks.common.errors import Conflict
from pixtasks.common.sql import update_returning
from tasktypes.handlers import Claimed
from tasktypes.models import Task, TaskEvent
from tasktypes.services.claim import claim_outside
from tasktypes.services.dispatch import dispatch_after_commit
from tasktypes.services.settle import Settlement, settle
from tasktypes.services.task_types import declared_delay
from tasktypes.states import EventType, State
from tasktypes.webhooks.services.audience import ProgressAudience
from tasktypes.webhooks.services.events import tell_progress


@dataclass(frozen=True, slots=True)
class Leased:
    """A task in an outside worker's hands."""

    task: Task
    attempt: int
    lease_token: str


def lease_token(task_id: int, attempt: int) -> str:
    """Return the token of one attempt."""
    return salted_hmac("tasktypes.lease", f"{task_id}:{attempt}", algorithm="sha256").hexdigest()[:43]


def claim_tasks(
    *,
    worker: str,
    limit: int = 1,
    lease_seconds: float = 60,
    type_names: Collection[str] | None = None,
    owner_id: int | None,
) -> list[Leased]:
    """Hand out the next tasks; see :func:`tasktypes.services.claim.claim_outside`."""
    claimed = claim_outside(
        worker=worker, limit=limit, lease_seconds=lease_seconds, type_names=type_names, owner_id=owner_id
    )
    rows = Task.objects.in_bulk([row.id for row in claimed])
    return [_leased(rows[row.id], row) for row in claimed if row.id in rows]


def heartbeat(
    task: Task, *, attempt: int, token: str, lease_seconds: float = 60, progress: dict[str, Any] | None = None
) -> Task:
    """Renew a lease, and store progress where there is some.

    Returns:
        The row as it is now; ``cancel_requested_at`` says whether the worker shall stop.

    Raises:
        Conflict: another attempt owns the task, or it has ended.
    """
    _check_token(task, attempt, token)
    changes: dict[str, Any] = {
        "lease_expires_at": Now() + timedelta(seconds=lease_seconds),
        "crashes": 0,
        "updated_at": Now(),
    }
    if progress is not None:
        changes |= {"progress": progress, "event_seq": F("event_seq") + 1}
    with transaction.atomic():
        won = update_returning(
            Task.objects.filter(pk=task.pk, status=State.RUNNING, attempt=attempt),
            changes,
            ["id", "event_seq", "updated_at"],
        )
        if won and progress is not None:
            TaskEvent.objects.create(
                task_id=task.pk,
                seq=won[0]["event_seq"],
                type=EventType.PROGRESS,
                data=progress,
                created_at=won[0]["updated_at"],
            )
            tell_progress(ProgressAudience(task), progress, won[0]["event_seq"])
    if not won:
        raise _stale(task)
    task.refresh_from_db()
    return task


def complete(task: Task, *, attempt: int, token: str, result: dict[str, Any] | None = None) -> Task:
    """End a task well. A repeated call of the same attempt changes nothing and returns the same.

    Raises:
        Conflict: another attempt owns the task, or it has ended otherwise.
    """
    _check_token(task, attempt, token)
    return _end(task, Settlement(task_id=task.pk, attempt=attempt, status=State.COMPLETED, result=result or {}))


def fail(
    task: Task,
    *,
    attempt: int,
    token: str,
    error_message: str,
    retry: bool = True,
    result: dict[str, Any] | None = None,
) -> Task:
    """End an attempt badly: the task is tried again while its budget lasts, else it has failed.

    Where somebody has asked the task to stop, it ends as cancelled: that is what the worker has done.

    Args:
        retry: False = trying again cannot help.

    Raises:
        Conflict: another attempt owns the task, or it has ended otherwise.
    """
    _check_token(task, attempt, token)
    task.refresh_from_db(fields=["retries", "max_retries", "cancel_requested_at"])
    stopped = task.cancel_requested_at is not None
    again = not stopped and retry and task.task_type is not None and task.retries < task.max_retries
    settlement = Settlement(
        task_id=task.pk,
        attempt=attempt,
        status=State.PENDING if again else State.CANCELLED if stopped else State.FAILED,
        error_message=error_message,
        result=result,
        delay=declared_delay(task.task_type, task.retries + 1) if again and task.task_type is not None else 0,
    )
    return _end(task, settlement)


def _end(task: Task, settlement: Settlement) -> Task:
    with transaction.atomic():
        accepted = settle([settlement])
        dispatch_after_commit()
    task.refresh_from_db()
    repeated = task.attempt == settlement.attempt and task.status == settlement.status
    if not accepted and not repeated:
        raise _stale(task)
    return task


def _check_token(task: Task, attempt: int, token: str) -> None:
    if not constant_time_compare(token, lease_token(task.pk, attempt)):
        raise Conflict("The lease token does not fit this task and attempt; claim the task again")


def _stale(task: Task) -> Conflict:
    task.refresh_from_db()
    return Conflict(
        f"This attempt no longer owns task {task.pk}: it is {task.status}, attempt {task.attempt}; drop the work"
    )


def _leased(task: Task, row: Claimed) -> Leased:
    return Leased(task, row.attempt, lease_token(row.id, row.attempt))
