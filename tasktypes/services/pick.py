"""Choosing: which pending rows come next (CONTRACT X32)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Now

from tasktypes.models import Task
from tasktypes.services import lanes, limits
from tasktypes.states import State


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pending row that may run now."""

    id: int
    type_name: str
    rate_key: str
    owner_id: int | None
    unanswered: int


def pick(
    limit: int,
    *,
    runner: str = lanes.HANDLED,
    wanted: Callable[[str], bool] | None = None,
    owner_id: int | None = None,
) -> list[Candidate]:
    """Return the rows to hand out next, in order; call it inside a transaction.

    Order: priority; within one priority owners take turns, the one served longest ago first; of one owner the oldest
    first. Rows whose rate key has no free start are passed over. On PostgreSQL the rows are locked and rows that
    others have locked are skipped; on SQLite the IMMEDIATE transaction is the lock.

    Args:
        limit: how many at most.
        runner: rows for handlers or for outside workers.
        wanted: says of a type's name whether its rows are asked for; None = all.
        owner_id: whose rows; None = everybody's.
    """
    chosen: list[Candidate] = []
    for names in lanes.waiting_lanes(runner).values():
        if wanted is not None:
            names = [name for name in names if wanted(lanes.type_of(name))]
        if owner_id is not None:
            names = [name for name in names if lanes.owner_of(name) == owner_id]
        heads = [head for name in names for head in _heads(name, limit - len(chosen))]
        chosen += _in_turns(_within_rates(heads), limit - len(chosen))
        if len(chosen) >= limit:
            break
    return chosen


def _heads(lane: str, limit: int) -> list[Candidate]:
    rows = (
        Task.objects.filter(lane=lane, status=State.PENDING, due_at__lte=Now())
        .order_by("due_at", "id")
        .select_for_update(skip_locked=True, no_key=True)
        .values_list("id", "type_name", "rate_key", "created_by_id", "unanswered")[:limit]
    )
    return [Candidate(*row) for row in rows]


def _within_rates(heads: list[Candidate]) -> list[Candidate]:
    free = limits.free_starts({head.rate_key for head in heads})
    if not free:
        return heads
    kept = []
    for head in sorted(heads, key=lambda head: head.id):
        if head.rate_key in free:
            if free[head.rate_key] <= 0:
                continue
            free[head.rate_key] -= 1
        kept.append(head)
    return kept


def _in_turns(heads: list[Candidate], limit: int) -> list[Candidate]:
    queues: dict[int | None, deque[Candidate]] = {}
    for head in heads:
        queues.setdefault(head.owner_id, deque()).append(head)
    for owner, queue in queues.items():
        queues[owner] = deque(sorted(queue, key=lambda head: head.id))
    waiting = deque(queues[owner] for owner in _served_longest_ago(queues))
    chosen: list[Candidate] = []
    while waiting and len(chosen) < limit:
        queue = waiting.popleft()
        chosen.append(queue.popleft())
        if queue:
            waiting.append(queue)
    return chosen


def _served_longest_ago(owners: Iterable[int | None]) -> list[int | None]:
    known = list(owners)
    if len(known) < 2:
        return known
    last = (
        Task.objects.filter(created_by=OuterRef("pk"), published_at__isnull=False)
        .order_by("-published_at")
        .values("published_at")[:1]
    )
    served = dict(
        get_user_model()
        .objects.filter(pk__in=[o for o in known if o])
        .annotate(last=Subquery(last))
        .values_list("pk", "last")
    )
    # Never served comes first; tasks without an owner (housekeeping) count as never served.
    times = {owner: served.get(owner) if owner else None for owner in known}
    return sorted(known, key=lambda owner: (times[owner] is not None, times[owner] or 0, owner or 0))
