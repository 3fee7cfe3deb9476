"""Cancelling: one durable mark behind every cancel verb (CONTRACT X28, RELIABILITY.md, step 6)."""

from __future__ import annotations

import logging
from collections.abc import Collection

from celery import current_app
from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from pixtasks.common.sql import update_returning
from tasktypes.models import Task, TaskEvent, TaskGroup
from tasktypes.models.task import celery_id
from tasktypes.services import tally
from tasktypes.services.groups import settle_if_complete
from tasktypes.services.settle import ENDED_COLUMNS, Settlement, close, end_event, ended_task, settle
from tasktypes.states import ACTIVE, EventType, State

logger = logging.getLogger(__name__)


def cancel_group(group_id: int) -> int:
    """Ask all unfinished tasks of a group to stop; pending ones end at once, running ones at their next checkpoint.

    Returns:
        How many tasks had not yet ended (CONTRACT X26).
    """
    with transaction.atomic():
        active = _lock(Task.objects.filter(group_id=group_id, status__in=ACTIVE))
        TaskGroup.objects.filter(pk=group_id).update(cancelled_at=Now(), updated_at=Now())
        _cancel_rows(active)
        settle_if_complete(group_id)
    return len(active)


def cancel_task(task_id: int) -> bool:
    """Ask one task to stop; say whether it had not yet ended."""
    return bool(cancel_tasks([task_id]))


def cancel_tasks(task_ids: Collection[int], *, by: str = "") -> list[int]:
    """Ask tasks to stop; return the ids of those that had not yet ended.

    Args:
        by: who asked, for the tasks' histories.
    """
    with transaction.atomic():
        active = _lock(Task.objects.filter(pk__in=task_ids, status__in=ACTIVE))
        _cancel_rows(active, by=by)
    return active


def cancel_orphans() -> int:
    """Cancel pending tasks of groups that carry a cancel mark (a retry may have slipped in beside the cancel)."""
    with transaction.atomic():
        stray = _lock(
            Task.objects.filter(
                status=State.PENDING,
                group__in=TaskGroup.objects.filter(cancelled_at__isnull=False, settled_at__isnull=True),
            )
        )
        _cancel_rows(stray)
    return len(stray)


def _lock(rows: QuerySet[Task]) -> list[int]:
    return list(rows.order_by("id").select_for_update(no_key=True, of=("self",)).values_list("id", flat=True))


def _cancel_rows(ids: list[int], *, by: str = "") -> None:
    """Cancel locked rows: pending ones are ended, running ones are marked."""
    asked = {"by": by} if by else {}
    ended = update_returning(
        Task.objects.filter(pk__in=ids, status=State.PENDING),
        {
            "status": State.CANCELLED,
            "cancel_requested_at": Now(),
            "completed_at": Now(),
            "updated_at": Now(),
            "due_at": None,
            "event_seq": F("event_seq") + 1,
        },
        (*ENDED_COLUMNS, "rings", "published_at"),
    )
    marked = update_returning(
        Task.objects.filter(pk__in=ids, status=State.RUNNING, cancel_requested_at__isnull=True),
        {"cancel_requested_at": Now(), "updated_at": Now(), "event_seq": F("event_seq") + 1},
        ["id", "event_seq", "updated_at"],
    )
    TaskEvent.objects.bulk_create(
        [_told(end_event(row), asked) for row in sorted(ended, key=lambda row: row["id"])]
        + [
            TaskEvent(
                task_id=row["id"],
                seq=row["event_seq"],
                type=EventType.CANCEL_REQUESTED,
                data=asked,
                created_at=row["updated_at"],
            )
            for row in marked
        ],
        batch_size=1000,
    )
    tally.record((row["created_by_id"], row["type_name"], State.PENDING, State.CANCELLED) for row in ended)
    close([ended_task(row) for row in ended])
    # Nobody holds a lease on what was set to running by hand: no worker will ever hear the mark.
    unheld = Task.objects.filter(pk__in=ids, status=State.RUNNING, lease_expires_at__isnull=True)
    settle(
        [
            Settlement(task_id=pk, attempt=attempt, status=State.CANCELLED)
            for pk, attempt in unheld.values_list("pk", "attempt")
        ]
    )
    rung = [celery_id(row["public_id"], row["rings"]) for row in ended if row["published_at"] is not None]
    if rung:
        transaction.on_commit(lambda: revoke(rung), robust=True)


def _told(event: TaskEvent, facts: dict[str, str]) -> TaskEvent:
    event.data = {**event.data, **facts}
    return event


def revoke(celery_ids: list[str], *, terminate: bool = False) -> None:
    """Tell the workers to discard messages, or to kill what carries them; best effort: the mark is what counts.

    A request may wait for this: a broker that refuses is noticed at once, one that is silent after two seconds.
    """
    try:
        current_app.control.revoke(celery_ids, terminate=terminate, signal="SIGKILL" if terminate else None)
    except (BrokerError, RedisError, OSError) as error:
        logger.warning("revoke not sent (the mark in the ledger is enough): %s", error)
