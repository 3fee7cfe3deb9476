"""The state machine of a task: one vocabulary, one table of transitions (CONTRACT 1.1, X05).

::

    pending ──claim──▶ running ──settle──▶ completed | failed | cancelled
       │  ▲               │
       │  └──retry, lost──┘
       ├──cancel──▶ cancelled
       └──dependency failed──▶ failed
    failed | cancelled ──manual retry──▶ pending
"""

from __future__ import annotations

from django.db import models


class State(models.TextChoices):
    """Where a task stands."""

    PENDING = "pending", "Pending"  # Waits for its time, its prerequisites, its rate or a worker.
    RUNNING = "running", "Running"  # A worker holds it under a lease.
    COMPLETED = "completed", "Completed"  # The handler returned a result.
    FAILED = "failed", "Failed"  # The handler gave up, or the task crashed its workers.
    CANCELLED = "cancelled", "Cancelled"  # Somebody asked for it to stop.


ACTIVE = frozenset({State.PENDING, State.RUNNING})
TERMINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})

TRANSITIONS: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.RUNNING, State.CANCELLED, State.FAILED}),
    State.RUNNING: frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.PENDING}),
    State.COMPLETED: frozenset(),
    State.FAILED: frozenset({State.PENDING}),
    State.CANCELLED: frozenset({State.PENDING}),
}


class EventType(models.TextChoices):
    """What a line of a task's history says."""

    SUBMITTED = "submitted", "Submitted"
    STARTED = "started", "Started"
    PROGRESS = "progress", "Progress"
    RETRYING = "retrying", "Waiting for retry"
    LOST = "lost", "Worker lost"
    RELEASED = "released", "Given back by a stopping worker"
    POSTPONED = "postponed", "Waiting for its time"
    CANCEL_REQUESTED = "cancel_requested", "Cancel requested"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    REOPENED = "reopened", "Retried by hand"
