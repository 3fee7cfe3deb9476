"""Where a run stands, in the words of dialect G (CONTRACT G15–G20, X52, X54, X69)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from gather.models import GatherRun
from gather.services.records import records_of
from pixtasks.common.times import wire_time
from tasktypes.models import Task, TaskEvent
from tasktypes.services.celery_states import TaskStatus, celery_status
from tasktypes.states import TERMINAL, EventType, State

_UPDATES: Final = 200
"""Updates in one answer at most."""
_TYPES: Final = {
    EventType.PROGRESS: "progress",
    EventType.COMPLETED: "complete",
    EventType.FAILED: "error",
    EventType.CANCELLED: "cancelled",
}
_MESSAGES: Final = {
    EventType.COMPLETED: "Gather completed",
    EventType.FAILED: "Gather failed",
    EventType.CANCELLED: "Gather cancelled",
}
_FIGURES: Final = ("currentIteration", "totalIterations", "percentage")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """A run at one moment.

    Attributes:
        status: PENDING, STARTED, PROGRESS, SUCCESS, FAILURE or REVOKED.
        current: finished iterations; after the end, those of them that are saved.
        percentage: floor(100 × current / total); 100 also where a run ended early because nothing was left.
        result: None until the end; then what was gathered, on FAILURE with ``error`` besides.
        updates: events in the form of :func:`update_of`, the oldest first.
        started_at: when the first attempt began; before that, when it was asked for.
        ended_at: when it ended, None before.
        last_seq: number of the last of ``updates``, to ask on with; without updates the one asked with, or 0.
        more: whether there are later updates than these.
    """

    task_id: str
    status: str
    current: int
    total: int
    percentage: int
    result: dict[str, Any] | None
    updates: list[dict[str, Any]]
    started_at: datetime
    ended_at: datetime | None
    last_seq: int
    more: bool


def status_of(run: GatherRun, *, since: int | None = None) -> RunStatus:
    """Return where a run stands now; reads its task and its history anew.

    Args:
        since: number of an update; the first 200 after it are given, and without it the latest 200.
    """
    run = GatherRun.objects.select_related("task").get(pk=run.pk)
    task = run.task
    status = status_word(task)
    updates, last_seq, more = _updates(run, task, since)
    current = _current(run, task)
    finished = status == TaskStatus.SUCCESS
    return RunStatus(
        task_id=task.public_id,
        status=status,
        current=current,
        total=run.gather_count,
        percentage=100 if finished else 100 * current // run.gather_count,
        result=_result(run, task, status),
        updates=updates,
        started_at=_first_start(run),
        ended_at=task.completed_at if task.status in TERMINAL else None,
        last_seq=last_seq,
        more=more,
    )


def status_word(task: Task) -> TaskStatus:
    """Return where a gather's task stands, in the words of dialect G (CONTRACT G20)."""
    status = celery_status(task)
    if status == TaskStatus.RETRY:
        status = TaskStatus.PENDING  # Dialect G has no such word (CONTRACT G20).
    # Between two attempts, waiting for an engine's rate say, a run is in progress and not new.
    return TaskStatus.PROGRESS if status == TaskStatus.PENDING and task.progress is not None else status


def update_of(
    event_type: str, data: Mapping[str, Any], created_at: datetime, *, progress: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """Return one line of a gather's history as an update (CONTRACT G17, G29).

    Args:
        event_type: the ledger's word.
        data: what the event holds.
        progress: the task's progress at that time, for the figures of an end, whose event holds none.

    Returns:
        ``{type, timestamp, data}``, or None where the line is none of progress, complete, error and cancelled.
    """
    if event_type not in _TYPES:
        return None
    kind = EventType(event_type)
    figures = data if kind == EventType.PROGRESS else {**(progress or {}), **_end(kind, data)}
    if kind == EventType.PROGRESS and "currentIteration" not in figures:
        return None
    told = {name: figures[name] for name in (*_FIGURES, "message") if name in figures}
    if "error" in data:
        told["error"] = data["error"]
    return {
        "type": "error" if kind == EventType.PROGRESS and "error" in data else _TYPES[kind],
        "timestamp": wire_time(created_at),
        "data": told,
    }


def partial_results(run: GatherRun) -> tuple[int, list[dict[str, Any]]]:
    """Return how many iterations are finished and saved, and the data they left (CONTRACT G23, X14)."""
    completed = GatherRun.objects.values_list("completed_iterations", flat=True).get(pk=run.pk)
    return completed, [
        {"iterationNumber": record.iteration, "gatherDataId": record.data_id}
        for record in records_of(run).only("run_id", "iteration")
    ]


def _end(kind: EventType, data: Mapping[str, Any]) -> dict[str, Any]:
    figures: dict[str, Any] = {"message": data.get("error") or _MESSAGES[kind]}
    if kind == EventType.COMPLETED:
        figures["percentage"] = 100
    return figures


def _current(run: GatherRun, task: Task) -> int:
    if task.status in TERMINAL:
        return run.completed_iterations
    return int((task.progress or {}).get("currentIteration", run.completed_iterations))


def _result(run: GatherRun, task: Task, status: TaskStatus) -> dict[str, Any] | None:
    if status == TaskStatus.SUCCESS:
        return task.result
    if status not in (TaskStatus.FAILURE, TaskStatus.REVOKED):
        return None
    completed, results = partial_results(run)
    error = {"error": task.error_message or "The run failed"} if task.status == State.FAILED else {}
    return {**error, "completedIterations": completed, "results": results}


def _updates(run: GatherRun, task: Task, since: int | None) -> tuple[list[dict[str, Any]], int, bool]:
    """Return a window of the updates, the number of the last of them, and whether there are later ones."""
    events = TaskEvent.objects.filter(task=task, type__in=list(_TYPES)).values_list("seq", "type", "data", "created_at")
    if since is None:
        rows = list(events.order_by("-seq")[:_UPDATES])[::-1]
        more = False
    else:
        rows = list(events.filter(seq__gt=since).order_by("seq")[: _UPDATES + 1])
        more = len(rows) > _UPDATES
        rows = rows[:_UPDATES]
    updates = []
    # A run that ended before its first report has the figures of one that has not begun (CONTRACT G17).
    last: dict[str, Any] = task.progress or dict(zip(_FIGURES, (0, run.gather_count, 0), strict=True))
    for _, kind, data, created_at in rows:
        if kind == EventType.PROGRESS:
            last = data
        update = update_of(kind, data, created_at, progress=last)
        if update is not None:
            updates.append(update)
    return updates, rows[-1][0] if rows else since or 0, more


def _first_start(run: GatherRun) -> datetime:
    first = TaskEvent.objects.filter(task_id=run.task_id, type=EventType.STARTED).order_by("seq").first()
    return first.created_at if first is not None else run.created_at
