"""Which task has waited longest, without looking at those that wait behind it."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import F
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from tasktypes.models import Task
from tasktypes.states import State

# The loose scan of lanes.py over all lanes, with the first row of each that may run now.
_HEADS = """
WITH RECURSIVE lanes(lane) AS (
    SELECT min(lane) FROM task_list WHERE status = 'pending' AND due_at IS NOT NULL
  UNION ALL
    SELECT (SELECT min(t.lane) FROM task_list t
            WHERE t.status = 'pending' AND t.due_at IS NOT NULL AND t.lane > lanes.lane)
    FROM lanes WHERE lanes.lane IS NOT NULL
)
SELECT head FROM (
    SELECT (SELECT t.id FROM task_list t
            WHERE t.status = 'pending' AND t.due_at IS NOT NULL AND t.lane = lanes.lane AND t.due_at <= %s
            ORDER BY t.due_at, t.id LIMIT 1) AS head
    FROM lanes WHERE lanes.lane IS NOT NULL
) AS heads WHERE head IS NOT NULL
"""


def oldest_waiting() -> tuple[Task, datetime] | None:
    """Return the task that may run and has waited longest, and since when; None where none waits.

    What is scheduled for later, held by a prerequisite, or was handed to a worker a moment ago does not wait. Of each
    lane only the first row is looked at, so that this costs per lane and not per row.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_HEADS, [connection.ops.adapt_datetimefield_value(now)])
        heads = [row[0] for row in cursor.fetchall()]
    if not heads:
        return None
    waits = Task.objects.filter(pk__in=heads, status=State.PENDING).annotate(
        waits_since=Greatest("created_at", Coalesce("run_after", F("created_at")))
    )
    task = waits.order_by("waits_since", "id").first()
    return (task, task.waits_since) if task is not None else None
