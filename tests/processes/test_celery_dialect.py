"""Dialect C against real processes: web, dispatcher, worker, beat (CONTRACT C02-C06, C14, C15, X27)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.processes.stack import ROOT, Stack, running_stack
from tests.processes.tree import alive, wait_for

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One installation for all tests, with the long task of a third party."""
    environment = {"DJANGO_SETTINGS_MODULE": "tests.processes.sleeping.settings", "PYTHONPATH": str(ROOT)}
    with running_stack(tmp_path_factory.mktemp("celery"), environment) as running:
        yield running


def call(stack: Stack, method: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = Request(
        f"{stack.url}/api/celery{path}", data=data, headers={"Content-Type": "application/json"}, method=method
    )
    try:
        with urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())
    except HTTPError as error:
        raise AssertionError(f"{method} {path}: {error.code} {error.read()!r}") from error


def launch(stack: Stack, task_type: str, **params: Any) -> str:
    return str(call(stack, "POST", "/tasks/launch", {"task_type": task_type, "params": params})["task_id"])


def until(stack: Stack, task_id: str, *words: str) -> Any:
    """Poll until a task reads one of these words; return its status."""

    def reads() -> Any:
        status = call(stack, "GET", f"/tasks/{task_id}")
        return status if status["status"] in words else None

    return wait_for(reads, f"task {task_id} is {words}", seconds=60)


def test_a_launched_task_succeeds_on_a_worker(stack: Stack) -> None:
    status = until(stack, launch(stack, "ExampleDatabaseTask", message="this", count=1), "SUCCESS", "FAILURE")
    assert (status["status"], status["result"]["message"], status["attempts"]) == ("SUCCESS", "this", 1)


def test_a_running_task_shows_its_progress_and_stops_when_it_is_revoked(stack: Stack) -> None:
    task_id = launch(stack, "tests.sleep", seconds=300)
    assert until(stack, task_id, "PROGRESS")["meta"]["total"] == 300
    assert call(stack, "DELETE", f"/tasks/{task_id}")["status"] == "REVOKED"
    wait_for(lambda: call(stack, "GET", f"/tasks/{task_id}")["completed_at"], "stopped by itself", seconds=60)
    assert until(stack, task_id, "REVOKED")["status"] == "REVOKED"


def test_terminate_kills_the_process_of_a_task_that_does_not_listen(stack: Stack) -> None:
    pool = stack.pool()
    task_id = launch(stack, "tests.sleep", seconds=300, deaf=True)
    until(stack, task_id, "PROGRESS")
    assert call(stack, "DELETE", f"/tasks/{task_id}?terminate=true")["terminate"] is True
    assert until(stack, task_id, "REVOKED")["completed_at"]
    wait_for(lambda: not all(alive(pid) for pid in pool), "one process of the pool was killed", seconds=60)
    again = launch(stack, "ExampleDatabaseTask", message="still here", count=1)
    assert until(stack, again, "SUCCESS", "FAILURE")["status"] == "SUCCESS", "the pool is whole again"


def test_the_statistics_are_the_workers_own(stack: Stack) -> None:
    task_id = launch(stack, "tests.sleep", seconds=300)
    until(stack, task_id, "PROGRESS")

    def answered() -> Any:
        found = call(stack, "GET", "/stats")
        return found if all(figures["answered"] for figures in found["worker_stats"].values()) else None

    found = wait_for(answered, "every worker has answered in time", seconds=60)
    (worker,) = found["worker_stats"]
    assert [one["task_id"] for one in found["active_tasks"][worker]] == [task_id]
    assert {"ExampleDatabaseTask", "jobs.download_images", "tests.sleep"} <= set(found["registered_tasks"])
    assert found["worker_stats"][worker]["pool"]["max-concurrency"] == found["worker_stats"][worker]["slots"]
    assert "broker" not in found["worker_stats"][worker]
    assert set(found["scheduled_tasks"]) == {worker, "ledger"}
    call(stack, "DELETE", f"/tasks/{task_id}")


def test_the_statistics_do_not_wait_for_a_worker_that_is_silent(stack: Stack) -> None:
    worker = stack.children()["worker"]
    os.kill(worker, signal.SIGSTOP)
    try:
        found = call(stack, "GET", "/stats")
    finally:
        os.kill(worker, signal.SIGCONT)
    assert [figures["answered"] for figures in found["worker_stats"].values()] == [False]
    assert "ExampleDatabaseTask" in found["registered_tasks"]


def test_the_walkthrough_runs_to_its_end(stack: Stack) -> None:
    script = ROOT / "docs" / "apis" / "celery_walkthrough.py"
    result = subprocess.run(
        [sys.executable, str(script), stack.url], capture_output=True, text=True, encoding="utf-8", timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert "   SUCCESS: {" in result.stdout
    assert "'said': ['this']" in result.stdout
    assert "   422: body.params.message: field required" in result.stdout
    assert "Only FAILURE tasks can be retried." in result.stdout
    assert "7. What do the workers do?" in result.stdout


def test_the_log_is_utf_8_and_holds_the_lines_of_the_dialect(stack: Stack) -> None:
    task_id = launch(stack, "ExampleDatabaseTask", message="logged", count=1)
    until(stack, task_id, "SUCCESS")
    wait_for(lambda: f"📊 Task status: {task_id} is SUCCESS" in stack.log, "the last line", seconds=30)
    for line in ("📤 Launching task: ExampleDatabaseTask", f"✅ Task launched: ExampleDatabaseTask {task_id}"):
        assert line in stack.log
    call(stack, "DELETE", f"/tasks/{task_id}")
    wait_for(lambda: f"🚫 Revoking task: {task_id}" in stack.log, "the line of the revoke", seconds=30)
