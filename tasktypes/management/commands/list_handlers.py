"""``manage.py list_handlers``: what this product can run."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from rich.text import Text

from pixtasks.common.screen import as_json, plain
from tasktypes.handlers import Handler, handlers
from tasktypes.management.base import TaskCommand, list_table


class Command(TaskCommand):
    """Shows the registry."""

    help = "List the handlers that are registered, with what each takes."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Show; return the exit code."""
        if options["json"]:
            self.stdout.write(as_json([_as_dict(handler) for handler in handlers]))
            return 0
        table = list_table("Name", "Takes", "Does", "Limit", "Retries", numbers=("Limit", "Retries"))
        table.columns[0].no_wrap = True  # It is there to be copied.
        for handler in handlers:
            table.add_row(
                Text(handler.name, "bold"),
                Text(", ".join(_takes(handler))),
                Text(plain(handler.description), "dim"),
                f"{handler.time_limit:g} s",
                str(handler.max_retries),
            )
        self.console.print(table)
        return 0


def _takes(handler: Handler[Any]) -> list[str]:
    fields = handler.Params.model_fields.items()
    return [name if field.is_required() else f"{name}?" for name, field in fields]


def _as_dict(handler: Handler[Any]) -> dict[str, Any]:
    return {
        "name": handler.name,
        "description": handler.description,
        "parameters_schema": handler.Params.model_json_schema(),
        "queue": handler.queue,
        "time_limit": handler.time_limit,
        "max_retries": handler.max_retries,
    }
