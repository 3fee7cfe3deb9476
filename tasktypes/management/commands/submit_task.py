"""``manage.py submit_task``: submit a task to a handler, once for each payload (CONTRACT D01-D05)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from rich.text import Text

from pixtasks.accounts.management.owners import owner_by_email
from pixtasks.common.screen import plain
from pixtasks.common.stop_signals import StopSignals
from tasktypes.handlers import handlers
from tasktypes.management.base import TaskCommand, json_object
from tasktypes.models import Task
from tasktypes.services.database_tasks import submit_once
from tasktypes.services.inspect import live_workers
from tasktypes.states import TERMINAL, State

_LOOK_SECONDS = 0.2
NOBODY_WORKS = 'No worker was heard of lately: the task runs as soon as "manage.py up" (make run) runs.'


class Command(TaskCommand):
    """Does what POST /tasks/{task_name} does."""

    writes = True
    help = (
        "Submit a task. The same payload again is the same task with one more retry. With --wait it ends with 0 when "
        "the task completed and 1 when it did not; Ctrl-C ends the waiting and leaves the task alone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name", metavar="NAME", help='a handler; "manage.py list_handlers" shows them')
        parser.add_argument(
            "payload", metavar="JSON", nargs="?", default="{}", help="its payload as JSON, or @file (default {})"
        )
        parser.add_argument(
            "--user", metavar="EMAIL", help="whose task it is (default in development: the built-in user local)"
        )
        parser.add_argument("--wait", action="store_true", help="wait until the task has ended")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Submit; return the exit code."""
        if options["name"] not in handlers:
            known = ", ".join(handlers.names())
            raise CommandError(f"There is no handler {plain(options['name'])}. Known are: {known}.")
        payload = json_object("JSON", options["payload"])
        owner = owner_by_email(options["user"])
        submitted = submit_once(options["name"], payload, owner_id=owner.pk, caller=owner, loc=())
        task = submitted.task
        if options["wait"]:
            with StopSignals() as stop:
                if not live_workers():
                    self.console.print(Text(f" {NOBODY_WORKS}", "yellow"))
                while task.status not in TERMINAL:
                    stop.pause(_LOOK_SECONDS)
                    task = Task.objects.get(pk=task.pk)
        self.show_task(task, submitted.message, as_object=options["json"], is_duplicate=submitted.is_duplicate)
        return 1 if options["wait"] and task.status != State.COMPLETED else 0
