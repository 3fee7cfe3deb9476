"""The worker of docs/apis/registry.md, taken from the document and run as it stands (CONTRACT D16, X36)."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from tasktypes.models import Task
from tasktypes.services import waiting
from tasktypes.states import TERMINAL, State
from tests.api_registry.conftest import TASKS

DOCUMENT = Path(__file__).parents[2] / "docs/apis/registry.md"

pytestmark = pytest.mark.django_db(transaction=True)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def worker(live_server: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """The document's worker, running against a real server."""
    (script,) = blocks("bash worker")
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            ["bash", "-c", script],
            env={**os.environ, "API": f"{live_server.url}/api"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
        )
        yield process
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)
    # The server does not hear that a waiting worker has died: its request would take a task of the next test.
    monkeypatch.setattr(waiting, "monotonic", lambda: math.inf)
    seats = [waiting._seats.acquire(timeout=30) for _ in range(waiting.SEATS)]
    assert all(seats)
    waiting._seats.release(len(seats))


def wait_for_ends(number: int) -> dict[int, Task]:
    for _ in range(300):
        ended = {task.pk: task for task in Task.objects.filter(status__in=TERMINAL)}
        if len(ended) == number:
            return ended
        time.sleep(0.1)
    pytest.fail(f"only {len(ended)} of {number} tasks ended")


def test_it_has_the_promised_length() -> None:
    (script,) = blocks("bash worker")
    lines = [line for line in script.splitlines() if line.strip() and not line.startswith("#!")]
    assert len(lines) <= 20


def test_it_works_tasks_off(make_type: Any, make_task: Any, request: pytest.FixtureRequest) -> None:
    number = make_type("word_count")["id"]
    good = [make_task(task_type_id=number, parameters={"text": "word " * n})["id"] for n in (1, 2, 3)]
    bad = make_task(task_type_id=number, parameters={"text": ""}, max_retries=5)["id"]
    request.getfixturevalue("worker")
    ended = wait_for_ends(4)
    assert [ended[pk].result for pk in good] == [{"words": 1}, {"words": 2}, {"words": 3}]
    assert (ended[bad].status, ended[bad].error_message) == (State.FAILED, "there are no words")
    assert {task.attempt for task in ended.values()} == {1}
    assert all(task.worker.startswith("shell-") for task in ended.values())


def test_it_waits_for_what_comes(make_type: Any, make_task: Any, worker: subprocess.Popen[str], client: Any) -> None:
    """It may start before its type is registered: it asks again."""
    number = make_type("word_count")["id"]
    time.sleep(1)
    task = make_task(task_type_id=number, parameters={"text": "late but here"})
    assert wait_for_ends(1)[task["id"]].result == {"words": 3}
    assert client.get(f"{TASKS}/stats").json()["success_rate"] == 1
    assert worker.poll() is None


def test_the_first_example_of_the_document_runs_as_it_stands(live_server: LiveServer) -> None:
    script = blocks("bash")[0].replace("http://localhost:8000", live_server.url)
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    task = Task.objects.get()
    assert (task.type_name, task.parameters, task.max_retries) == ("word_count", {"text": "one two three"}, 2)
