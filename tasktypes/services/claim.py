"""Claiming: pending → running under a lease, in one guarded UPDATE (RELIABILITY.md, step 3)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Now

from pixtasks.common.crash_points import crash_after_commit, crash_point
from pixtasks.common.sql import update_returning
from tasktypes.handlers import Claimed
from tasktypes.models import Bucket, Task, TaskEvent, TaskGroup
from tasktypes.services import lanes, limits, tally
from tasktypes.services.pick import pick
from tasktypes.states import EventType, State

_COLUMNS = (
    "id", "public_id", "type_name", "group_id", "created_by_id", "attempt", "retries", "max_retries", "parameters",
    "metadata", "progress", "state", "rate_key", "event_seq", "started_at",
)  # fmt: skip


def lease() -> timedelta:
    """Return how long a claim holds without a sign of life."""
    return timedelta(seconds=settings.PIXTASKS_LEASE_SECONDS)


def claim(task_id: int, attempt: int, *, worker: str, carrier: str) -> Claimed | None:
    """Claim the row that a message names, if it still is to be run.

    Args:
        task_id: the row.
        attempt: the attempt the message expects; a late or repeated message finds another and leaves.
        worker: who claims.
        carrier: the message's id.

    Returns:
        The claimed row, or None: somebody else was first, it was cancelled, is not due, or its rate is used up.
    """
    with transaction.atomic():
        rows = Task.objects.filter(pk=task_id, attempt=attempt).select_for_update(no_key=True)
        rate_key = rows.filter(status=State.PENDING).values_list("rate_key", flat=True).first()
        if rate_key is None:
            return None
        if rate_key and not limits.open_starts(rate_key, 1):
            _put_back(task_id, rate_key)
            return None
        # A row that was rung is due again only later; the message in hand is the answer to that ring.
        claimed = _take(
            Task.objects.filter(pk=task_id, attempt=attempt, due_at__isnull=False), worker, carrier, lease()
        )
    return claimed[0] if claimed else None


def claim_next(type_name: str, limit: int, *, worker: str, carrier: str) -> list[Claimed]:
    """Claim the next runnable rows of one handler, in the order of CONTRACT X32, without a message for each.

    Args:
        type_name: the handler's name.
        limit: how many at most.
    """
    with transaction.atomic():
        candidates = pick(limit, wanted=lambda name: name == type_name)
        if not candidates:
            return []
        allowed: list[int] = []
        for key in sorted({candidate.rate_key for candidate in candidates}):
            ids = [candidate.id for candidate in candidates if candidate.rate_key == key]
            allowed += ids[: limits.open_starts(key, len(ids))]
        claimed = _take(Task.objects.filter(pk__in=allowed, due_at__lte=Now()), worker, carrier, lease())
    order = {candidate.id: place for place, candidate in enumerate(candidates)}
    return sorted(claimed, key=lambda row: order[row.id])


def claim_outside(
    *, worker: str, limit: int, lease_seconds: float, type_names: Collection[str] | None, owner_id: int | None
) -> list[Claimed]:
    """Claim the next runnable rows for an outside worker, in the order of CONTRACT X32, never one twice.

    Args:
        worker: the name it gives itself.
        limit: how many at most.
        lease_seconds: how long the claim holds without a heartbeat.
        type_names: of which declared types; None = of all.
        owner_id: whose rows; None = everybody's (staff and API keys with the scope ``worker``, CONTRACT X23).
    """
    wanted = None if type_names is None else set(type_names).__contains__
    with transaction.atomic():
        candidates = pick(limit, runner=lanes.OUTSIDE, wanted=wanted, owner_id=owner_id)
        if not candidates:
            return []
        rows = Task.objects.filter(pk__in=[candidate.id for candidate in candidates], due_at__lte=Now())
        claimed = _take(rows, worker, "", timedelta(seconds=lease_seconds))
    order = {candidate.id: place for place, candidate in enumerate(candidates)}
    return sorted(claimed, key=lambda row: order[row.id])


def start_by_hand(task_id: int) -> Claimed | None:
    """Set a pending row of a declared type to running without a lease: its caller will end it by PUT (CONTRACT X36)."""
    with transaction.atomic():
        claimed = _take(Task.objects.filter(pk=task_id, task_type__isnull=False), "", "", None)
    return claimed[0] if claimed else None


def _put_back(task_id: int, rate_key: str) -> None:
    """Take back a ring that came too early for its rate, so that it holds no slot while it waits."""
    next_at = Bucket.objects.filter(pk=rate_key).values("next_at")
    Task.objects.filter(pk=task_id).update(published_at=None, unanswered=0, due_at=Subquery(next_at))


def _take(rows: QuerySet[Task], worker: str, carrier: str, held_for: timedelta | None) -> list[Claimed]:
    cancelled = TaskGroup.objects.filter(pk=OuterRef("group_id"), cancelled_at__isnull=False)
    won = update_returning(
        rows.filter(~Exists(cancelled), status=State.PENDING),
        {
            "status": State.RUNNING,
            "attempt": F("attempt") + 1,
            "worker": worker,
            "carrier": carrier,
            "lease_expires_at": None if held_for is None else Now() + held_for,
            "started_at": Now(),
            "updated_at": Now(),
            "published_at": Now(),
            "due_at": None,
            "unanswered": 0,
            "cancel_requested_at": None,
            "event_seq": F("event_seq") + 1,
        },
        _COLUMNS,
    )
    claimed = [Claimed(**row) for row in won]
    for key in sorted({row.rate_key for row in claimed if row.rate_key}):
        limits.log_starts(key, sum(1 for row in claimed if row.rate_key == key))
    TaskEvent.objects.bulk_create([started_event(row, worker) for row in claimed])
    tally.record((row.created_by_id, row.type_name, State.PENDING, State.RUNNING) for row in claimed)
    if claimed:
        crash_after_commit("claim.after_commit")
        crash_point("claim.before_commit")
    return claimed


def started_event(row: Claimed, worker: str) -> TaskEvent:
    """Return the event that says who started which attempt."""
    data: dict[str, Any] = {"attempt": row.attempt, "worker": worker}
    return TaskEvent(task_id=row.id, seq=row.event_seq, type=EventType.STARTED, data=data, created_at=row.started_at)


def renew(held: Sequence[Claimed]) -> dict[int, bool]:
    """Renew the leases of rows this process holds.

    Returns:
        For each row that is still held: whether somebody asked it to stop. Rows that are missing were lost.
    """
    kept: dict[int, bool] = {}
    for row in held:
        won = update_returning(
            Task.objects.filter(pk=row.id, status=State.RUNNING, attempt=row.attempt),
            {"lease_expires_at": Now() + lease()},
            ["id", "cancel_requested_at"],
        )
        kept.update({got["id"]: got["cancel_requested_at"] is not None for got in won})
    return kept
