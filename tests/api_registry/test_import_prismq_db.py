"""``manage.py import_prismq_db``: the older system's SQLite file (CONTRACT R24, R25)."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tasktypes.management.commands.import_prismq_db import DEFAULT_PATH
from tasktypes.models import Task, TaskEvent, TaskType
from tests.api_registry.conftest import TASKS, TYPES

TABLES = """
CREATE TABLE task_types (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, description TEXT, parameters_schema TEXT,
    metadata TEXT, is_active INTEGER DEFAULT 1, created_at TEXT NOT NULL, updated_at TEXT);
CREATE TABLE task_list (
    id INTEGER PRIMARY KEY AUTOINCREMENT, task_type_id INTEGER NOT NULL REFERENCES task_types (id), status TEXT,
    parameters TEXT, priority INTEGER, metadata TEXT, result TEXT, error_message TEXT, created_at TEXT NOT NULL,
    updated_at TEXT, started_at TEXT, completed_at TEXT);
"""
MADE, CHANGED = "2025-11-06T22:00:00Z", "2025-11-06T23:30:00Z"
VIDEO = (7, "video", "Films", '{"required": ["format"]}', '{"category": "media"}', 1, MADE, None)
OLD = (9, "old", None, None, None, 0, MADE, CHANGED)
PENDING = (11, 7, "pending", '{"format": "mp4"}', 50, '{"user": "Ann"}', None, None, MADE, None, None, None)
RUNNING = (12, 7, "running", '{"format": "mp4"}', 100, None, None, None, MADE, CHANGED, CHANGED, None)
DONE = (13, 9, "completed", None, None, None, '{"ok": true}', None, MADE, CHANGED, CHANGED, CHANGED)
FAILED = (14, 7, "failed", "{}", 1, "{}", None, "disk full", MADE, CHANGED, CHANGED, CHANGED)


def old_file(path: Path, types: Sequence[Any], tasks: Sequence[Any]) -> Path:
    with closing(sqlite3.connect(path)) as file:
        file.executescript(TABLES)
        file.executemany(f"INSERT INTO task_types VALUES ({','.join('?' * 8)})", types)
        file.executemany(f"INSERT INTO task_list VALUES ({','.join('?' * 12)})", tasks)
        file.commit()
    return path


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return old_file(tmp_path / "api.db", [VIDEO, OLD], [PENDING, RUNNING, DONE, FAILED])


def run(path: Path, *args: str) -> str:
    out = io.StringIO()
    call_command("import_prismq_db", str(path), *args, stdout=out, stderr=out)
    return out.getvalue()


def test_types_and_tasks_keep_what_they_were(client: APIClient, old: Path) -> None:
    said = run(old)
    assert "types: 2 imported, 0 already there, 0 refused" in said
    assert "tasks: 4 imported, 0 already there, 0 refused" in said
    video, gone = client.get(TYPES, {"include_inactive": "true"}).json()
    assert video == {
        "id": video["id"],
        "name": "video",
        "description": "Films",
        "parameters_schema": {"required": ["format"]},
        "metadata": {"category": "media"},
        "is_active": True,
        "created_at": MADE,
        "updated_at": None,
    }
    assert (gone["description"], gone["is_active"], gone["updated_at"]) == ("", False, CHANGED)
    response = client.get(TASKS)
    assert response["X-Total-Count"] == "4"
    failed, done, running, pending = response.json()
    assert (pending["task_type_id"], pending["parameters"], pending["metadata"], pending["priority"]) == (
        video["id"], {"format": "mp4"}, {"user": "Ann"}, 50,
    )  # fmt: skip
    assert (pending["status"], pending["created_at"], pending["updated_at"]) == ("pending", MADE, None)
    assert (running["status"], running["started_at"], running["updated_at"]) == ("running", CHANGED, CHANGED)
    assert (done["result"], done["priority"], done["completed_at"]) == ({"ok": True}, 100, CHANGED)
    assert (failed["status"], failed["error_message"]) == ("failed", "disk full")


def test_running_it_again_adds_nothing(client: APIClient, old: Path) -> None:
    run(old)
    events = TaskEvent.objects.count()
    said = run(old)
    assert "types: 0 imported, 2 already there, 0 refused" in said
    assert "tasks: 0 imported, 4 already there, 0 refused" in said
    assert (TaskType.objects.count(), Task.objects.count(), TaskEvent.objects.count()) == (2, 4, events)
    assert client.get(TASKS)["X-Total-Count"] == "4"


def test_what_was_waiting_is_worked_off_here(client: APIClient, old: Path, claim: Any) -> None:
    run(old)
    (task,) = claim(limit=10)
    assert task["parameters"] == {"format": "mp4"}
    (running,) = client.get(TASKS, {"status": "running"}).json()[1:]
    body = client.put(f"{TASKS}/{running['id']}", {"status": "completed"}, format="json").json()
    assert body["status"] == "completed"


def test_rows_that_cannot_be_taken_over_are_named_and_the_rest_is_taken(tmp_path: Path, db: None) -> None:
    bad_types = [
        (1, "tasktypes.housekeeping", None, None, None, 1, MADE, None),
        (2, "broken", None, "{", None, 1, MADE, None),
        VIDEO,
    ]
    bad_tasks = [
        (1, 1, *PENDING[2:]),
        (2, 7, "waiting", *PENDING[3:]),
        (3, 7, "pending", "[1]", *PENDING[4:]),
        (4, 7, "pending", "{}", 5000, *PENDING[5:]),
        (5, 7, *PENDING[2:8], "yesterday", *PENDING[9:]),
        PENDING,
    ]
    path = old_file(tmp_path / "api.db", bad_types, bad_tasks)
    out = io.StringIO()
    with pytest.raises(CommandError, match="7 rows were not imported"):
        call_command("import_prismq_db", str(path), stdout=out, stderr=out)
    assert "types: 1 imported, 0 already there, 2 refused" in out.getvalue()
    assert "tasks: 1 imported, 0 already there, 5 refused" in out.getvalue()
    for row, why in (
        ("task type 1", "product"), ("task type 2", "not JSON"), ("task 1", "was not taken over"),
        ("task 2", "'waiting'"), ("task 3", "object"), ("task 4", "5000"), ("task 5", "'yesterday'"),
    ):  # fmt: skip
        assert any(f"refused {row}: " in line and why in line for line in out.getvalue().splitlines()), row


def test_the_owner_can_be_chosen(old: Path, owner: User, owned: APIClient) -> None:
    run(old, "--owner", owner.email.upper())
    assert len(owned.get(TASKS).json()) == 4
    with pytest.raises(CommandError, match=r"no user nobody@example\.com"):
        run(old, "--owner", "nobody@example.com")


def test_a_file_that_is_none_of_the_older_system_is_a_clear_error(tmp_path: Path, db: None) -> None:
    text, empty, half = tmp_path / "text.db", tmp_path / "empty.db", tmp_path / "half.db"
    text.write_text("this is no database, " * 100)
    with closing(sqlite3.connect(empty)) as file:
        file.execute("CREATE TABLE something (id)")
    with closing(sqlite3.connect(half)) as file:
        file.executescript("CREATE TABLE task_types (id); CREATE TABLE task_list (id)")
    for path, said in (
        (tmp_path / "none.db", "There is no file"),
        (tmp_path, "There is no file"),
        (text, "cannot be read as an SQLite database"),
        (empty, "has no table task_types"),
        (half, "has no column name"),
    ):
        with pytest.raises(CommandError, match=said):
            run(path)
    assert not TaskType.objects.exists()


def test_the_tables_have_the_documented_names_and_columns(db: None) -> None:
    """CONTRACT R24."""
    for model, table in ((TaskType, "task_types"), (Task, "task_list")):
        with closing(sqlite3.connect(":memory:")) as file:
            file.executescript(TABLES)
            documented = {row[1] for row in file.execute(f"PRAGMA table_info({table})")}
        assert model._meta.db_table == table
        with connection.cursor() as cursor:
            columns = {column.name for column in connection.introspection.get_table_description(cursor, table)}
        assert documented <= columns
    assert TaskType._meta.get_field("name").unique
    assert Task._meta.get_field("task_type").remote_field.model is TaskType
    assert DEFAULT_PATH == "/tmp/prismq/api/api.db"
