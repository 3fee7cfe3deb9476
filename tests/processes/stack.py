"""A whole installation of its own: data folder, database and key prefix, served by ``manage.py up``."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.processes.tree import alive, command_line, descendants, kill_all, parents, wait_for

ROOT = Path(__file__).resolve().parents[2]
MANAGE = str(ROOT / "manage.py")
START_SECONDS = 240.0
STOP_SECONDS = 60.0

_CHILDREN = {
    "web": {"uvicorn", "pixtasks.asgi:application"},
    "dispatcher": {MANAGE, "dispatcher"},
    "worker": {"celery", "worker"},
    "beat": {"celery", "beat"},
}


class Stack:
    """One installation and the ``manage.py up`` that serves it.

    Args:
        folder: an empty folder for data and logs.
        environment: the whole environment of its processes.
        arguments: more arguments for ``up``; ``--port 0`` is always there.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], arguments: Sequence[str] = ()) -> None:
        self.folder = folder
        self.data = Path(environment["PIXTASKS_DATA_DIR"])
        self.environment = dict(environment)
        self.arguments = list(arguments)
        self.url = ""
        self.pid = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: set[int] = set()

    @property
    def log(self) -> str:
        """Everything that ``up`` has printed so far."""
        path = self.folder / "up.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start ``up`` and wait until /readyz has answered 200."""
        ready = self.folder / "ready"
        ready.unlink(missing_ok=True)
        with (self.folder / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, MANAGE, "up", "--port", "0", "--ready-file", str(ready), *self.arguments],
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.pid = self._process.pid
        process = self._process

        def answer() -> str | None:
            if process.poll() is not None:
                raise AssertionError(f"up ended with code {process.returncode} before it was ready:\n{self.log}")
            return ready.read_text().strip() if ready.exists() else None

        try:
            self.url = wait_for(answer, "ready", seconds=START_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log}") from None
        self.processes()

    def processes(self) -> set[int]:
        """Return every process that runs below ``up`` now."""
        found = descendants(self.pid)
        self._seen |= found
        return found

    def children(self) -> dict[str, int]:
        """Return the process ids of web, dispatcher, worker and beat, as far as they run."""
        table = parents()
        found = {}
        for pid in [pid for pid, parent in table.items() if parent == self.pid]:
            words = set(command_line(pid))
            # In the first milliseconds of its life a child is still the wrapper that becomes it.
            if "exec" not in words:
                found |= {name: pid for name, wanted in _CHILDREN.items() if wanted <= words}
        self.processes()
        return found

    def pool(self) -> set[int]:
        """Return the process ids of the worker's pool, each of which runs one task at a time."""
        worker = self.children().get("worker")
        return descendants(worker) if worker else set()

    def kill(self, pid: int) -> None:
        """Kill a process of this stack with SIGKILL.

        Raises:
            ValueError: it does not belong to this stack.
        """
        if pid != self.pid and pid not in self.processes():
            raise ValueError(f"process {pid} does not belong to this stack")
        os.kill(pid, signal.SIGKILL)

    def manage(self, *arguments: str, seconds: float = 120.0, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a management command on this installation and return what it printed."""
        result = subprocess.run(
            [sys.executable, MANAGE, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            stdin=subprocess.DEVNULL,
        )
        if check and result.returncode != 0:
            raise AssertionError(f"{arguments} ended with {result.returncode}:\n{result.stdout}\n{result.stderr}")
        return result

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal to ``up``, wait for its end and return its exit code."""
        if self._process is None:
            raise ValueError("it was never started")
        self.processes()
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._process.wait(timeout=STOP_SECONDS)

    def survivors(self) -> set[int]:
        """Return the processes of this stack that still run."""
        return {pid for pid in self._seen if alive(pid)}

    def clean_up(self) -> None:
        """End whatever is left, by id."""
        if self._process is not None:
            self.processes()
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait(timeout=STOP_SECONDS)
            kill_all(self.survivors())


@contextmanager
def running_stack(
    folder: Path, environment: Mapping[str, str] | None = None, arguments: Sequence[str] = (), *, start: bool = True
) -> Iterator[Stack]:
    """Serve an installation of its own for the length of a ``with`` block.

    Where the run has DATABASE_URL and REDIS_URL it gets a fresh database on that server and keys below a prefix of
    its own; else everything lies below the folder.

    Args:
        folder: an empty folder.
        environment: variables on top of this process's, of which no ``PIXTASKS_…`` is handed on.
        arguments: more arguments for ``up``.
        start: start it at once and wait until it is ready.
    """
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PIXTASKS_")}
    token = secrets.token_hex(4)
    variables |= {
        "DJANGO_SETTINGS_MODULE": "pixtasks.settings",
        "PIXTASKS_DATA_DIR": str(folder / "data"),
        "PIXTASKS_REDIS_PREFIX": f"pixtasks-test-{token}:",
        # A throttle shared by all stacks of a run is not what their tests are about.
        "PIXTASKS_START_JOB_RATE": "6000/minute",
        "PIXTASKS_START_GATHER_RATE": "6000/minute",
        "PIXTASKS_LOGIN_ADDRESS_RATE": "6000/minute",
        "PIXTASKS_LOGIN_ACCOUNT_RATE": "6000/minute",
        **(environment or {}),
    }
    with _own_database(variables, f"pixtasks_stack_{token}"), _own_keys(variables):
        stack = Stack(folder, variables, arguments)
        try:
            if start:
                stack.start()
            yield stack
        finally:
            stack.clean_up()


@contextmanager
def _own_database(variables: dict[str, str], name: str) -> Iterator[None]:
    """Make a database on the given PostgreSQL server and drop it at the end."""
    given = variables.get("DATABASE_URL", "")
    if not given.startswith("postgres"):
        variables.pop("DATABASE_URL", None)
        yield
        return
    import psycopg
    from psycopg import sql

    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    variables["DATABASE_URL"] = urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
    try:
        yield
    finally:
        with psycopg.connect(given, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _own_keys(variables: Mapping[str, str]) -> Iterator[None]:
    """Delete the keys below this stack's prefix at the end."""
    try:
        yield
    finally:
        if variables.get("REDIS_URL"):
            import redis

            with redis.Redis.from_url(variables["REDIS_URL"]) as client:
                for key in client.scan_iter(match=f"*{variables['PIXTASKS_REDIS_PREFIX']}*", count=500):
                    client.delete(key)
