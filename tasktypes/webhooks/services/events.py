"""What endpoints are told of, always inside the transaction that makes it true: ends, progress, jobs, validations."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from pixtasks.common.times import wire_time
from tasktypes.handlers import AnyTask, EndedTask, Scope
from tasktypes.models import Task
from tasktypes.states import State
from tasktypes.webhooks.models import WebhookEvent
from tasktypes.webhooks.services.audience import ProgressAudience, listeners, task_listeners
from tasktypes.webhooks.services.queue import DELIVER, MAX_RETRIES, Message, enqueue, replace_waiting

__all__ = ["DELIVER", "EVENTS_KEY", "MAX_RETRIES", "announce", "notify", "tell_progress"]

EVENTS_KEY: Final = "webhook_events"
"""In a task's metadata: the events it may cause, absent for all (CONTRACT X48: preferences gate webhooks)."""

_EVENTS: Final = {
    State.COMPLETED: WebhookEvent.COMPLETED,
    State.FAILED: WebhookEvent.FAILED,
    State.CANCELLED: WebhookEvent.CANCELLED,
}
_LONGEST: Final = 100_000
_AT_A_TIME: Final = 500


def notify(ended: Sequence[EndedTask]) -> None:
    """Insert a delivery for every endpoint that wants to hear that these tasks have ended.

    Call it inside the ending transaction, once per end. It costs one query while nobody listens.
    """
    # Deliveries are tasks, too: telling about them would never end.
    told = [task for task in ended if task.type_name != DELIVER]
    for start in range(0, len(told), _AT_A_TIME):
        _notify(told[start : start + _AT_A_TIME])


def _notify(ended: Sequence[EndedTask]) -> None:
    found, scopes = task_listeners(ended)
    matches = [
        (listener, task)
        for task in ended
        for listener in found
        if listener.wants(task, _EVENTS[task.status], scopes.get(task.id))
    ]
    if not matches:
        return
    messages: dict[int, Message] = {}
    rows = _rows({task.id for _, task in matches})
    for task in {task.id: task for _, task in matches}.values():
        row, event = rows[task.id], _EVENTS[task.status]
        if _may_cause(row["metadata"], event):
            messages[task.id] = _about(task, row, event, _end_facts(task, row))
    enqueue([(listener, messages[task.id]) for listener, task in matches if task.id in messages])


def tell_progress(audience: ProgressAudience, progress: dict[str, Any], seq: int) -> None:
    """Insert or replace a delivery for every endpoint that wants to hear of a task's progress.

    Call it inside the checkpoint's transaction, after the fence. It costs one query while nobody listens. Progress
    that waits for its first try is replaced by later progress, so a slow receiver gets less and never falls behind.

    Args:
        audience: of this attempt; see :class:`ProgressAudience`.
        progress: as the checkpoint stores it.
        seq: the number of its event in the task's history.
    """
    task = audience.task
    if task.type_name == DELIVER:
        return
    found = audience.listeners()
    if not found:
        return
    row = _rows([task.id])[task.id]
    if not _may_cause(row["metadata"], WebhookEvent.PROGRESS):
        return
    fits = _fits(progress)
    facts = {
        "status": State.RUNNING.value,
        "progress": progress if fits else None,
        "progress_omitted": not fits,
        "seq": seq,
    }
    message = _about(task, row, WebhookEvent.PROGRESS, facts)
    enqueue(replace_waiting([(listener, message) for listener in found]))


def announce(
    event: WebhookEvent, subject: str, facts: Mapping[str, Any], *, owner_id: int, scope: Scope | None = None
) -> None:
    """Insert a delivery for every endpoint that wants to hear of something that is not one task.

    Call it inside the transaction that makes it true, once each time it becomes true.

    Args:
        subject: what it tells of, such as ``job:12``.
        facts: what stands in the body beside id, event and time.
        owner_id: whose it is.
        scope: what it belongs to.
    """
    found = listeners(owner_ids=[owner_id], task_ids=[], scopes=[] if scope is None else [scope.text])
    message = Message(subject=subject, event=event, facts=dict(facts))
    enqueue([(listener, message) for listener in found if listener.wants_other(event, owner_id, scope)])


def _rows(task_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    rows = Task.objects.filter(pk__in=task_ids).values("id", "metadata", "priority", "completed_at")
    return {row["id"]: dict(row) for row in rows}


def _may_cause(metadata: dict[str, Any], event: WebhookEvent) -> bool:
    chosen = metadata.get(EVENTS_KEY)
    return not isinstance(chosen, list) or event.value in chosen


def _about(task: AnyTask, row: dict[str, Any], event: WebhookEvent, facts: dict[str, Any]) -> Message:
    named = {"id": task.id, "task_id": task.public_id, "task_type": task.type_name}
    return Message(
        subject=f"task:{task.public_id}",
        event=event,
        facts={"task": {**named, **facts}},
        priority=row["priority"],
        task_number=task.id,
        task_public_id=task.public_id,
    )


def _end_facts(task: EndedTask, row: dict[str, Any]) -> dict[str, Any]:
    """Return what is told of an end. A result of more than 100,000 characters is left out, and that is said."""
    fits = _fits(task.result)
    return {
        "status": task.status.value,
        "result": task.result if fits else None,
        "result_omitted": not fits,
        "error_message": task.error_message,
        "completed_at": wire_time(row["completed_at"]),
    }


def _fits(value: Any) -> bool:
    return len(json.dumps(value, separators=(",", ":"))) <= _LONGEST
