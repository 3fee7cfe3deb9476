"""The two histories that are told, each read in the order of its ids, and no id skipped that is committed late.

PostgreSQL gives an id when a row is inserted and shows the row when it is committed, so a higher id may be seen first.
Ids that are missing between two that are there are remembered as a gap, together with a transaction id that is
younger than every writer that took one of them. They are asked for again until every older transaction has ended;
then a row that is still not there never will be. A writer of the ledger changes the task's row before it inserts the
event, so it has its transaction id before it has the event's. On SQLite writers follow each other: there are no gaps.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from django.db import connection
from django.db.models import Exists, Max, Model, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL

from gather.models import ReceivedEvent
from gather.realtime.frames import EVENT_COLUMNS, RECEIVED_COLUMNS, Line, ledger_lines, received_lines
from tasktypes.models import Task, TaskEvent

logger = logging.getLogger(__name__)

BATCH: Final = 500
LOOK_BACK: Final = 10_000
"""So many ids below the newest may still be uncommitted when the feed starts."""
MOST_GAPS: Final = 10_000
"""With so many open gaps nothing new is read until some close: late beats lost."""
FAR_BACK: Final = 1_000_000
"""So many ids back a client may resume; who was away for longer asks the status endpoints."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Ids ``first`` to ``last`` that were missing when ``mark`` was the youngest transaction."""

    first: int
    last: int
    mark: int


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source has been read: everything up to ``last`` but the gaps."""

    last: int
    gaps: tuple[Gap, ...] = ()

    @property
    def horizon(self) -> int:
        """Up to here everything has been read and nothing can come any more."""
        return min((gap.first - 1 for gap in self.gaps), default=self.last)

    def covers(self, row: int) -> bool:
        """Whether this id has been read, or never will be."""
        return row <= self.last and not any(gap.first <= row <= gap.last for gap in self.gaps)


@dataclass(frozen=True, slots=True)
class Audience:
    """Whose lines a client gets; ``everything`` is for staff, as is ``received``: lines of unknown tasks."""

    owners: frozenset[int] = frozenset()
    tasks: frozenset[str] = frozenset()
    everything: bool = False
    received: bool = False


class Source:
    """One table of events. Every method is for a thread that may wait for the database."""

    model: type[Model]

    def rows(self) -> QuerySet[Any, Any]:
        """Return the rows to tell of, as tuples that begin with the id."""
        raise NotImplementedError

    def lines(self, rows: Iterable[tuple[Any, ...]]) -> list[Line]:
        """Return the rows as lines."""
        raise NotImplementedError

    def heard_by(self, audience: Audience) -> Q | None:
        """Return which rows an audience gets; None for none."""
        raise NotImplementedError

    def start(self) -> Position:
        """Return the position at the end of the table as it is now."""
        newest = self.model._default_manager.aggregate(newest=Max("pk"))["newest"] or 0
        if not _commits_out_of_order():
            return Position(newest)
        floor = max(0, newest - LOOK_BACK)
        present = self.model._default_manager.filter(pk__gt=floor, pk__lte=newest).order_by("pk")
        missing = list(_missing(floor, present.values_list("pk", flat=True)))
        return Position(newest, _marked(missing))

    def read(self, position: Position) -> tuple[list[Line], Position, bool]:
        """Return what has come since, in the order of the ids, the new position, and whether there is more."""
        # The order of these three questions matters. What had ended before the gaps are looked into is in their
        # answer; and of one task's lines the earlier is never left in a gap while the later is found above it.
        oldest = _oldest_writer() if position.gaps else None
        fresh: list[tuple[Any, ...]] = []
        if len(position.gaps) < MOST_GAPS:
            fresh = list(self.rows().filter(pk__gt=position.last).order_by("pk")[:BATCH])
        else:
            logger.warning("%d gaps are open: live progress waits for a long transaction", len(position.gaps))
        late = self._late(position.gaps)
        gaps = tuple(_without(position.gaps, [row[0] for row in late]))
        if len(late) == BATCH:
            # There may be more, and what is above them must not overtake them.
            return self.lines(late), replace(position, gaps=gaps), True
        gaps = tuple(gap for gap in gaps if oldest is not None and oldest <= gap.mark)
        if fresh and _commits_out_of_order():
            gaps += _marked(list(_missing(position.last, [row[0] for row in fresh])))
        newest = fresh[-1][0] if fresh else position.last
        return self.lines([*late, *fresh]), Position(newest, gaps), len(fresh) == BATCH

    def between(self, after: int, upto: int, audience: Audience) -> list[Line]:
        """Return an audience's lines with ``after < id <= upto``."""
        condition = self.heard_by(audience)
        if condition is None or upto <= after:
            return []
        return self.lines(self.rows().filter(condition, pk__gt=after, pk__lte=upto).order_by("pk"))

    def _late(self, gaps: Sequence[Gap]) -> list[tuple[Any, ...]]:
        if not gaps:
            return []
        table = connection.ops.quote_name(self.model._meta.db_table)
        inside = RawSQL(  # noqa: S611 -- the name of a table of ours, and parameters
            f"SELECT e.id FROM {table} e JOIN unnest(%s::bigint[], %s::bigint[]) AS gap(first, last) "  # noqa: S608
            "ON e.id BETWEEN gap.first AND gap.last",
            ([gap.first for gap in gaps], [gap.last for gap in gaps]),
        )
        return list(self.rows().filter(pk__in=inside).order_by("pk")[:BATCH])


