"""Progress that somebody other than the holder of the lease reports about a task of an outside worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from pixtasks.common.sql import update_returning
from tasktypes.models import Task, TaskEvent
from tasktypes.states import ACTIVE, EventType
from tasktypes.webhooks.services.audience import ProgressAudience
from tasktypes.webhooks.services.events import tell_progress


def report_progress(task_id: int, change: Callable[[Mapping[str, Any]], dict[str, Any] | None]) -> bool:
    """Store what a task of a declared type is reported to have done; its status and its lease stay.

    Args:
        task_id: the task.
        change: given the progress that is there, returns the one to store, or None to leave it. What is stored
            becomes a line of the history, too, and goes to the webhooks that want to hear of progress.

    Returns:
        Whether it was stored; not where the task has ended, is a handler's, or ``change`` left it.
    """
    with transaction.atomic():
        # The lock keeps what ``change`` sees true until the update; of two reports at once the second sees the first.
        rows = Task.objects.filter(pk=task_id, status__in=ACTIVE, task_type__isnull=False)
        task = rows.select_for_update(no_key=True).first()
        progress = change(task.progress if isinstance(task.progress, dict) else {}) if task is not None else None
        if task is None or progress is None:
            return False
        changes = {"progress": progress, "event_seq": F("event_seq") + 1, "updated_at": Now()}
        (row,) = update_returning(rows, changes, ["event_seq", "updated_at"])
        TaskEvent.objects.create(
            task_id=task.pk,
            seq=row["event_seq"],
            type=EventType.PROGRESS,
            data=progress,
            created_at=row["updated_at"],
        )
        tell_progress(ProgressAudience(task), progress, row["event_seq"])
    return True
