"""``manage.py revoke_task``: stop a task."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from tasktypes.management.base import TaskCommand, task_by_text
from tasktypes.services.revoke import revoke_task
from tasktypes.states import State


class Command(TaskCommand):
    """Does what DELETE /api/celery/tasks/{task_id} does."""

    writes = True
    help = "Stop a task: a waiting one at once, a running one at its next checkpoint. What it stored is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("id", metavar="ID", help="the task's number or its uuid")
        parser.add_argument("--terminate", action="store_true", help="kill the process that runs it, now")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Stop it; return the exit code."""
        task = task_by_text(options["id"])
        asked = revoke_task(task, terminate=options["terminate"])
        said = f"Task {task.pk} had already ended as {task.status}; nothing was changed."
        if asked:
            ended = task.status == State.CANCELLED
            said = f"Task {task.pk} is cancelled." if ended else f"Task {task.pk} was asked to stop."
        self.show_task(task, said, as_object=options["json"], revoked=asked)
        return 0
