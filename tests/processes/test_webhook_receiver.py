"""``manage.py webhook_receiver`` beside a real installation."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from pixtasks.common.signing import sign
from tests.processes.client import ApiUser
from tests.processes.conftest import StartStack
from tests.processes.stack import MANAGE, Stack
from tests.processes.tree import wait_for

pytestmark = pytest.mark.process
Listen = Callable[..., tuple["subprocess.Popen[bytes]", Path]]


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Listen]:
    """A function that starts a receiver and waits until it listens; all of them end with the test."""
    with ExitStack() as processes:

        def start(stack: Stack, *arguments: str) -> tuple[subprocess.Popen[bytes], Path]:
            output = tmp_path / "receiver.log"
            with output.open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, MANAGE, "webhook_receiver", *arguments],
                    env={**stack.environment, "PYTHONUNBUFFERED": "1"},
                    stdout=log,
                    stderr=log,
                )
            processes.callback(process.wait, 30)
            processes.callback(process.kill)
            wait_for(lambda: "Listening on" in output.read_text(), "the receiver", seconds=60)
            return process, output

        yield start


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def send(url: str, body: bytes, **headers: str) -> int:
    request = Request(url, data=body, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urlopen(request, timeout=30) as answer:
            status: int = answer.status
            return status
    except HTTPError as error:
        return error.code


def test_a_task_of_a_fresh_installation_is_received_and_verified(start_stack: StartStack, listen: Listen) -> None:
    port = free_port()
    stack = start_stack({"PIXTASKS_WEBHOOK_RECEIVER_PORT": str(port)})
    user = ApiUser(stack)
    made = user.post("/api/webhooks/endpoints", {"url": f"http://127.0.0.1:{port}/"})
    process, output = listen(stack, "--secret", made["secret"], "--once", "1")
    launched = {"task_type": "ExampleDatabaseTask", "params": {"message": "hello", "count": 1}}
    status, task = user.call("POST", "/api/celery/tasks/launch", launched)
    assert status == 202
    assert process.wait(60) == 0
    shown = output.read_text()
    assert "task.completed" in shown and "\nverified" in shown
    assert f"task:{task['task_id']}" in shown


def test_it_refuses_marks_fails_on_purpose_and_ends_at_ctrl_c(start_stack: StartStack, listen: Listen) -> None:
    stack = start_stack({"WEBHOOK_SECRET": "known to both"}, start=False)
    process, output = listen(stack, "--port", "0", "--fail", "1")
    url = output.read_text().split("Listening on ")[1].split()[0]
    body = b'{"event": "job.completed", "job": {"id": 7}}'
    now = str(int(time.time()))
    good = {
        "X_Webhook_Id": "one",
        "X_Webhook_Timestamp": now,
        "X_Webhook_Signature": sign("known to both", body, now),
    }
    assert [send(url, body, **good) for _ in range(3)] == [500, 200, 200]
    assert send(url, body + b" ", **good) == 401
    assert send(url, body) == 401
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    shown = output.read_text()
    assert shown.count("this id came before") == 2  # The third, and the forged one.
    assert shown.count("NOT verified") == 2 and shown.count("on purpose") == 1
    assert "job:7" in shown and shown.rstrip().endswith("Stopped.")
