"""What happened to a job, newest first: what people asked for, how each chunk ended, what budget moved, and the runs
over its images.

The lines come from where the facts are; nothing is written for the log. A page is read along indices, however long
the log is: a line's place is its time, then which of the five it is, then its key.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Model, Q, QuerySet, Subquery

from jobs.models import BudgetMove, CrawlJob, RefetchRun, ValidationRun
from pixtasks.accounts.models import AuditEntry
from pixtasks.common.screen import counted
from tasktypes.models import Task
from tasktypes.states import State

LINES: Final = 30
_LONGEST: Final = 300
_ASKED, _CHUNK, _VALIDATION, _REFETCH, _MOVE = 4, 3, 2, 1, 0
_WORDS: Final = {
    "crawl_job.created": "Created",
    "crawl_job.started": "Started",
    "crawl_job.cancelled": "Cancelled",
    "crawl_job.retried": "Retried",
    "crawl_job.failures_retried": "Failures retried",
    "crawl_job.recounted": "Counters counted again",
    "crawl_job.exported": "Exported",
    "validation.started": "Validation started",
}
_COLOURS: Final = {State.COMPLETED: "success", State.FAILED: "danger", State.CANCELLED: "default"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log.

    Attributes:
        at: when.
        title: what happened, in a word or two.
        text: to what, and with what result.
        colour: of its dot, in the console's names.
        who: who asked for it; empty for what happened by itself.
        task_id: the task that it is about, None where it is about none.
        place: where the log goes on after this line.
    """

    at: datetime
    title: str
    text: str
    colour: str
    who: str
    task_id: int | None
    place: tuple[datetime, int, int]


@dataclass(frozen=True, slots=True)
class Log:
    """A page of the log, and the place from where the next one goes on; empty at its end."""

    lines: list[Line]
    older: str


def job_log(job: CrawlJob, *, before: str = "", limit: int = LINES) -> Log:
    """Return the lines of a job's log after a place; five queries at most.

    Args:
        before: what the page before told as ``older``; what cannot be read is the beginning.
    """
    place = _read(before)
    wanted = limit + 1
    found = [
        *_asked(job, place, wanted),
        *(_ended(job, place, wanted) if job.group_id is not None else ()),
        *_validations(job, place, wanted),
        *_refetches(job, place, wanted),
        *(_moves(job, place, wanted) if job.rebalance else ()),
    ]
    found.sort(key=lambda line: line.place, reverse=True)
    page = found[:limit]
    return Log(page, _write(page[-1].place) if len(found) > limit else "")


def _asked(job: CrawlJob, place: tuple[datetime, int, int] | None, limit: int) -> Iterator[Line]:
    entries = AuditEntry.objects.filter(object_type=job._meta.label_lower, object_id=str(job.pk))
    for entry in _before(entries, "created_at", _ASKED, place, limit):
        told = (f"{name}: {value}" for name, value in entry.detail.items() if name != "name" and _is_plain(value))
        text = ", ".join(told)[:_LONGEST]
        title = _WORDS.get(entry.action, entry.action)
        place_of = (entry.created_at, _ASKED, entry.pk)
        yield Line(entry.created_at, title, text, "info", entry.actor_name, None, place_of)


def _ended(job: CrawlJob, place: tuple[datetime, int, int] | None, limit: int) -> Iterator[Line]:
    tasks = Task.objects.filter(group_id=job.group_id, completed_at__isnull=False).only(
        "status", "parameters", "progress", "error_message", "completed_at", "started_at", "attempt", "group_id"
    )
    for task in _before(tasks, "completed_at", _CHUNK, place, limit):
        parts = [f"{task.parameters.get('keyword', '')} × {task.parameters.get('engine', '')}"]
        if task.progress:
            parts.append(counted(int(task.progress.get("images", 0)), "image"))
        if task.attempt > 1:
            parts.append(f"attempt {task.attempt}")
        if task.error_message:
            parts.append(task.error_message[:200])
        status = State(task.status)
        place_of = (task.completed_at, _CHUNK, task.pk)
        yield Line(
            task.completed_at, f"Chunk {status.value}", ", ".join(parts), _COLOURS[status], "", task.pk, place_of
        )


def _validations(job: CrawlJob, place: tuple[datetime, int, int] | None, limit: int) -> Iterator[Line]:
    runs = ValidationRun.objects.filter(job=job, group__settled_at__isnull=False).select_related("group")
    for run in _before(runs, "group__settled_at", _VALIDATION, place, limit):
        ended = run.group.settled_at
        text = f"level {run.level}, {counted(run.images_count, 'image')}"
        yield Line(ended, "Validation ended", text, "success", "", None, (ended, _VALIDATION, run.pk))


def _refetches(job: CrawlJob, place: tuple[datetime, int, int] | None, limit: int) -> Iterator[Line]:
    runs = RefetchRun.objects.filter(job=job, group__settled_at__isnull=False).select_related("group")
    for run in _before(runs, "group__settled_at", _REFETCH, place, limit):
        ended = run.group.settled_at
        text = f"{run.outcome}, {counted(run.failures_count, 'candidate')}"
        colour = "danger" if run.group.failed else "success"
        yield Line(ended, "Retry of failures ended", text, colour, "", None, (ended, _REFETCH, run.pk))


def _moves(job: CrawlJob, place: tuple[datetime, int, int] | None, limit: int) -> Iterator[Line]:
    moves = BudgetMove.objects.filter(job=job).select_related("giver", "taker")
    for move in _before(moves, "created_at", _MOVE, place, limit):
        text = f"{counted(move.images, 'image')} from {move.giver} to {move.taker}"
        place_of = (move.created_at, _MOVE, move.pk)
        yield Line(move.created_at, "Budget moved", text, "info", "", move.taker.task_id, place_of)


def _before(
    rows: QuerySet[Any], column: str, kind: int, place: tuple[datetime, int, int] | None, limit: int
) -> list[Any]:
    """Return the newest rows after a place in the log."""
    if place is not None:
        at, kind_there, key = place
        if kind < kind_there:
            rows = rows.filter(**{f"{column}__lte": at})
        elif kind > kind_there:
            rows = rows.filter(**{f"{column}__lt": at})
        else:
            # The row's own time, as the database has it: SQLite compares times as texts of different precision.
            there = Subquery(rows.model._default_manager.filter(pk=key).values(column)[:1])
            rows = rows.filter(Q(**{f"{column}__lt": there}) | Q(**{column: there, "pk__lt": key}))
    found: list[Model] = list(rows.order_by(f"-{column}", "-pk")[:limit])
    return found


def _read(text: str) -> tuple[datetime, int, int] | None:
    parts = text.split("_")
    try:
        at, kind, key = datetime.fromisoformat(parts[0]), int(parts[1]), int(parts[2])
    except (ValueError, IndexError):
        return None
    return (at, kind, key) if at.tzinfo is not None and 0 <= key < 2**63 else None


def _write(place: tuple[datetime, int, int]) -> str:
    return f"{place[0].isoformat()}_{place[1]}_{place[2]}"


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)
