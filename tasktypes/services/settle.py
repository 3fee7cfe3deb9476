"""Settling: the one way out of ``running`` (RELIABILITY.md, step 5).

One transaction: the fenced UPDATE, the group's counters, the event, the handler's hook, the dependents. Whatever a
handler computed counts only if this transaction commits, and it can commit only once per attempt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.expressions import F
from django.db.models.functions import Now

from pixtasks.common.crash_points import crash_after_commit, crash_point
from pixtasks.common.sql import update_returning
from tasktypes.handlers import Claimed, EndedTask, handlers
from tasktypes.models import DependencyFailure, Task, TaskEvent
from tasktypes.services import tally, throughput
from tasktypes.services.groups import count_ended, settle_if_complete
from tasktypes.states import EventType, State
from tasktypes.webhooks.services import events as webhooks

_EVENT = {State.COMPLETED: EventType.COMPLETED, State.FAILED: EventType.FAILED, State.CANCELLED: EventType.CANCELLED}
_ENDED = (
    "id", "public_id", "type_name", "group_id", "created_by_id", "status", "parameters", "progress", "result",
    "error_message",
)  # fmt: skip
_TEXT_LIMIT = 20_000


class Cause(Enum):
    """Why an attempt goes back to pending, and what that costs."""

    FAILURE = EventType.RETRYING  # The handler raised: one retry of the budget.
    LOST = EventType.LOST  # The worker vanished: no retry, but one crash.
    STOPPING = EventType.RELEASED  # The worker was told to stop: nothing.
    POSTPONED = EventType.POSTPONED  # The handler waits for its time: nothing.


_COUNTED = {Cause.FAILURE: "retries", Cause.LOST: "crashes"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How one attempt ended.

    Args:
        task_id, attempt: the fence.
        status: COMPLETED, FAILED, CANCELLED, or PENDING for another attempt.
        delay: seconds until the next attempt (PENDING).
        cause: why there is another attempt (PENDING).
    """

    task_id: int
    attempt: int
    status: State
    result: dict[str, Any] | None = None
    error_message: str | None = None
    traceback: str = ""
    delay: float = 0
    cause: Cause = Cause.FAILURE


def settle(settlements: Sequence[Settlement]) -> set[int]:
    """Close attempts, all in one transaction.

    Returns:
        The ids whose settlement was accepted. The others had lost their lease: somebody else decides about them.
    """
    accepted: set[int] = set()
    ended: list[EndedTask] = []
    events: list[TaskEvent] = []
    moves: list[tally.Move] = []
    source_failures: list[tuple[str, str, int | None]] = []
    with transaction.atomic():
        for settlement in sorted(settlements, key=lambda one: one.task_id):
            running = Task.objects.filter(pk=settlement.task_id, attempt=settlement.attempt, status=State.RUNNING)
            if settlement.status == State.PENDING:
                row, event = _back_to_pending(running, settlement)
            else:
                row, event = _end(running, settlement)
            if row is None:
                continue
            accepted.add(row["id"])
            events.append(event(row))
            moves.append((row["created_by_id"], row["type_name"], State.RUNNING, State(row["status"])))
            if row["status"] != State.PENDING:
                ended.append(ended_task(row))
            elif settlement.cause == Cause.FAILURE and (
                source := throughput.source_of(row["type_name"], row["parameters"])
            ):
                source_failures.append((source, settlement.error_message or "", row["id"]))
        TaskEvent.objects.bulk_create(events)
        tally.record(moves)
        if source_failures:
            throughput.record_failed_attempts(source_failures)
        close(ended)
        if accepted:
            crash_after_commit("settle.after_commit")
            crash_point("settle.before_commit")
    return accepted


def close(ended: Sequence[EndedTask]) -> None:
    """Do what follows from tasks having ended: counters, hooks, dependents. Inside the ending transaction.

    Args:
        ended: rows that this transaction has moved to a terminal state.
    """
    # The lock order is task, group, then what hooks touch; cancel_group takes the group first, too.
    waiting = list(ended)
    while waiting:
        throughput.record_ends(waiting)
        groups = count_ended(waiting)
        for type_name in sorted({task.type_name for task in waiting}):
            handler = handlers.get(type_name)
            if handler is not None:
                handler.on_settled([task for task in waiting if task.type_name == type_name])
        for group_id in groups:
            settle_if_complete(group_id)
        webhooks.notify(waiting)
        waiting = settle_dependents(waiting)


def ended_task(row: dict[str, Any]) -> EndedTask:
    """Return what hooks see of a row read back with the columns of ``_ENDED``."""
    return EndedTask(
        id=row["id"],
        public_id=row["public_id"],
        type_name=row["type_name"],
        group_id=row["group_id"],
        created_by_id=row["created_by_id"],
        status=State(row["status"]),
        parameters=row["parameters"],
        progress=row["progress"],
        result=row["result"],
        error_message=row["error_message"],
    )


ENDED_COLUMNS = (*_ENDED, "event_seq", "completed_at")


