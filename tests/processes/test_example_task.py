"""A typed task over HTTP: submitted, run by a real worker, seen to have succeeded (CONTRACT D11-D13)."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.processes.client import ApiUser
from tests.processes.stack import Stack
from tests.processes.tree import wait_for

pytestmark = pytest.mark.process


def test_an_example_task_is_found_processed_and_shown_as_a_success(stack: Stack) -> None:
    user = ApiUser(stack)
    task = user.post("/tasks/ExampleDatabaseTask", {"payload": {"message": "this", "count": 1}})
    assert (task["status"], task["is_duplicate"]) == ("not_started", False)

    def ended() -> dict[str, Any] | None:
        now: dict[str, Any] = user.get(f"/tasks/{task['id']}")
        return now if now["status"] != "not_started" else None

    done = wait_for(ended, "the task processed", seconds=60)
    assert (done["status"], done["error_message"]) == ("success", None)
    assert done["result_data"] == {"message": "this", "count": 1, "said": ["this"]}
    places = [
        stack.log.find(line)
        for line in (
            "Found 1 eligible 'ExampleDatabaseTask' tasks",
            "Processing task with message='this', count=1",
            f"Completed task {task['id']} successfully",
        )
    ]
    assert -1 not in places, stack.log
    assert places == sorted(places)

    # It ran once; the same payload again does not run it a second time.
    again = user.post("/tasks/ExampleDatabaseTask", {"payload": {"message": "this", "count": 1}})
    assert (again["id"], again["status"], again["is_duplicate"]) == (task["id"], "success", True)

    # A stop is seen in the log, part by part, and ends well.
    assert stack.stop(signal.SIGINT) == 0
    for line in ("stopping", "Warm shutdown", "dispatcher stopped", "Shutting down"):
        assert line in stack.log, line
    assert "is killed" not in stack.log
    assert stack.log.count("Processing task with message='this', count=1") == 1
