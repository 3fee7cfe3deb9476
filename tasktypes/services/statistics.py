"""What the tasks of a caller add up to: exact counts, and times of the latest ones (CONTRACT D19, R32)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tasktypes.models import Task
from tasktypes.services import tally
from tasktypes.states import State

SAMPLE = 1000
"""Times are those of the latest so many tasks that ended: bounded work, whatever the table's size."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds: mean, median and 95th percentile; None where nothing has ended."""

    mean: float | None
    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """Counts are exact; ``wait`` (due → started) and ``run`` (started → ended) are of the latest ended tasks."""

    counts: dict[State, int]
    success_rate: float | None
    wait: Times
    run: Times
    sample_size: int

    @property
    def total(self) -> int:
        """Number of tasks."""
        return sum(self.counts.values())


def statistics(*, owner_id: int | None, type_name: str | None = None) -> Statistics:
    """Return the figures of one owner's tasks (None = everybody's), of one type where it is given."""
    return _figures(tally.counts(owner_id=owner_id, type_name=type_name), owner_id, type_name)


def statistics_by_type(*, owner_id: int | None) -> dict[str, Statistics]:
    """Return the same for each type that has tasks."""
    counts = tally.counts_by_type(owner_id=owner_id)
    return {name: _figures(counts[name], owner_id, name) for name in counts}


def _figures(counts: dict[State, int], owner_id: int | None, type_name: str | None) -> Statistics:
    ended = counts[State.COMPLETED] + counts[State.FAILED]
    sample = _sample(owner_id, type_name) if ended else []
    waits = [
        max((started - max(created, run_after or created)).total_seconds(), 0.0)
        for _, created, run_after, started, _ in sample
        if started is not None
    ]
    runs = [
        (completed - started).total_seconds()
        for _, _, _, started, completed in sample
        if started is not None and completed is not None
    ]
    return Statistics(
        counts=counts,
        success_rate=counts[State.COMPLETED] / ended if ended else None,
        wait=_times(waits),
        run=_times(runs),
        sample_size=len(sample),
    )


def _sample(owner_id: int | None, type_name: str | None) -> list[tuple[Any, ...]]:
    """Return id and times of the latest tasks that ran and ended.

    There is one walk along the index per state: asking for both at once would read past a whole backlog.
    """
    rows = Task.objects.filter(started_at__isnull=False).order_by("-id")
    if owner_id is not None:
        rows = rows.filter(created_by_id=owner_id)
    if type_name is not None:
        rows = rows.filter(type_name=type_name)
    walks = [
        rows.filter(status=state).values_list("id", flat=True)[:SAMPLE] for state in (State.COMPLETED, State.FAILED)
    ]
    latest = list(islice(heapq.merge(*walks, reverse=True), SAMPLE))
    # The times of these alone, not of as many of each state.
    columns = ("id", "created_at", "run_after", "started_at", "completed_at")
    return list(Task.objects.filter(pk__in=latest).values_list(*columns))


def _times(seconds: Sequence[float]) -> Times:
    if not seconds:
        return Times(None, None, None)
    ordered = sorted(seconds)
    return Times(
        round(sum(ordered) / len(ordered), 6),
        round(ordered[len(ordered) // 2], 6),
        round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 6),
    )