def _end(running: Any, settlement: Settlement) -> tuple[dict[str, Any] | None, Any]:
    won = update_returning(
        running,
        {
            "status": settlement.status,
            "result": settlement.result,
            "error_message": _clip(settlement.error_message),
            "traceback": _clip(settlement.traceback) or "",
            "completed_at": Now(),
            "updated_at": Now(),
            "lease_expires_at": None,
            "due_at": None,
            "event_seq": F("event_seq") + 1,
        },
        ENDED_COLUMNS,
    )

    def event(row: dict[str, Any]) -> TaskEvent:
        return end_event(row)

    return (won[0] if won else None), event


def end_event(row: dict[str, Any]) -> TaskEvent:
    """Return the event that says how a task ended."""
    status = State(row["status"])
    facts = {"error": row["error_message"][:500]} if row["error_message"] else {}
    return TaskEvent(
        task_id=row["id"], seq=row["event_seq"], type=_EVENT[status], data=facts, created_at=row["completed_at"]
    )


def _back_to_pending(running: Any, settlement: Settlement) -> tuple[dict[str, Any] | None, Any]:
    counted = {_COUNTED[settlement.cause]: F(_COUNTED[settlement.cause]) + 1} if settlement.cause in _COUNTED else {}
    won = update_returning(
        # Whoever asked for a cancel has the last word: such a row must not run again.
        running.filter(cancel_requested_at__isnull=True),
        {
            "status": State.PENDING,
            "error_message": _clip(settlement.error_message),
            "traceback": _clip(settlement.traceback) or "",
            "updated_at": Now(),
            "lease_expires_at": None,
            "published_at": None,
            "unanswered": 0,
            "due_at": Now() + timedelta(seconds=settlement.delay),
            "event_seq": F("event_seq") + 1,
            **counted,
        },
        (*_ENDED, "event_seq", "updated_at", "retries", "crashes"),
    )
    if not won:
        return _end(running, Settlement(task_id=settlement.task_id, attempt=settlement.attempt, status=State.CANCELLED))

    def event(row: dict[str, Any]) -> TaskEvent:
        return TaskEvent(
            task_id=row["id"],
            seq=row["event_seq"],
            type=settlement.cause.value,
            data={
                "error": (settlement.error_message or "")[:500],
                "delay": settlement.delay,
                "retries": row["retries"],
                "crashes": row["crashes"],
            },
            created_at=row["updated_at"],
        )

    return won[0], event


def settle_dependents(ended: Sequence[EndedTask], *, how: str = "") -> list[EndedTask]:
    """Free the dependents of completed tasks; fail those of tasks that ended badly (CONTRACT X70).

    Args:
        how: what became of the prerequisites, where their status does not say it ("was deleted").
    """
    through = Task.depends_on.through
    links = list(
        through._default_manager.filter(to_task_id__in=[task.id for task in ended]).values_list(
            "from_task_id", "to_task_id"
        )
    )
    if not links:
        return []
    by_id = {task.id: task for task in ended}
    failed: list[EndedTask] = []
    for dependent_id, prerequisite_id in sorted(links):
        prerequisite = by_id[prerequisite_id]
        waiting = Task.objects.filter(pk=dependent_id, status=State.PENDING, unmet__gt=0)
        if prerequisite.status == State.COMPLETED:
            waiting.update(unmet=F("unmet") - 1, updated_at=Now())
            freed = Task.objects.filter(pk=dependent_id, status=State.PENDING, unmet=0, due_at__isnull=True)
            freed.filter(Q(run_after__isnull=True) | Q(run_after__lte=Now())).update(due_at=Now())
            freed.filter(run_after__gt=Now()).update(due_at=F("run_after"))
        else:
            message = f"The prerequisite {prerequisite.public_id} {how or f'ended as {prerequisite.status.value}'}"
            won = update_returning(
                waiting.filter(on_dependency_failure=DependencyFailure.FAIL),
                {
                    "status": State.FAILED,
                    "error_message": message,
                    "completed_at": Now(),
                    "updated_at": Now(),
                    "due_at": None,
                    "event_seq": F("event_seq") + 1,
                },
                ENDED_COLUMNS,
            )
            TaskEvent.objects.bulk_create([end_event(row) for row in won])
            failed += [ended_task(row) for row in won]
    tally.record((task.created_by_id, task.type_name, State.PENDING, State.FAILED) for task in failed)
    return failed


def failure_of(claimed: Claimed, message: str, trace: str, *, permanent: bool) -> Settlement:
    """Return what follows from an attempt that raised: another one while the budget lasts, else the end."""
    handler = handlers.get(claimed.type_name)
    again = not permanent and handler is not None and claimed.retries < claimed.max_retries
    return Settlement(
        task_id=claimed.id,
        attempt=claimed.attempt,
        status=State.PENDING if again else State.FAILED,
        error_message=message,
        traceback=trace,
        delay=handler.retry_delay(claimed.retries + 1) if again and handler is not None else 0,
    )


def _clip(text: str | None) -> str | None:
    """Cut long texts, and drop NULs, which PostgreSQL does not store."""
    return text.replace("\x00", "")[-_TEXT_LIMIT:] if text else text
