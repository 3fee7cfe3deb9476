"""Lanes: how the ledger finds what runs next without looking at what does not.

A lane is a FIFO of pending rows alike in runner, priority, type, rate key and owner. Its name is a column, and the
partial index (lane, due_at, id) lets a *loose scan* hop from lane to lane: the work is per lane that has pending rows,
not per row, so ten million waiting tasks cost what ten do, and the rows of an exhausted rate key cost nothing.
"""

from __future__ import annotations

from django.db import connection

from tasktypes.models import Task

_LOOSE_SCAN = """
WITH RECURSIVE lanes(lane) AS (
    SELECT min(lane) FROM task_list
    WHERE status = 'pending' AND due_at IS NOT NULL AND lane >= %s AND lane < %s
  UNION ALL
    SELECT (SELECT min(t.lane) FROM task_list t
            WHERE t.status = 'pending' AND t.due_at IS NOT NULL AND t.lane > lanes.lane AND t.lane < %s)
    FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT lane FROM lanes WHERE lane IS NOT NULL
"""

HANDLED = "h"
OUTSIDE = "x"


def lane_name(*, handled: bool, priority: int, type_name: str, rate_key: str, owner_id: int | None) -> str:
    """Return the lane of a row with these facts."""
    return f"{HANDLED if handled else OUTSIDE}{priority:04d}|{type_name}|{rate_key}|{owner_id or 0}"


def lane_of(task: Task) -> str:
    """Return the lane a task belongs to."""
    return lane_name(
        handled=task.task_type_id is None,
        priority=task.priority,
        type_name=task.type_name,
        rate_key=task.rate_key,
        owner_id=task.created_by_id,
    )


def type_of(lane: str) -> str:
    """Return the type's name of a lane's rows."""
    return lane.split("|", 1)[1].rsplit("|", 2)[0]


def owner_of(lane: str) -> int:
    """Return the id of the owner of a lane's rows, 0 for none."""
    return int(lane.rsplit("|", 1)[1])


def waiting_lanes(runner: str = HANDLED) -> dict[int, list[str]]:
    """Return the lanes with pending rows by priority, the first priority first.

    Args:
        runner: ``HANDLED`` for rows that handlers run, ``OUTSIDE`` for those that outside workers claim.
    """
    after = chr(ord(runner) + 1)
    with connection.cursor() as cursor:
        cursor.execute(_LOOSE_SCAN, [runner, after, after])
        names = [row[0] for row in cursor.fetchall()]
    by_priority: dict[int, list[str]] = {}
    for name in names:
        by_priority.setdefault(int(name[1:5]), []).append(name)
    return dict(sorted(by_priority.items()))
