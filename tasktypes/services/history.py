"""Executions, newest first: the ledger's, and those that plain Celery code left in django-celery-results (C16)."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from django.db.models import QuerySet
from django_celery_results.models import TaskResult

from pixtasks.accounts.models import User
from pixtasks.common.pagination import decode_cursor, encode_cursor
from tasktypes.models import Task
from tasktypes.services import tally
from tasktypes.services.access import owner_scope, tasks_of
from tasktypes.services.celery_states import TaskStatus, conditions, state_of

Source = Literal["ledger", "celery"]
Execution: TypeAlias = Task | TaskResult

_FIRST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """Executions, the cursor of those after them, and how many there are where that is known without counting."""

    rows: list[Execution]
    next: str | None
    total: int | None


@dataclass(slots=True)
class _Stream:
    """Rows of one table in its own order; ``position`` is the id of the last one that was taken."""

    rows: QuerySet[Any]
    position: int

    def read(self, limit: int) -> list[Any]:
        return list(self.rows.filter(pk__lt=self.position).order_by("-pk")[:limit])


def history(
    user: User,
    *,
    limit: int,
    cursor: str | None = None,
    status: TaskStatus | None = None,
    task_type: str | None = None,
    source: Source | None = None,
) -> HistoryPage:
    """Return one page of the caller's executions; staff see everybody's, and those of plain Celery code.

    The streams are merged by time, each in the order of its own ids, and the cursor holds a position in each: any page
    costs the same, and none repeats or skips a row.

    Raises:
        InvalidInput: the cursor is not one of these filters.
    """
    streams = _streams(user, status, task_type, source)
    if cursor:
        for stream, position in zip(streams, decode_cursor(cursor, *[int] * len(streams)), strict=True):
            stream.position = position
    page: list[Execution] = []
    more = False
    for row, stream in _merged(streams, limit + 1):
        if len(page) == limit:
            more = True
            break
        page.append(row)
        stream.position = row.pk
    following = encode_cursor(stream.position for stream in streams) if more else None
    return HistoryPage(page, following, _total(user, status, task_type, source))


def plain_result(user: User, task_id: str) -> TaskResult | None:
    """Return what a task of plain Celery code left behind; they have no owner, so only staff see them."""
    return TaskResult.objects.filter(task_id=task_id).first() if user.is_staff else None


def _streams(user: User, status: TaskStatus | None, task_type: str | None, source: Source | None) -> list[_Stream]:
    streams = []
    if source in (None, "ledger"):
        tasks = tasks_of(user).select_related("retried_from")
        if task_type is not None:
            tasks = tasks.filter(type_name=task_type)
        streams += [_Stream(tasks.filter(condition), _FIRST) for condition in conditions(status)]
    if source in (None, "celery"):
        streams.append(_Stream(_plain(user, status, task_type), _FIRST))
    return streams


def _plain(user: User, status: TaskStatus | None, task_type: str | None) -> QuerySet[TaskResult]:
    results: QuerySet[TaskResult] = TaskResult.objects.all() if user.is_staff else TaskResult.objects.none()
    if status is not None:
        results = results.filter(status=status.value)
    if task_type is not None:
        results = results.filter(task_name=task_type)
    return results


def _merged(streams: list[_Stream], limit: int) -> Iterator[tuple[Execution, _Stream]]:
    def dated(stream: _Stream) -> Iterator[tuple[datetime, int, Execution, _Stream]]:
        for row in stream.read(limit):
            yield (row.created_at if isinstance(row, Task) else row.date_created), row.pk, row, stream

    found = heapq.merge(*(dated(stream) for stream in streams), key=lambda entry: entry[:2], reverse=True)
    return ((row, stream) for _, _, row, stream in found)


def _total(user: User, status: TaskStatus | None, task_type: str | None, source: Source | None) -> int | None:
    total = 0
    if source in (None, "ledger"):
        state = None if status is None else state_of(status)
        if status is not None and state is None:
            return None
        counts = tally.counts(owner_id=owner_scope(user), type_name=task_type)
        total += sum(counts.values()) if state is None else counts[state]
    if source in (None, "celery"):
        total += _plain(user, status, task_type).count()
    return total
