"""``manage.py crawl`` and ``demo`` with real workers: their own, or those of an ``up`` that runs."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.picture_server import PictureServer, make_pictures, serve
from tests.processes.conftest import StartStack
from tests.processes.stack import MANAGE, Stack
from tests.processes.tree import alive, descendants, kill_all, wait_for

pytestmark = pytest.mark.process

COUNT = 200


class Command:
    """A management command that runs, and every process below it that was seen."""

    def __init__(self, stack: Stack, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, MANAGE, *arguments],
            env=stack.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.seen: set[int] = set()

    def look(self) -> set[int]:
        self.seen |= descendants(self.process.pid)
        return self.seen

    def send(self, number: signal.Signals) -> None:
        self.look()
        self.process.send_signal(number)

    def end(self, seconds: float = 120) -> tuple[int, str, str]:
        """Wait for its end; return code, output and complaints."""
        output, complaints = self.process.communicate(timeout=seconds)
        return self.process.returncode, output, complaints

    def survivors(self) -> set[int]:
        return {pid for pid in self.seen if alive(pid)}


@contextmanager
def running(stack: Stack, *arguments: str) -> Iterator[Command]:
    command = Command(stack, *arguments)
    try:
        yield command
    finally:
        command.look()
        if command.process.poll() is None:
            command.process.kill()
            command.process.communicate(timeout=30)
        kill_all(command.survivors())


@pytest.fixture
def slow_pictures() -> Iterator[PictureServer]:
    """Pictures that take their time, so that there is a middle in which a crawl can be interrupted."""
    with serve(make_pictures(COUNT), delay=0.25) as web:
        yield web


def installation(start_stack: StartStack, web: PictureServer | None = None, **more: str) -> Stack:
    allow = {} if web is None else {"PIXTASKS_FETCH_ALLOW": f"127.0.0.1:{web.port}", "PIXTASKS_FETCH_PER_HOST": "4"}
    return start_stack({**allow, **more}, start=False)


def slow_crawl(web: PictureServer, *more: str) -> list[str]:
    options = json.dumps({"urls": {"urls": web.urls}})
    return ["crawl", "--keywords", "slow", "--engines", "urls", "--max-images", str(COUNT), "--options", options, *more]


def status(stack: Stack, job_id: int) -> dict[str, Any]:
    return dict(json.loads(stack.manage("job_status", str(job_id), "--json").stdout))


def files(stack: Stack) -> set[str]:
    """Return the names of the stored files, after checking that each is the sha256 of its bytes."""
    found = [path for path in (stack.data / "images").glob("??/??/*") if path.is_file()]
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in found)
    return {path.name for path in found}


def stored(stack: Stack, least: int) -> None:
    """Wait until the only job has stored some images."""
    query = "from jobs.models import Image; print(Image.objects.count())"

    def enough() -> bool:
        answer = stack.manage("shell", "-v", "0", "-c", query, check=False)
        return answer.returncode == 0 and int(answer.stdout) >= least

    wait_for(enough, f"{least} images", seconds=90)


def test_it_starts_its_own_services_and_leaves_none_behind(start_stack: StartStack) -> None:
    stack = installation(start_stack)
    with running(
        stack, "crawl", "--keywords", "red fox,lighthouse", "--engines", "sample,google", "--max-images", "8",
        "--validate", "medium", "--json",
    ) as command:  # fmt: skip
        wait_for(lambda: len(command.look()) >= 5, "services", seconds=60)
        code, output, complaints = command.end()
        assert (code, complaints) == (0, "")
        shown = json.loads(output)
        assert shown["totals"]["stored"] == shown["totals"]["rows"] == 32
        assert {(chunk["engine"], chunk["backend"]) for chunk in shown["chunks"]} == {
            ("sample", "sample"),
            ("google", "sample"),
        }
        assert shown["validation"]["levels"]["medium"]["images"] == 32
        assert len(files(stack)) == 32
        wait_for(lambda: not command.survivors(), "every process gone")
    assert list((stack.data / "logs").iterdir()) == [], "the log is kept only where something went wrong"
    assert not (stack.data / "up.json").exists()


def test_it_uses_the_up_that_runs_and_leaves_it_running(start_stack: StartStack) -> None:
    stack = start_stack()
    before = stack.children()
    with running(stack, "crawl", "--keywords", "sunflower", "--engines", "sample", "--max-images", "12") as command:
        code, output, complaints = command.end()
        assert (code, complaints) == (0, "")
        assert command.seen == set()
    assert "Starting web server" not in output
    assert "[1/1] sunflower × sample: 12 stored" in output
    assert "Job 1 completed: 12 images" in output
    assert stack.children() == before
    assert len(files(stack)) == 12
    assert "validating (slow): 12 of 12 images" in stack.manage("validate_job", "1", "--level", "slow").stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_cancels_the_job_and_keeps_what_is_stored(
    start_stack: StartStack, slow_pictures: PictureServer, number: signal.Signals
) -> None:
    stack = installation(start_stack, slow_pictures)
    with running(stack, *slow_crawl(slow_pictures)) as command:
        stored(stack, 5)
        command.send(number)
        code, output, complaints = command.end()
        assert (code, complaints) == (130, "")
        wait_for(lambda: not command.survivors(), "every process gone")
    shown = status(stack, 1)
    assert shown["job"]["status"] == "cancelled"
    kept = shown["totals"]["rows"]
    assert 5 <= kept < COUNT
    assert f"Cancelled. What was stored is kept: {kept} images in job 1." in output
    assert shown["totals"]["stored"] == kept == len(files(stack))
    assert files(stack) <= slow_pictures.digests
    assert shown["progress"]["active_chunks"] == 0


def test_a_killed_command_leaves_no_process_and_its_job_goes_on_with_the_next_up(
    start_stack: StartStack, slow_pictures: PictureServer
) -> None:
    stack = installation(start_stack, slow_pictures, PIXTASKS_LEASE_SECONDS="2", PIXTASKS_WORKER_BEAT_SECONDS="1")
    with running(stack, *slow_crawl(slow_pictures)) as command:
        stored(stack, 5)
        command.send(signal.SIGKILL)
        command.end()
        wait_for(lambda: not command.survivors(), "every process gone")
    assert status(stack, 1)["job"]["status"] == "running"
    # Its workers are counted among the living until they have been silent for four of their beats.
    wait_for(lambda: "No worker was heard of lately" in stack.manage("job_status", "1").stdout, "the silence noticed")
    stack.start()
    watched = stack.manage("job_status", "1", "--watch", "--json")
    assert json.loads(watched.stdout)["totals"]["stored"] == COUNT
    assert files(stack) == slow_pictures.digests


def test_a_crawl_whose_up_ends_goes_on_with_services_of_its_own(
    start_stack: StartStack, slow_pictures: PictureServer
) -> None:
    stack = installation(start_stack, slow_pictures, PIXTASKS_LEASE_SECONDS="2", PIXTASKS_WORKER_BEAT_SECONDS="1")
    stack.start()
    with running(stack, *slow_crawl(slow_pictures)) as command:
        stored(stack, 5)
        assert stack.stop() == 0
        code, output, complaints = command.end()
        assert (code, complaints) == (0, "")
        wait_for(lambda: not command.survivors(), "every process gone")
    assert "The services have ended before the job did; starting them again" in output
    assert files(stack) == slow_pictures.digests


def test_services_that_cannot_start_are_said_with_the_log_that_tells_why(start_stack: StartStack) -> None:
    stack = installation(start_stack, PIXTASKS_WORKERS="0")
    result = stack.manage("crawl", "--keywords", "fox", "--engines", "sample", check=False)
    assert result.returncode == 1
    assert "PIXTASKS_WORKERS must be at least 1" in result.stderr

    (stack.data / "broken").mkdir(parents=True)
    stack.environment |= {"PIXTASKS_WORKERS": "2", "DATABASE_URL": f"sqlite:///{stack.data / 'broken'}"}
    result = stack.manage("crawl", "--keywords", "fox", "--engines", "sample", check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr.partition("CommandError")[0]
    assert "The services ended before they were ready. What they printed is in " in result.stderr
    (log,) = (stack.data / "logs").iterdir()
    assert log.name in result.stderr
    assert "unable to open database file" in log.read_text()


def test_the_demo_proves_itself_twice_and_shares_its_files(start_stack: StartStack, tmp_path: Path) -> None:
    stack = start_stack()
    picture = tmp_path / "demo.svg"
    first = stack.manage("demo", "--svg", str(picture))
    text = first.stdout
    assert "Job 1 completed: 360 images" in text
    assert "google → sample" in text
    assert "✓ 360 rows, and for each a file whose name is the sha256 of its bytes (all hashed)" in text
    assert text.count("✓") == 4
    assert first.stderr == ""
    assert "make demo" in picture.read_text()
    assert os.fspath(Path.home()) + "/" not in picture.read_text()

    second = json.loads(stack.manage("demo", "--json").stdout)
    assert [check["ok"] for check in second["checks"]] == [True] * 4
    assert second["job"]["project"] == "demo"
    assert second["totals"]["stored"] == second["totals"]["rows"] == 360
    assert second["totals"]["shared_with_other_jobs"] > 340
    assert set(second["validation"]["levels"]) == {"slow"}
    assert len(files(stack)) == 720 - second["totals"]["shared_with_other_jobs"]