class LedgerSource(Source):
    """The history of every task."""

    model = TaskEvent

    def rows(self) -> QuerySet[Any, Any]:
        """Return the rows with what a frame says of their task."""
        return TaskEvent.objects.values_list(*EVENT_COLUMNS)

    def lines(self, rows: Iterable[tuple[Any, ...]]) -> list[Line]:
        """Return the rows as lines."""
        return ledger_lines(rows)

    def heard_by(self, audience: Audience) -> Q | None:
        """Return which rows an audience gets; None for none."""
        if audience.everything:
            return Q()
        if not audience.owners and not audience.tasks:
            return None
        return Q(task__created_by__in=audience.owners) | Q(task__public_id__in=audience.tasks)

    def of_task(self, task: str, after: int, before: int | None) -> list[Line]:
        """Return up to ``BATCH`` lines of one task with ``after < seq < before``, in order."""
        rows = self.rows().filter(task__public_id=task, seq__gt=after)
        if before is not None:
            rows = rows.filter(seq__lt=before)
        return self.lines(rows.order_by("seq")[:BATCH])


class ReceivedSource(Source):
    """What came through the progress webhook and changed nothing: it is handed on (CONTRACT G32)."""

    model = ReceivedEvent

    def rows(self) -> QuerySet[Any, Any]:
        """Return the rows as they came."""
        return ReceivedEvent.objects.values_list(*RECEIVED_COLUMNS)

    def lines(self, rows: Iterable[tuple[Any, ...]]) -> list[Line]:
        """Return those rows as lines of which the ledger has none itself."""
        return received_lines(rows)

    def heard_by(self, audience: Audience) -> Q | None:
        """Return which rows an audience gets; None for none."""
        if audience.everything:
            return Q()
        named = Task.objects.filter(public_id=OuterRef("task_public_id"))
        heard = Q(Exists(named.filter(created_by__in=audience.owners))) | Q(task_public_id__in=audience.tasks)
        return heard | ~Q(Exists(named)) if audience.received else heard

    def of_task(self, task: str, after: int, before: int | None) -> list[Line]:
        """Return up to ``BATCH`` lines about one unknown task with ``after < id < before``, in order."""
        if Task.objects.filter(public_id=task).exists():
            return []
        rows = self.rows().filter(task_public_id=task, pk__gt=after)
        if before is not None:
            rows = rows.filter(pk__lt=before)
        return self.lines(rows.order_by("pk")[:BATCH])


LEDGER: Final = LedgerSource()
RECEIVED: Final = ReceivedSource()
SOURCES: Final = (LEDGER, RECEIVED)


def _commits_out_of_order() -> bool:
    return connection.vendor == "postgresql"


def _missing(after: int, present: Iterable[int]) -> Iterator[tuple[int, int]]:
    for row in present:
        if row > after + 1:
            yield after + 1, row - 1
        after = row


def _marked(missing: Sequence[tuple[int, int]]) -> tuple[Gap, ...]:
    """Return gaps that stay open while anybody writes who was writing when they were seen."""
    if not missing:
        return ()
    with connection.cursor() as cursor:
        # Not the snapshot's xmax: that is the youngest that has ended, and a writer may be younger.
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        mark = int(cursor.fetchone()[0])
    return tuple(Gap(first, last, mark) for first, last in missing)


def _oldest_writer() -> int | None:
    """Return the id of the oldest transaction that writes in this database; None if there is none.

    Not the snapshot's xmin: that counts every database of the server, and a long writer of another one would hold
    up everybody here. Must run outside a transaction, for which the server would answer from its memory.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, ARRAY("
            "SELECT backend_xid::text::bigint FROM pg_stat_activity "
            "WHERE datname = current_database() AND backend_xid IS NOT NULL "
            "UNION ALL SELECT transaction::text::bigint FROM pg_prepared_xacts WHERE database = current_database())"
        )
        near, running = cursor.fetchone()
    return min((_whole(xid, near) for xid in running), default=None)


def _whole(xid: int, near: int) -> int:
    """Return a transaction id of 32 bits with its epoch: it is within 2**31 of ``near``, which has 64."""
    return near - ((near - xid + 2**31) % 2**32 - 2**31)


def _without(gaps: Iterable[Gap], rows: Sequence[int]) -> Iterator[Gap]:
    """Return the gaps without the ids that were found; both are in order."""
    found = sorted(rows)
    for gap in gaps:
        first = gap.first
        for row in found:
            if first <= row <= gap.last:
                if row > first:
                    yield replace(gap, first=first, last=row - 1)
                first = row + 1
        if first <= gap.last:
            yield replace(gap, first=first)
