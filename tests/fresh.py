"""Ids that begin with 1 again: a test's transaction takes its rows back, not the numbers it has used."""

from __future__ import annotations

from typing import Any

from django.core.management.color import no_style

from tasktypes.models import Task, TaskType


def restart_ids(connection: Any) -> None:
    """Let the next task and the next task type have id 1, as in a new installation."""
    assert not Task.objects.exists() and not TaskType.objects.exists()
    tables = [Task._meta.db_table, TaskType._meta.db_table]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_by_name_sql(
            no_style(), [{"table": table, "column": "id"} for table in tables]
        ):
            cursor.execute(statement)
