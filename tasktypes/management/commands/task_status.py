"""``manage.py task_status``: where a task stands."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from tasktypes.management.base import TaskCommand, task_by_text


class Command(TaskCommand):
    """Looks, and changes nothing."""

    help = "Show where a task stands, what it brought and what went wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("id", metavar="ID", help="the task's number or its uuid")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Show; return the exit code."""
        task = task_by_text(options["id"])
        self.show_task(task, f"Task {task.pk} is {task.status}.", as_object=options["json"])
        return 0
