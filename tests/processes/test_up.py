"""``manage.py up``: it serves, stops cleanly, heals itself and leaves nothing behind (CONTRACT D13)."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.processes.conftest import StartStack
from tests.processes.stack import MANAGE, Stack, running_stack
from tests.processes.tree import alive, wait_for

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def shared_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One installation for the tests that leave it as they found it."""
    with running_stack(tmp_path_factory.mktemp("shared")) as stack:
        yield stack


def get(stack: Stack, path: str) -> tuple[int, bytes]:
    """Return status and body of a GET."""
    client = http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=20)
    try:
        client.request("GET", path)
        answer = client.getresponse()
        return answer.status, answer.read()
    finally:
        client.close()


def test_it_serves_with_four_children_and_stops_with_code_0_and_no_orphan(stack: Stack) -> None:
    assert get(stack, "/healthz")[0] == 200
    assert get(stack, "/readyz")[0] == 200
    assert sorted(stack.children()) == ["beat", "dispatcher", "web", "worker"]
    assert len(stack.pool()) >= 2
    assert stat.S_IMODE(stack.data.stat().st_mode) == 0o700

    assert stack.stop(signal.SIGTERM) == 0
    assert "is killed" not in stack.log
    wait_for(lambda: not stack.survivors(), "every process gone")


def test_ctrl_c_stops_it_the_same_way_and_a_second_start_shows_the_sign_in_again(stack: Stack) -> None:
    sign_in = stack.data / "first-sign-in.txt"
    password = sign_in.read_text().splitlines()[1].removeprefix("password: ")
    assert stat.S_IMODE(sign_in.stat().st_mode) == 0o600
    assert stack.stop(signal.SIGINT) == 0
    wait_for(lambda: not stack.survivors(), "every process gone")
    assert not (stack.data / "up.json").exists()

    stack.start()
    assert stack.log.count(f"sign in as admin@example.com with the password {password}") == 2
    stack.manage("shell", "-c", _SET_PASSWORD)
    assert stack.stop() == 0
    stack.start()
    assert stack.log.count(password) == 2
    assert not sign_in.exists()


_SET_PASSWORD = """
from pixtasks.accounts.models import User
user = User.objects.get(email="admin@example.com")
user.set_password("a better one of my own")
user.save()
"""


@pytest.mark.parametrize("name", ["web", "dispatcher", "worker", "beat"])
def test_a_killed_child_is_started_again(shared_stack: Stack, name: str) -> None:
    before = shared_stack.children()
    pool = shared_stack.pool()
    shared_stack.kill(before[name])
    after = wait_for(
        lambda: (now := shared_stack.children()) and now.get(name, before[name]) != before[name] and now,
        f"a new {name}",
    )
    assert {other: pid for other, pid in after.items() if other != name} == {
        other: pid for other, pid in before.items() if other != name
    }
    if name == "worker":
        wait_for(lambda: not any(alive(pid) for pid in pool), "the old pool gone")
    wait_for(lambda: get(shared_stack, "/readyz")[0] == 200, "ready again", seconds=60)
    assert f"{name} was ended by SIGKILL; it starts again in 1 s" in shared_stack.log.replace("  ", " ")


def test_kill_9_of_the_parent_leaves_no_process_and_the_next_start_works(stack: Stack) -> None:
    assert len(stack.processes()) >= 7  # guard, four children, a pool of two
    stack.kill(stack.pid)
    wait_for(lambda: not stack.survivors(), "every process gone")
    stack.stop()
    stack.start()
    assert get(stack, "/healthz")[0] == 200


def test_a_second_one_on_the_same_data_folder_is_refused(shared_stack: Stack) -> None:
    announced = json.loads((shared_stack.data / "up.json").read_text())
    assert announced == {"pid": shared_stack.pid, "url": shared_stack.url}
    second = shared_stack.manage("up", "--port", "0", check=False)
    assert second.returncode == 1
    assert (
        f"already runs on the data folder {shared_stack.data} (process {shared_stack.pid}, {shared_stack.url})"
        in second.stderr
    )
    assert "Traceback" not in second.stderr
    assert get(shared_stack, "/healthz")[0] == 200


def test_a_taken_port_is_said_in_one_sentence(start_stack: StartStack) -> None:
    stack = start_stack(start=False)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = stack.manage("up", "--port", str(port), check=False)
    assert result.returncode == 1
    assert f"Port {port} of 127.0.0.1 is taken by another program." in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [["--port", "99999"], ["--port", "x"], ["--workers", "0"]])
def test_wrong_options_are_refused_before_anything_starts(start_stack: StartStack, arguments: list[str]) -> None:
    result = start_stack(start=False).manage("up", *arguments, check=False)
    assert result.returncode == 2
    assert arguments[1] in result.stderr


def test_serving_others_turns_the_anonymous_api_off_and_says_so(start_stack: StartStack) -> None:
    stack = start_stack(arguments=["--host", "0.0.0.0", "--no-beat", "--workers", "1"])
    assert "the anonymous API is off" in stack.log
    assert sorted(stack.children()) == ["dispatcher", "web", "worker"]
    assert len(stack.pool()) == 1
    assert stack.url.startswith("http://127.0.0.1:")
    client = http.client.HTTPConnection(urlsplit(stack.url).netloc, timeout=20)
    client.request("GET", "/healthz", headers={"Host": socket.gethostname()})
    assert client.getresponse().status == 200
    client.close()


def test_celery_answers_on_the_command_line(shared_stack: Stack) -> None:
    """CONTRACT J39."""
    for question in (["inspect", "active", "--timeout", "10"], ["inspect", "stats", "--timeout", "10"]):
        result = subprocess.run(
            [sys.executable, "-m", "celery", "-A", "pixtasks", *question, "--json"],
            cwd=MANAGE.removesuffix("/manage.py"),
            env=shared_stack.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        answers = json.loads(result.stdout[result.stdout.index("{") :])
        assert len(answers) == 1
        assert next(iter(answers)).startswith("up-")
