"""Comparing what is counted with what is there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Count, Q
from django.db.models.functions import Now

from tasktypes.models import ScheduledSlot, Task, TaskGroup
from tasktypes.states import State


def counter_mismatches(group_ids: list[int] | None = None, *, days: int = 7) -> list[dict[str, Any]]:
    """Return the groups whose counters differ from the sums over their tasks.

    Args:
        group_ids: which groups; by default those that are open or changed within ``days``.
    """
    if group_ids is not None:
        groups = TaskGroup.objects.filter(pk__in=group_ids)
    else:
        groups = TaskGroup.objects.filter(Q(settled_at__isnull=True) | Q(updated_at__gt=Now() - timedelta(days=days)))
    found = []
    for group in groups.order_by("pk").iterator():
        # One statement per group and no lock: read the group again after a mismatch before calling it one.
        if (mismatch := _compare(group)) is not None:
            group.refresh_from_db()
            if (mismatch := _compare(group)) is not None:
                found.append(mismatch)
    return found


def forget_slots(*, days: int = 30) -> int:
    """Drop schedule slots older than ``days``; return how many."""
    return ScheduledSlot.objects.filter(created_at__lt=Now() - timedelta(days=days)).delete()[0]


def _compare(group: TaskGroup) -> dict[str, Any] | None:
    states = {
        "completed": Q(status=State.COMPLETED),
        "failed": Q(status=State.FAILED),
        "cancelled": Q(status=State.CANCELLED),
    }
    tasks = Task.objects.filter(group=group).aggregate(
        total=Count("id"), **{name: Count("id", filter=condition) for name, condition in states.items()}
    )
    counters = {name: getattr(group, name) for name in tasks}
    return None if tasks == counters else {"group": group.pk, "counters": counters, "tasks": tasks}
