"""What the commands of the ledger have in common: tasks by id, and how they are shown."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich import box
from rich.table import Table
from rich.text import Text

from pixtasks.common.commands import ShowingCommand
from pixtasks.common.errors import InvalidInput
from pixtasks.common.json import load_json
from pixtasks.common.screen import as_json, plain
from pixtasks.common.times import wire_time
from tasktypes.models import Task
from tasktypes.states import State

_LARGEST_ID = 2**63 - 1
_LONGEST = 400
STYLES = {
    State.PENDING: "dim",
    State.RUNNING: "cyan",
    State.COMPLETED: "green",
    State.FAILED: "red",
    State.CANCELLED: "yellow",
}


class TaskCommand(ShowingCommand):
    """A command that works on tasks of the ledger."""

    def show_task(self, task: Task, said: str, *, as_object: bool, **more: Any) -> None:
        """Show a task and a sentence about it, or both as one JSON object."""
        if as_object:
            self.stdout.write(as_json(task_object(task) | {"message": said} | more))
            return
        self.console.print(Text(f" {plain(said)}"))
        self.console.print(task_table(task))


def task_by_text(text: str) -> Task:
    """Return the task of a number or public id as it was typed.

    Raises:
        CommandError: no task has it; the sentence names tasks that there are.
    """
    tasks = Task.objects.select_related("task_type", "created_by")
    if text.isascii() and text.isdecimal() and len(text) < 20:
        task = tasks.filter(pk=min(int(text), _LARGEST_ID)).first()
    else:
        task = tasks.filter(public_id=text).first() if "\0" not in text else None
    if task is None:
        raise CommandError(f"There is no task {plain(text)}. {_known_tasks()}")
    return task


def json_object(option: str, text: str) -> dict[str, Any]:
    """Return the JSON object that was typed, or that stands in the file named behind an ``@``.

    Raises:
        CommandError: it is no JSON object, or the file cannot be read.
    """
    try:
        body = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
        found = load_json(body)
    except OSError as error:
        raise CommandError(f"{option}: {plain(text[1:])} cannot be read: {error.strerror}") from error
    except (InvalidInput, UnicodeEncodeError) as error:
        raise CommandError(f"{option}: not valid JSON: {plain(error)}") from error
    if not isinstance(found, dict):
        raise CommandError(f'{option}: give a JSON object, such as {{"message": "this"}}.')
    return found


def task_object(task: Task) -> dict[str, Any]:
    """Return what ``--json`` says of a task."""
    return {
        "id": task.pk,
        "task_id": task.public_id,
        "task_type": task.type_name,
        "status": task.status,
        "parameters": task.parameters,
        "priority": task.priority,
        "progress": task.progress,
        "result": task.result,
        "error_message": task.error_message,
        "attempts": task.attempt,
        "retries": task.retries,
        "max_retries": task.max_retries,
        "worker": task.worker,
        "owner": None if task.created_by is None else task.created_by.email,
        "created_at": wire_time(task.created_at),
        "started_at": wire_time(task.started_at),
        "completed_at": wire_time(task.completed_at),
    }


def task_table(task: Task) -> Table:
    """Return a task for people."""
    table = facts_table()
    table.add_row("Task", Text(f"{task.pk}  {task.public_id}"))
    table.add_row("Name", Text(plain(task.type_name)))
    table.add_row("Status", Text(task.status, f"bold {STYLES[State(task.status)]}"))
    table.add_row("Parameters", _clipped(task.parameters))
    if task.progress is not None:
        table.add_row("Progress", _clipped(task.progress))
    if task.result is not None:
        table.add_row("Result", _clipped(task.result))
    if task.error_message:
        table.add_row("Error", Text(plain(task.error_message)[:_LONGEST], "red"))
    table.add_row("Attempts", Text(f"{task.attempt} ({task.retries} of {task.max_retries} retries used)"))
    owner = "the product itself" if task.created_by is None else task.created_by.email
    table.add_row("Owner", Text(plain(owner)))
    table.add_row("Created", _moment(task.created_at))
    if task.started_at is not None:
        table.add_row("Started", _moment(task.started_at, task.worker))
    if task.completed_at is not None:
        seconds = "" if task.run_time is None else f"after {task.run_time.total_seconds():.2f} s"
        table.add_row("Ended", _moment(task.completed_at, seconds))
    return table


def facts_table() -> Table:
    """Return an empty table of names and values."""
    table = Table(box=box.HORIZONTALS, show_header=False, border_style="bright_black", padding=(0, 1, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def list_table(*headers: str, numbers: tuple[str, ...] = ()) -> Table:
    """Return an empty table with a column for each header; ``numbers`` are aligned to the right."""
    table = Table(box=box.HORIZONTALS, border_style="bright_black", header_style="bold", padding=(0, 1, 0, 0))
    for header in headers:
        right = header in numbers
        table.add_column(header, justify="right" if right else "left", no_wrap=right, overflow="fold", min_width=4)
    return table


def _clipped(value: dict[str, Any]) -> Text:
    text = plain(" ".join(as_json(value).split()))
    return Text(text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …")


def _moment(moment: datetime, note: str = "") -> Text:
    return Text.assemble(wire_time(moment), (f"  {plain(note)}" if note else "", "dim"))


def _known_tasks() -> str:
    latest = list(Task.objects.order_by("-pk").values_list("pk", flat=True)[:5])
    if not latest:
        return 'There is no task yet; "manage.py submit_task" makes one.'
    return f"The latest tasks are {', '.join(map(str, reversed(latest)))}."
