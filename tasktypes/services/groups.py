"""A group's counters: changed by settle, cancel and reopen, and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from django.db.models import F
from django.db.models.functions import Now

from pixtasks.common.sql import update_returning
from tasktypes.handlers import EndedTask, group_hooks
from tasktypes.models import TaskGroup
from tasktypes.states import State

_COUNTERS = {State.COMPLETED: "completed", State.FAILED: "failed", State.CANCELLED: "cancelled"}


def count_ended(ended: Iterable[EndedTask]) -> list[int]:
    """Count tasks that have just ended, inside the ending transaction; groups are taken in the order of their ids.

    Returns:
        The groups that were touched: settle them with :func:`settle_if_complete` once the hooks have run.
    """
    per_group = _per_group(ended)
    for group_id in sorted(per_group):
        changes = {_COUNTERS[state]: F(_COUNTERS[state]) + n for state, n in per_group[group_id].items()}
        TaskGroup.objects.filter(pk=group_id).update(**changes, updated_at=Now())
    return sorted(per_group)


def settle_if_complete(group_id: int) -> bool:
    """Close a group whose last task has ended and tell its hook; say whether this caller closed it.

    Exactly one caller does: the guarded UPDATE has one winner.
    """
    won = update_returning(
        TaskGroup.objects.filter(
            pk=group_id, settled_at__isnull=True, total=F("completed") + F("failed") + F("cancelled")
        ),
        {"settled_at": Now(), "updated_at": Now()},
        ["id", "kind"],
    )
    for group in won:
        hook = group_hooks.get(group["kind"])
        if hook is not None:
            hook.on_settled(group["id"])
    return bool(won)


def count_reopened(reopened: Iterable[EndedTask]) -> None:
    """Take the ends of tasks that will run again out of their groups' counters, and open the groups."""
    per_group = _per_group(reopened)
    for group_id in sorted(per_group):
        changes = {_COUNTERS[state]: F(_COUNTERS[state]) - n for state, n in per_group[group_id].items()}
        TaskGroup.objects.filter(pk=group_id).update(**changes, settled_at=None, cancelled_at=None, updated_at=Now())


def _per_group(tasks: Iterable[EndedTask]) -> dict[int, Counter[State]]:
    counts: dict[int, Counter[State]] = {}
    for task in tasks:
        if task.group_id is not None:
            counts.setdefault(task.group_id, Counter())[task.status] += 1
    return counts
