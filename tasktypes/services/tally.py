"""Exact counts of tasks per owner, type and status, kept by insert-only deltas (CONTRACT X04)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db import transaction
from django.db.models import Sum

from tasktypes.models import TallyDelta
from tasktypes.states import State

Move = tuple[int | None, str, State | None, State | None]
"""(owner, type name, status before, status after); None before = inserted, None after = deleted."""

_FOLD_AT_A_TIME = 5000


def record(moves: Iterable[Move]) -> None:
    """Record status changes; inside the transaction that makes them."""
    deltas: Counter[tuple[int | None, str, State]] = Counter()
    for owner_id, type_name, before, after in moves:
        if before is not None:
            deltas[owner_id, type_name, before] -= 1
        if after is not None:
            deltas[owner_id, type_name, after] += 1
    TallyDelta.objects.bulk_create(
        [
            TallyDelta(owner_id=owner_id, type_name=type_name, status=status, delta=delta)
            for (owner_id, type_name, status), delta in deltas.items()
            if delta
        ]
    )


def counts(
    *, owner_id: int | None = None, type_name: str | None = None, type_names: Iterable[str] | None = None
) -> dict[State, int]:
    """Return how many tasks are in each status.

    Args:
        owner_id: of one owner; None = of everybody.
        type_name, type_names: of one type, or of these; None = of all.
    """
    deltas = TallyDelta.objects.all()
    if owner_id is not None:
        deltas = deltas.filter(owner_id=owner_id)
    if type_name is not None:
        deltas = deltas.filter(type_name=type_name)
    if type_names is not None:
        deltas = deltas.filter(type_name__in=list(type_names))
    sums = dict(deltas.values_list("status").annotate(total=Sum("delta")))
    return {state: int(sums.get(state.value, 0)) for state in State}


def counts_by_type(*, owner_id: int | None = None) -> dict[str, dict[State, int]]:
    """Return how many tasks of each type are in each status; types without tasks are left out."""
    deltas = TallyDelta.objects.all() if owner_id is None else TallyDelta.objects.filter(owner_id=owner_id)
    found: dict[str, dict[State, int]] = {}
    for type_name, status, total in deltas.values_list("type_name", "status").annotate(total=Sum("delta")):
        if total:
            found.setdefault(type_name, dict.fromkeys(State, 0))[State(status)] = int(total)
    return dict(sorted(found.items()))


def fold() -> int:
    """Replace many deltas of a kind by their sum; return how many rows that saved. Readers see the same sums."""
    with transaction.atomic():
        rows = list(
            TallyDelta.objects.order_by("id")
            .select_for_update(skip_locked=True)
            .values_list("id", "owner_id", "type_name", "status", "delta")[:_FOLD_AT_A_TIME]
        )
        sums: Counter[tuple[int | None, str, str]] = Counter()
        for _, owner_id, type_name, status, delta in rows:
            sums[owner_id, type_name, status] += delta
        if len(rows) < 2 * len(sums) + 50:  # Not worth the writing.
            return 0
        kept = [
            TallyDelta(owner_id=owner_id, type_name=type_name, status=status, delta=delta)
            for (owner_id, type_name, status), delta in sums.items()
            if delta
        ]
        TallyDelta.objects.filter(pk__in=[row[0] for row in rows]).delete()
        TallyDelta.objects.bulk_create(kept)
        return len(rows) - len(kept)
