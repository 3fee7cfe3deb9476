"""Counting again: groups and totals compared with the tasks themselves, exactly, while everything goes on.

Settling takes a group's row after its tasks; a transaction that has counted a task's end but not yet committed
holds the group. So whoever holds the group's row, and then counts, sees each end on both sides or on neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Q
from django.db.models.functions import Now

from pixtasks.accounts.services.audit import audit
from tasktypes.models import TallyDelta, Task, TaskGroup
from tasktypes.services.groups import settle_if_complete
from tasktypes.states import State

_RECOUNTING = 0x74616C79  # Any number, the same in every process: "taly".

_DIFFERENCES = """
SELECT owner_id, type_name, status, SUM(n) FROM (
    SELECT owner_id, type_name, status, delta AS n FROM {deltas}
    UNION ALL
    SELECT created_by_id, type_name, status, -1 FROM {tasks}
) AS both_sides
GROUP BY owner_id, type_name, status HAVING SUM(n) <> 0 ORDER BY type_name, status, owner_id
"""


@dataclass(frozen=True, slots=True)
class GroupMismatch:
    """A group whose counters differ from its tasks: both by name."""

    group_id: int
    counters: dict[str, int]
    tasks: dict[str, int]


@dataclass(frozen=True, slots=True)
class TallyMismatch:
    """A total that differs from the tasks: by how many it is too high."""

    owner_id: int | None
    type_name: str
    status: str
    surplus: int


def recount_group(group_id: int, *, fix: bool) -> GroupMismatch | None:
    """Compare a group's counters with its tasks, under the lock that settling takes.

    Args:
        fix: set the counters to what was counted, open a group that has active tasks again and close one that has
            none, all in one transaction with an audit entry.

    Returns:
        What differed, or None.
    """
    with transaction.atomic():
        group = TaskGroup.objects.select_for_update(no_key=True).filter(pk=group_id).first()
        if group is None:
            return None
        tasks = _tasks_of(group)
        counters = {name: getattr(group, name) for name in tasks}
        if tasks == counters:
            return None
        mismatch = GroupMismatch(group_id, counters, tasks)
        if fix:
            changes: dict[str, Any] = {**tasks, "updated_at": Now()}
            if tasks["total"] > tasks["completed"] + tasks["failed"] + tasks["cancelled"]:
                changes["settled_at"] = None
            TaskGroup.objects.filter(pk=group_id).update(**changes)
            audit("group.recounted", target=group, detail={"counters": counters, "tasks": tasks})
            if tasks["total"]:
                settle_if_complete(group_id)
        return mismatch


def tally_mismatches() -> list[TallyMismatch]:
    """Return the totals that differ from the tasks: one statement, so both sides are seen at the same moment."""
    sql = _DIFFERENCES.format(
        deltas=connection.ops.quote_name(TallyDelta._meta.db_table),
        tasks=connection.ops.quote_name(Task._meta.db_table),
    )
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return [TallyMismatch(owner, name, status, int(surplus)) for owner, name, status, surplus in cursor.fetchall()]


def recount_tally() -> list[TallyMismatch]:
    """Bring the totals in line with the tasks, by inserting what is missing; return what differed.

    A total is a sum of rows that are only ever inserted, each in the transaction that moved a task. So the difference
    seen at one moment stays the difference, whatever moves meanwhile; only two recounts must not happen at once.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_RECOUNTING])
        found = tally_mismatches()
        TallyDelta.objects.bulk_create(
            [
                TallyDelta(owner_id=one.owner_id, type_name=one.type_name, status=one.status, delta=-one.surplus)
                for one in found
            ]
        )
        if found:
            audit("tally.recounted", object_type="tasktypes.tallydelta", detail={"differences": len(found)})
        return found


def _tasks_of(group: TaskGroup) -> dict[str, int]:
    ended = {
        "completed": Q(status=State.COMPLETED),
        "failed": Q(status=State.FAILED),
        "cancelled": Q(status=State.CANCELLED),
    }
    return Task.objects.filter(group=group).aggregate(
        total=Count("id"), **{name: Count("id", filter=condition) for name, condition in ended.items()}
    )
