"""A worker's pool: it finishes what it runs at a warm shutdown, and ends with a worker that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.tree import alive, descendants, kill_all, wait_for

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]

APPLICATION = """
    import os, time
    from celery import Celery
    from kombu import Queue
    import pixtasks.celery  # connects what is tested

    app = Celery("naps")
    app.conf.update(
        broker_url="filesystem://localhost//",
        broker_transport_options={
            "data_folder_in": "messages", "data_folder_out": "messages", "control_folder": "control",
            "polling_interval": 0.1,
        },
        task_queues=[Queue("default")], task_default_queue="default", task_ignore_result=True, task_acks_late=True,
        worker_prefetch_multiplier=0, worker_max_tasks_per_child=1, worker_hijack_root_logger=False,
    )

    @app.task(name="nap")
    def nap(name, seconds):
        with open("log", "a") as log:
            log.write(f"start {name} {os.getpid()}\\n")
        time.sleep(seconds)
        with open("log", "a") as log:
            log.write(f"end {name}\\n")
"""
SEND = "import sys, naps; naps.app.send_task('nap', args=[sys.argv[1], float(sys.argv[2])], queue='default')"


class Worker:
    """A Celery worker with one slot, which makes a new pool process for every task."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "naps.py").write_text(textwrap.dedent(APPLICATION))
        for name in ("messages", "control"):
            (folder / name).mkdir()
        self.environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
        self.environment.pop("DJANGO_SETTINGS_MODULE", None)
        with (folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "naps:app", "worker", "--concurrency", "1"],
                cwd=folder,
                env={**self.environment, "DJANGO_SETTINGS_MODULE": ""},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def send(self, name: str, seconds: float) -> None:
        subprocess.run(
            [sys.executable, "-c", SEND, name, str(seconds)],
            cwd=self.folder,
            env=self.environment,
            check=True,
            timeout=60,
        )

    def has_logged(self, line: str) -> bool:
        log = self.folder / "log"
        return log.exists() and line in log.read_text()

    def logged(self, line: str) -> None:
        wait_for(lambda: self.has_logged(line), f"{line!r} logged", seconds=60)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(tmp_path)
    yield worker
    below = descendants(worker.process.pid)
    if worker.process.poll() is None:
        worker.process.kill()
        worker.process.wait(timeout=30)
    kill_all(below)


def test_a_replaced_pool_process_finishes_its_task_at_a_warm_shutdown(worker: Worker) -> None:
    # The first pool process comes from the worker's main thread, every later one from a thread that ends early.
    worker.send("first", 0)
    worker.logged("end first")
    worker.send("second", 6)
    worker.logged("start second")
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(timeout=60) == 0
    assert worker.has_logged("end second")


def test_the_pool_ends_with_a_killed_worker(worker: Worker) -> None:
    worker.send("long", 60)
    worker.logged("start long")
    pool = descendants(worker.process.pid)
    assert pool
    worker.process.kill()
    worker.process.wait(timeout=30)
    wait_for(lambda: not any(alive(pid) for pid in pool), "the pool gone")
