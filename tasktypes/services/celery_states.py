"""The ledger's states in Celery's words (CONTRACT 1.1, X05), and back: which rows a word means."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import Q

from tasktypes.models import Task
from tasktypes.states import State


class TaskStatus(StrEnum):
    """Where a task stands, in Celery's words."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    PROGRESS = "PROGRESS"
    RETRY = "RETRY"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"


_ENDS = {
    State.COMPLETED: TaskStatus.SUCCESS,
    State.FAILED: TaskStatus.FAILURE,
    State.CANCELLED: TaskStatus.REVOKED,
}
_FAILED_BEFORE = Q(retries__gt=0) | Q(crashes__gt=0)
_MARKED = Q(cancel_requested_at__isnull=False)
_ROWS: dict[TaskStatus, tuple[Q, ...]] = {
    TaskStatus.PENDING: (Q(status=State.PENDING) & ~_FAILED_BEFORE,),
    TaskStatus.RETRY: (Q(status=State.PENDING) & _FAILED_BEFORE,),
    TaskStatus.STARTED: (Q(status=State.RUNNING, progress__isnull=True) & ~_MARKED,),
    TaskStatus.PROGRESS: (Q(status=State.RUNNING, progress__isnull=False) & ~_MARKED,),
    TaskStatus.SUCCESS: (Q(status=State.COMPLETED),),
    TaskStatus.FAILURE: (Q(status=State.FAILED),),
    TaskStatus.REVOKED: (Q(status=State.CANCELLED), Q(status=State.RUNNING) & _MARKED),
}


def celery_status(task: Task) -> TaskStatus:
    """Return the word for a task's state.

    A running task that was asked to stop reads REVOKED at once (CONTRACT X06).
    """
    state = State(task.status)
    if state in _ENDS:
        return _ENDS[state]
    if state == State.PENDING:
        return TaskStatus.RETRY if task.retries or task.crashes else TaskStatus.PENDING
    if task.cancel_requested_at is not None:
        return TaskStatus.REVOKED
    return TaskStatus.STARTED if task.progress is None else TaskStatus.PROGRESS


def conditions(status: TaskStatus | None) -> tuple[Q, ...]:
    """Return filters that together find each row of a word once; each runs along one index.

    Args:
        status: None means any.
    """
    return (Q(),) if status is None else _ROWS[status]


def state_of(status: TaskStatus) -> State | None:
    """Return the one state that a word is about, or None where it shares it with another word."""
    return {TaskStatus.SUCCESS: State.COMPLETED, TaskStatus.FAILURE: State.FAILED}.get(status)
