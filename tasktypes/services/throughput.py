"""How much was done per minute: exact, insert-only, folded by the dispatcher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Max, QuerySet, Sum
from django.utils import timezone

from tasktypes.handlers import EndedTask, handlers
from tasktypes.models import SourceFault, Throughput
from tasktypes.models.throughput import Measure
from tasktypes.states import State

Key = tuple[Measure, str]
"""A measure and the outside source that it is about; the source is empty for tasks."""

QUARTER: Final = 15
"""Minutes of a folded row that is no longer shown by the minute."""
FINE: Final = timedelta(hours=2)
"""For so long amounts are kept by the minute."""
KEPT: Final = timedelta(days=2)
_FOLD_AT_A_TIME: Final = 5000
_FAULTS_KEPT: Final = 20
_ENDS: Final = {
    State.COMPLETED: Measure.COMPLETED,
    State.FAILED: Measure.FAILED,
    State.CANCELLED: Measure.CANCELLED,
}


def record(amounts: Mapping[Key, int]) -> None:
    """Record amounts of this minute; inside the transaction that makes them so."""
    minute = floor(timezone.now(), 1)
    Throughput.objects.bulk_create(
        [
            Throughput(begins_at=minute, measure=measure, source=source, amount=amount)
            for (measure, source), amount in sorted(amounts.items())
            if amount
        ]
    )


def record_ends(ended: Iterable[EndedTask]) -> None:
    """Record how tasks ended, and what that tells of the outside sources that they asked."""
    amounts: Counter[Key] = Counter()
    faults: list[tuple[str, str, int | None]] = []
    for task in ended:
        amounts[_ENDS[task.status], ""] += 1
        source = source_of(task.type_name, task.parameters) if task.status != State.CANCELLED else ""
        if source and task.status == State.COMPLETED:
            amounts[Measure.ANSWERED, source] += 1
        elif source:
            amounts[Measure.ERRED, source] += 1
            faults.append((source, task.error_message or "", task.id))
    record(amounts)
    note_faults(faults)


def record_failed_attempts(attempts: Iterable[tuple[str, str, int | None]]) -> None:
    """Record attempts at which an outside source failed and that will be repeated.

    Args:
        attempts: source, error message, and the task's id.
    """
    failed = list(attempts)
    record(Counter((Measure.ERRED, source) for source, _, _ in failed))
    note_faults(failed)


def note_faults(faults: Sequence[tuple[str, str, int | None]]) -> None:
    """Keep what outside sources said: source, error message, and the task's id."""
    now = timezone.now()
    SourceFault.objects.bulk_create(
        [
            SourceFault(source=source, message=message.replace("\x00", "")[:500], task_id=task_id, created_at=now)
            for source, message, task_id in faults
        ]
    )


def source_of(type_name: str, parameters: Mapping[str, object]) -> str:
    """Return the outside source that such a task asks; empty for none."""
    handler = handlers.get(type_name)
    return handler.source(parameters) if handler is not None else ""


def floor(moment: datetime, minutes: int) -> datetime:
    """Return the beginning of the stretch of so many minutes (a divisor of 60) that a moment lies in."""
    return moment.replace(minute=moment.minute - moment.minute % minutes, second=0, microsecond=0)


def totals(since: datetime) -> dict[Key, int]:
    """Return the amounts since a moment; older than two hours that is exact to a quarter of an hour."""
    rows = Throughput.objects.filter(begins_at__gte=since, span__in=(0, 1, QUARTER))
    return {
        (Measure(measure), source): int(amount)
        for measure, source, amount in rows.values_list("measure", "source").annotate(Sum("amount"))
    }


def series(since: datetime, minutes: int, measures: Iterable[Measure]) -> dict[Measure, list[int]]:
    """Return amounts of all sources together, by stretches of time.

    Args:
        since: where the first stretch begins; a full one (see :func:`floor`).
        minutes: of each stretch: 1 within the last two hours, else 15, 30 or 60.

    Returns:
        Per measure one number for each stretch, the last of which is the one that goes on now.
    """
    wanted = list(measures)
    length = timedelta(minutes=minutes)
    stretches = int((timezone.now() - since) / length) + 1
    found = {measure: [0] * stretches for measure in wanted}
    rows = Throughput.objects.filter(begins_at__gte=since, span__in=(0, 1, QUARTER), measure__in=wanted)
    for begins_at, measure, amount in rows.values_list("begins_at", "measure").annotate(Sum("amount")):
        place = int((begins_at - since) / length)
        if place < stretches:  # Another machine's clock may be ahead.
            found[Measure(measure)][place] += int(amount)
    return found


def latest_faults() -> dict[str, SourceFault]:
    """Return the newest fault of each outside source."""
    newest = SourceFault.objects.order_by().values("source").annotate(newest=Max("id")).values("newest")
    return {fault.source: fault for fault in SourceFault.objects.filter(pk__in=newest)}


def fold() -> int:
    """Replace many rows of a kind by their sum; return how many rows that saved. Readers see the same sums.

    Rows of a minute become one; what is older than two hours becomes one row per quarter of an hour.
    """
    rows = Throughput.objects.filter(span__in=(0, 1))
    return _merge(rows.filter(span=0), 1) + _merge(rows.filter(begins_at__lt=_fine_until()), QUARTER)


def forget() -> int:
    """Drop what is older than is ever shown, and all but the newest faults of each source; return how many rows."""
    dropped: int = Throughput.objects.filter(begins_at__lt=timezone.now() - KEPT, span__in=(0, 1, QUARTER)).delete()[0]
    for source in SourceFault.objects.order_by().values_list("source", flat=True).distinct():
        rows = SourceFault.objects.filter(source=source)
        oldest = list(rows.order_by("-id").values_list("id", flat=True)[_FAULTS_KEPT - 1 : _FAULTS_KEPT])
        if oldest:
            dropped += rows.filter(pk__lt=oldest[0]).delete()[0]
    return dropped


def _fine_until() -> datetime:
    return floor(timezone.now() - FINE, QUARTER)


def _merge(rows: QuerySet[Throughput], span: int) -> int:
    """Fold rows, and those of the same stretches that were folded before, into rows of ``span`` minutes."""
    columns = ("id", "begins_at", "measure", "source", "amount")
    with transaction.atomic():
        locked = Throughput.objects.select_for_update(skip_locked=True).values_list(*columns)
        fresh = list(locked.filter(pk__in=rows.order_by("id").values("id")[:_FOLD_AT_A_TIME]))
        if not fresh:
            return 0
        stretches = sorted({floor(begins_at, span) for _, begins_at, *_ in fresh})
        had = {row[0] for row in fresh}
        before = [row for row in locked.filter(span=span, begins_at__in=stretches) if row[0] not in had]
        sums: Counter[tuple[datetime, str, str]] = Counter()
        for _, begins_at, measure, source, amount in (*before, *fresh):
            sums[floor(begins_at, span), measure, source] += amount
        Throughput.objects.filter(pk__in=[row[0] for row in (*before, *fresh)]).delete()
        Throughput.objects.bulk_create(
            [
                Throughput(begins_at=begins_at, span=span, measure=measure, source=source, amount=amount)
                for (begins_at, measure, source), amount in sums.items()
            ]
        )
        return len(before) + len(fresh) - len(sums)
