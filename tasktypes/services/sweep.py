"""Sweeping: what nobody else will do any more (RELIABILITY.md, step 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from pixtasks.common.sql import database_now
from tasktypes.handlers import handlers
from tasktypes.models import Task, Worker
from tasktypes.services.cancel import cancel_orphans, revoke
from tasktypes.services.settle import Cause, Settlement, settle
from tasktypes.states import State

_AT_A_TIME = 500
_SECOND_CRASH_DELAY = 5.0


@dataclass(frozen=True, slots=True)
class Swept:
    """What one pass did."""

    lost: int
    cancelled: int
    strays: int


def sweep() -> Swept:
    """Settle running rows whose lease is over or whose cancel is overdue; cancel strays of cancelled groups."""
    return Swept(lost=sweep_lost(), cancelled=sweep_overdue_cancels(), strays=cancel_orphans())


def sweep_lost() -> int:
    """Take rows from workers that gave no sign of life for a lease; return how many."""
    with transaction.atomic():
        now = database_now()
        rows = list(
            Task.objects.filter(status=State.RUNNING, lease_expires_at__lt=Now())
            .order_by("id")
            .select_for_update(skip_locked=True, no_key=True)
            .values("id", "attempt", "type_name", "worker", "crashes", "started_at", "cancel_requested_at")[:_AT_A_TIME]
        )
        return len(settle([_fate(row, now) for row in rows])) if rows else 0


def _fate(row: Mapping[str, Any], now: datetime) -> Settlement:
    fence: dict[str, Any] = {"task_id": row["id"], "attempt": row["attempt"]}
    if row["cancel_requested_at"] is not None:
        return Settlement(**fence, status=State.CANCELLED)
    handler = handlers.get(row["type_name"])
    if handler is not None and now - row["started_at"] >= timedelta(seconds=handler.time_limit):
        return Settlement(
            **fence, status=State.FAILED, error_message=f"Ran longer than its limit of {handler.time_limit:g} s"
        )
    crashes = row["crashes"] + 1
    if crashes >= settings.PIXTASKS_MAX_CRASHES:
        return Settlement(
            **fence,
            status=State.FAILED,
            error_message=f"Its worker was lost {crashes} times in a row; it is not run again by itself",
        )
    return Settlement(
        **fence,
        status=State.PENDING,
        cause=Cause.LOST,
        error_message=f"Worker {row['worker']} was lost",
        delay=0 if crashes == 1 else _SECOND_CRASH_DELAY,
    )


def sweep_overdue_cancels() -> int:
    """Kill and settle running rows that have not stopped some seconds after they were asked to; return how many."""
    overdue = list(
        Task.objects.filter(
            status=State.RUNNING,
            task_type__isnull=True,  # An outside worker hears it at its next heartbeat, or loses its lease.
            cancel_requested_at__lt=Now() - timedelta(seconds=settings.PIXTASKS_TERMINATE_AFTER_SECONDS),
        ).values_list("id", "attempt", "carrier")[:_AT_A_TIME]
    )
    if not overdue:
        return 0
    revoke(sorted({carrier for _, _, carrier in overdue if carrier}), terminate=True)
    return len(settle([Settlement(task_id=pk, attempt=attempt, status=State.CANCELLED) for pk, attempt, _ in overdue]))


def forget_workers() -> int:
    """Drop the rows of workers not heard for a day; return how many."""
    return Worker.objects.filter(heartbeat_at__lt=Now() - timedelta(days=1)).delete()[0]
