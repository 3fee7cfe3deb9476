"""A task's history as lines to read: what happened, who did it, when, and how long after the line before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from pixtasks.accounts.models import AuditEntry
from pixtasks.common.markup import duration
from tasktypes.models import Task, TaskEvent
from tasktypes.states import EventType

PAGE: Final = 40
MOST: Final = 300
"""So many lines a page that is open for long shows at its head; the older ones are behind "older"."""
_MOST_ACTS: Final = 100
_ACTS: Final = {
    "task.run_now": ("Asked to run now", "info"),
    "task.prioritised": ("Priority changed", "info"),
    "task.launched": ("Launched", "info"),
    "task.batch_started": ("Started as a batch", "info"),
}
_COLOURS: Final = {
    EventType.STARTED: "warning",
    EventType.COMPLETED: "success",
    EventType.FAILED: "danger",
    EventType.RETRYING: "danger",
    EventType.LOST: "danger",
    EventType.SUBMITTED: "info",
    EventType.REOPENED: "info",
}


@dataclass(slots=True)
class Line:
    """One line of a history.

    Attributes:
        seconds: since the line before it; None for the first.
        data: what else was told.
    """

    at: datetime
    title: str
    colour: str
    who: str
    text: str
    seconds: float | None = None
    seq: int | None = None
    data: Any = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """Lines, newest first; ``before`` continues below them, ``down_to`` is the oldest number among them."""

    lines: list[Line]
    before: int | None
    down_to: int


def timeline(
    task: Task, *, before: int | None = None, down_to: int | None = None, with_progress: bool = False
) -> Timeline:
    """Return a part of a task's history with two queries, however long it is.

    Args:
        before: only events below this number.
        down_to: all down to this number, as far as ``MOST`` goes; else one page.
        with_progress: every report of progress, too; a long task leaves thousands.
    """
    events = TaskEvent.objects.filter(task=task)
    if not with_progress:
        events = events.exclude(type=EventType.PROGRESS)
    if before is not None:
        events = events.filter(seq__lt=before)
    if down_to is not None:
        # One more is read for the time since the line before.
        found = list(events.order_by("-seq")[: MOST + 1])
        shown = [event for event in found if event.seq >= down_to][:MOST]
    else:
        found = list(events.order_by("-seq")[: PAGE + 1])
        shown = found[:PAGE]
    more = len(found) > len(shown)
    lines = [_line(event, task) for event in shown]
    oldest = shown[-1].created_at if shown and more else None
    newest = shown[0].created_at if shown and before is not None else None
    lines = _merged(lines, _acts(task, oldest, newest))
    previous = found[len(shown)].created_at if more else None
    for line, earlier in zip(lines, [*(one.at for one in lines[1:]), previous], strict=True):
        line.seconds = max(0.0, (line.at - earlier).total_seconds()) if earlier is not None else None
    return Timeline(lines, shown[-1].seq if shown and more else None, shown[-1].seq if shown else 0)


def _acts(task: Task, oldest: datetime | None, newest: datetime | None) -> list[Line]:
    """Return what operators did to the task that leaves no event."""
    entries: QuerySet[AuditEntry] = AuditEntry.objects.filter(
        object_type=Task._meta.label_lower, object_id=str(task.pk), action__in=list(_ACTS)
    )
    if oldest is not None:
        entries = entries.filter(created_at__gte=oldest)
    if newest is not None:
        entries = entries.filter(created_at__lt=newest)
    return [
        Line(entry.created_at, *_ACTS[entry.action], entry.actor_name, _act_text(entry))
        for entry in entries.order_by("-id")[:_MOST_ACTS]
    ]


def _act_text(entry: AuditEntry) -> str:
    if entry.action == "task.prioritised":
        return f"to {entry.detail.get('priority')}"
    return ""


def _merged(lines: Sequence[Line], acts: Sequence[Line]) -> list[Line]:
    return sorted([*lines, *acts], key=lambda line: line.at, reverse=True)


def _line(event: TaskEvent, task: Task) -> Line:
    kind = EventType(event.type)
    data = event.data if isinstance(event.data, dict) else {}
    who = str(data.get("by") or data.get("worker") or "")
    if kind == EventType.SUBMITTED and not who:
        who = str(task.created_by) if task.created_by is not None else "the product itself"
    return Line(
        event.created_at, str(kind.label), _COLOURS.get(kind, "default"), who, _text(kind, data), seq=event.seq,
        data=data if kind == EventType.PROGRESS else None,
    )  # fmt: skip


def _text(kind: EventType, data: dict[str, Any]) -> str:
    if kind == EventType.STARTED:
        return f"attempt {data.get('attempt', '')}"
    parts = [str(data.get("error") or data.get("reason") or "")]
    delay = data.get("delay")
    if isinstance(delay, int | float) and delay:
        parts.append(f"again in {duration(float(delay))}")
    return " · ".join(part for part in parts if part)
