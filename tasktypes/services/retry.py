"""Reopening: failed or cancelled → pending, by hand."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from pixtasks.common.sql import update_returning
from tasktypes.handlers import EndedTask, handlers
from tasktypes.models import Task, TaskEvent
from tasktypes.services import tally
from tasktypes.services.dispatch import dispatch_after_commit
from tasktypes.services.groups import count_reopened
from tasktypes.services.settle import ENDED_COLUMNS, ended_task
from tasktypes.services.status_cache import forget_after_commit
from tasktypes.states import EventType, State

_BADLY: Final = (State.FAILED, State.CANCELLED)


def reopen(task_ids: Sequence[int], *, by: str = "", statuses: Collection[State] = _BADLY) -> list[int]:
    """Let failed or cancelled tasks run again, with a fresh budget, from what their checkpoints stored.

    Their ends are taken out of their groups' counters and the groups are open again, in the same transaction.

    Args:
        by: who asked, for the tasks' histories.
        statuses: the ends that are taken back. Who takes a completion back has locked the task, and knows that no other
            one has waited for it.

    Returns:
        The ids that were reopened; tasks in another state are left alone.
    """
    with transaction.atomic():
        before = {
            row["id"]: row
            for row in Task.objects.filter(pk__in=task_ids, status__in=statuses)
            .order_by("id")
            .select_for_update(no_key=True)
            .values(*ENDED_COLUMNS)
        }
        won = update_returning(
            Task.objects.filter(pk__in=list(before), status__in=statuses),
            {
                "status": State.PENDING,
                "result": None,
                "error_message": None,
                "traceback": "",
                "completed_at": None,
                "cancel_requested_at": None,
                "published_at": None,
                "unanswered": 0,
                "retries": 0,
                "crashes": 0,
                "due_at": Now(),
                "updated_at": Now(),
                "event_seq": F("event_seq") + 1,
            },
            ["id", "type_name", "event_seq", "updated_at"],
        )
        reopened: dict[str, list[EndedTask]] = {}
        for row in won:
            reopened.setdefault(row["type_name"], []).append(ended_task(before[row["id"]]))
        TaskEvent.objects.bulk_create(
            [
                TaskEvent(
                    task_id=row["id"],
                    seq=row["event_seq"],
                    type=EventType.REOPENED,
                    data={"by": by} if by else {},
                    created_at=row["updated_at"],
                )
                for row in won
            ]
        )
        tally.record(
            (task.created_by_id, task.type_name, task.status, State.PENDING)
            for tasks in reopened.values()
            for task in tasks
        )
        count_reopened(task for tasks in reopened.values() for task in tasks)
        forget_after_commit(task.public_id for tasks in reopened.values() for task in tasks)
        for type_name in sorted(reopened):
            handler = handlers.get(type_name)
            if handler is not None:
                handler.on_reopened(reopened[type_name])
        dispatch_after_commit()
    return sorted(row["id"] for row in won)
