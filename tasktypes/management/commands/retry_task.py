"""``manage.py retry_task``: let a task that ended badly run again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from tasktypes.management.base import TaskCommand, task_by_text
from tasktypes.services.database_status import retry_in_place


class Command(TaskCommand):
    """Does what PATCH /tasks/{id}/retry does."""

    writes = True
    help = "Run a failed or cancelled task again, under its own id."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("id", metavar="ID", help="the task's number or its uuid")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Retry; return the exit code."""
        task = retry_in_place(task_by_text(options["id"]))
        self.show_task(task, f"Task {task.pk} will run again.", as_object=options["json"])
        return 0
