"""Taking over the SQLite file of the older system: its tables ``task_types`` and ``task_list`` (CONTRACT R24, R25)."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db import transaction

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import InvalidInput, PixtasksError, RuleViolation
from pixtasks.common.sql import database_now
from pixtasks.common.times import parse_time
from tasktypes.models import Task, TaskEvent, TaskType
from tasktypes.services import tally
from tasktypes.services.lanes import lane_of
from tasktypes.services.settle import end_event
from tasktypes.services.task_types import declared_retries, register_type
from tasktypes.states import TERMINAL, EventType, State

_TYPES = ("id", "name", "description", "parameters_schema", "metadata", "is_active", "created_at", "updated_at")
_TASKS = (
    "id", "task_type_id", "status", "parameters", "priority", "metadata", "result", "error_message", "created_at",
    "updated_at", "started_at", "completed_at",
)  # fmt: skip
_SOURCE = uuid.UUID("5f4b9b0e-0a53-5b57-9a0c-6a3f0f6d2c11")
_AT_A_TIME = 500
_MOST_REASONS = 20


@dataclass(slots=True)
class Imported:
    """What came of it. ``reasons`` names the first rows that were left out, and why."""

    types_created: int = 0
    types_present: int = 0
    types_refused: int = 0
    tasks_created: int = 0
    tasks_present: int = 0
    tasks_refused: int = 0
    reasons: list[str] = field(default_factory=list)

    def refuse(self, row: str, why: object) -> None:
        """Note a row that was left out."""
        if len(self.reasons) < _MOST_REASONS:
            self.reasons.append(f"{row}: {why}")


class _Faulty(Exception):
    """A row cannot be taken over; the text says why."""


def import_file(path: Path, *, owner: User) -> Imported:
    """Copy task types and tasks that are not there yet; the file is only read. Running it again adds nothing.

    A type is found by its name, a task by an id derived from its type, number and time of creation. Tasks keep their
    status, times and results; those that were running are taken over as running, set by hand (CONTRACT X36).

    Args:
        owner: whose they become.

    Raises:
        RuleViolation: there is no such file, it is not an SQLite database, or it has not these tables.
    """
    if not path.is_file():
        raise RuleViolation(f"There is no file {path}; give the path of the older system's api.db")
    outcome = Imported()
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=ro", uri=True)) as source:
            source.row_factory = sqlite3.Row
            _check_tables(source, path)
            types = _import_types(source, owner, outcome)
            _import_tasks(source, owner, types, outcome)
    except sqlite3.Error as error:
        raise RuleViolation(f"{path} cannot be read as an SQLite database of the older system: {error}") from error
    detail = {"types": outcome.types_created, "tasks": outcome.tasks_created, "owner": owner.email}
    audit("ledger.imported", object_type=Task._meta.label_lower, detail=detail)
    return outcome


def _check_tables(source: sqlite3.Connection, path: Path) -> None:
    for table, columns in (("task_types", _TYPES), ("task_list", _TASKS)):
        there = {row["name"] for row in source.execute(f"PRAGMA table_info({table})")}
        if not there:
            raise RuleViolation(f"{path} has no table {table}; it is not a database of the older system")
        if missing := [name for name in columns if name not in there]:
            raise RuleViolation(f"{path}: the table {table} has no column {', '.join(missing)}")


def _import_types(source: sqlite3.Connection, owner: User, outcome: Imported) -> dict[int, TaskType]:
    """Return the types by their numbers in the file."""
    there = {row.name: row for row in TaskType.objects.all()}
    types: dict[int, TaskType] = {}
    for row in source.execute("SELECT * FROM task_types ORDER BY id"):
        if row["name"] in there:
            outcome.types_present += 1
            types[row["id"]] = there[row["name"]]
            continue
        try:
            with transaction.atomic():
                types[row["id"]] = _new_type(row, owner)
        except (_Faulty, PixtasksError) as error:
            outcome.types_refused += 1
            outcome.refuse(f"task type {row['id']}", error)
        else:
            outcome.types_created += 1
    return types


def _new_type(row: sqlite3.Row, owner: User) -> TaskType:
    name = _text(row, "name")
    if not 0 < len(name) <= 200:
        raise _Faulty("its name has not 1 to 200 characters")
    made = register_type(
        creator=owner,
        name=name,
        description=_text(row, "description"),
        parameters_schema=_object(row, "parameters_schema"),
        metadata=_object(row, "metadata"),
    )
    facts = {"is_active": bool(row["is_active"]), "updated_at": _time(row, "updated_at")}
    TaskType.objects.filter(pk=made.pk).update(created_at=_time(row, "created_at") or made.created_at, **facts)
    made.refresh_from_db()
    return made


def _import_tasks(source: sqlite3.Connection, owner: User, types: Mapping[int, TaskType], outcome: Imported) -> None:
    rows = source.execute("SELECT * FROM task_list ORDER BY id")
    while batch := rows.fetchmany(_AT_A_TIME):
        new: dict[str, Task] = {}
        for task in _tasks(batch, owner, types, outcome):
            new[task.public_id] = task
        with transaction.atomic():
            present = set(Task.objects.filter(public_id__in=new).values_list("public_id", flat=True))
            tasks = [task for public_id, task in new.items() if public_id not in present]
            Task.objects.bulk_create(tasks)
            TaskEvent.objects.bulk_create([event for task in tasks for event in _events(task)])
            tally.record((owner.pk, task.type_name, None, State(task.status)) for task in tasks)
        outcome.tasks_created += len(tasks)
        outcome.tasks_present += len(present)


def _tasks(rows: list[sqlite3.Row], owner: User, types: Mapping[int, TaskType], outcome: Imported) -> Iterator[Task]:
    now = database_now()
    for row in rows:
        try:
            if row["task_type_id"] not in types:
                raise _Faulty(f"its task type {row['task_type_id']} was not taken over")
            yield _new_task(row, types[row["task_type_id"]], owner, now)
        except (_Faulty, InvalidInput) as error:
            outcome.tasks_refused += 1
            outcome.refuse(f"task {row['id']}", error)


def _new_task(row: sqlite3.Row, task_type: TaskType, owner: User, now: datetime) -> Task:
    if row["status"] not in State.values:
        raise _Faulty(f"the status {row['status']!r} is not known")
    priority = 100 if row["priority"] is None else row["priority"]
    if not isinstance(priority, int) or not 1 <= priority <= 1000:
        raise _Faulty(f"the priority {priority!r} is not a number from 1 to 1000")
    status = State(row["status"])
    created = _time(row, "created_at") or now
    completed = _time(row, "completed_at") or _time(row, "updated_at") or created
    task = Task(
        public_id=str(uuid.uuid5(_SOURCE, json.dumps([task_type.name, row["id"], row["created_at"]]))),
        type_name=task_type.name,
        task_type=task_type,
        created_by=owner,
        status=status,
        parameters=_object(row, "parameters"),
        metadata=_object(row, "metadata"),
        priority=priority,
        result=_object(row, "result") if row["result"] is not None else None,
        error_message=_text(row, "error_message") if row["error_message"] is not None else None,
        max_retries=declared_retries(task_type),
        due_at=now if status == State.PENDING else None,
        event_seq=2 if status in TERMINAL else 1,
        created_at=created,
        updated_at=_time(row, "updated_at") or created,
        started_at=_time(row, "started_at") or (created if status == State.RUNNING else None),
        completed_at=completed if status in TERMINAL else None,
    )
    task.lane = lane_of(task)
    return task


def _events(task: Task) -> list[TaskEvent]:
    events = [TaskEvent(task=task, seq=1, type=EventType.SUBMITTED, created_at=task.created_at)]
    if task.status in TERMINAL:
        row = {name: getattr(task, name) for name in ("id", "event_seq", "status", "error_message", "completed_at")}
        events.append(end_event(row))
    return events


def _object(row: sqlite3.Row, column: str) -> dict[str, Any]:
    text = _text(row, column)
    try:
        value = json.loads(text, parse_constant=_no_number) if text else {}
    except (ValueError, RecursionError):
        raise _Faulty(f"{column} is not JSON") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Faulty(f"{column} is not a JSON object")
    if "\\u0000" in text:
        raise _Faulty(f"{column} holds the character NUL")
    return value


def _text(row: sqlite3.Row, column: str) -> str:
    value = row[column]
    if value is None:
        return ""
    if not isinstance(value, str) or "\x00" in value:
        raise _Faulty(f"{column} is not a text")
    return value


def _time(row: sqlite3.Row, column: str) -> datetime | None:
    text = _text(row, column)
    if not text:
        return None
    try:
        return parse_time(text)
    except (ValueError, OverflowError):
        raise _Faulty(f"{column} is not a time: {text[:40]!r}") from None


def _no_number(name: str) -> None:
    raise ValueError(name)
