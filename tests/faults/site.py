"""An installation of its own for one scenario: folder, database, key prefix, processes, and a look from outside."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.faults.control import Control
from tests.faults.database import Database, Templates
from tests.faults.fleet import MANAGE, ROOT, Fleet
from tests.processes.tree import wait_for

QUICK = {
    "PIXTASKS_LEASE_SECONDS": "1.5",
    "PIXTASKS_WORKER_BEAT_SECONDS": "0.5",
    "PIXTASKS_DISPATCH_TICK_SECONDS": "0.1",
    "PIXTASKS_RING_AGAIN_SECONDS": "1",
}
"""Settings of the short forms."""

ENDED = "('completed', 'failed', 'cancelled')"


class Site:
    """What a scenario works with.

    Args:
        folder: for data, logs and servers of its own.
        environment: of all its processes.
        database: how to read what they wrote.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], database: Database) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.data = Path(self.environment["PIXTASKS_DATA_DIR"])
        self.database = database
        self.fleet = Fleet(folder, self.environment)
        self.control = Control(folder, self.environment)

    @property
    def on_redis(self) -> bool:
        return "REDIS_URL" in self.environment

    @property
    def lease(self) -> float:
        return float(self.environment.get("PIXTASKS_LEASE_SECONDS", 30))

    def until_workers(self, count: int = 1) -> None:
        """Wait until that many workers have said that they are there."""
        wait_for(
            lambda: self.database.value("SELECT count(*) FROM tasktypes_worker WHERE stopped_at IS NULL") >= count,
            f"{count} workers",
            seconds=90,
        )

    def submit(self, type_name: str, parameters: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        """Submit tasks as a group; return its id and theirs."""
        answer: dict[str, Any] = self.control("submit", type_name=type_name, parameters=parameters, **more)
        return answer

    def open_tasks(self) -> int:
        """Return how many tasks have not ended."""
        return int(self.database.value(f"SELECT count(*) FROM task_list WHERE status NOT IN {ENDED}"))

    def until_all_ended(self, seconds: float) -> bool:
        """Wait until every task has ended; False where that did not happen in time."""
        try:
            wait_for(lambda: self.open_tasks() == 0, "all tasks ended", seconds=seconds)
        except AssertionError:
            return False
        return True

    def log_lines(self, name: str) -> list[list[str]]:
        """Return the words of each whole line of a file that the test's handlers have written."""
        path = self.data / name
        text = path.read_text() if path.exists() else ""
        return [line.split() for line in text.splitlines()]

    def call(self, url: str, body: Any = None) -> tuple[int, Any]:
        """Return status and body of a request; status 0 where nobody answered."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(url, data=data, headers={"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=20) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except HTTPError as error:
            text = error.read()
            try:
                return error.code, json.loads(text or b"null")
            except ValueError:
                return error.code, text.decode(errors="replace")
        except (OSError, ValueError):
            return 0, None

    def close(self) -> None:
        self.fleet.close()
        self.control.close()


class Ground:
    """Makes sites, each on a copy of one migrated database.

    Args:
        folder: where everything lies.
        database_url, redis_url: given servers, of which databases and keys of its own are used; empty for none.
    """

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.folder = folder
        self.redis_url = redis_url
        self.templates = Templates(folder, database_url if database_url.startswith("postgres") else "")
        self._made = 0

    @property
    def form(self) -> str:
        """What the sites stand on."""
        return "PostgreSQL + Redis" if self.redis_url else "SQLite + files"

    @contextmanager
    def ready(self) -> Iterator[Ground]:
        """Make the database that is copied."""
        with self.templates.ready(self.migrate):
            yield self

    @contextmanager
    def site(self, settings: Mapping[str, str] | None = None, *, redis_url: str | None = None) -> Iterator[Site]:
        """Lend a site for the length of a ``with`` block.

        Args:
            settings: variables on top of the usual ones.
            redis_url: another broker than the given one.
        """
        self._made += 1
        folder = self.folder / f"site{self._made}"
        data = folder / "data"
        data.mkdir(mode=0o700, parents=True)
        with self.templates.copy(data) as database:
            variables = self.environment(data, database.url, self.redis_url if redis_url is None else redis_url)
            site = Site(folder, {**variables, **(settings or {})}, database)
            try:
                yield site
            finally:
                site.close()
                self.forget_keys(site.environment)

    def environment(self, data: Path, database_url: str, redis_url: str) -> dict[str, str]:
        """Return the whole environment of a site's processes."""
        taken = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
        variables = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PIXTASKS_", "FAULTS_")) and name not in taken
        }
        variables |= {
            "DJANGO_SETTINGS_MODULE": "tests.faults.work.settings",
            "PYTHONPATH": str(ROOT),
            "PIXTASKS_DATA_DIR": str(data),
            "PIXTASKS_REDIS_PREFIX": f"pixtasks-faults-{secrets.token_hex(4)}:",
            "PIXTASKS_LOG_LEVEL": "WARNING",
        }
        if database_url:
            variables["DATABASE_URL"] = database_url
        if redis_url:
            variables["REDIS_URL"] = redis_url
        return variables

    def migrate(self, database_url: str, data: Path) -> None:
        """Make all tables in a database."""
        subprocess.run(
            [sys.executable, MANAGE, "migrate", "-v", "0"],
            env=self.environment(data, database_url, ""),
            cwd=ROOT,
            check=True,
            timeout=180,
        )

    def forget_keys(self, environment: Mapping[str, str]) -> None:
        """Delete what a site has left in the given Redis."""
        if environment.get("REDIS_URL") != self.redis_url or not self.redis_url:
            return
        import redis

        with redis.Redis.from_url(self.redis_url) as client:
            for key in client.scan_iter(match=f"*{environment['PIXTASKS_REDIS_PREFIX']}*", count=500):
                client.delete(key)


@contextmanager
def ground(database_url: str | None = None, redis_url: str | None = None) -> Iterator[Ground]:
    """Make a ground below a temporary folder; by default on the servers that the environment names."""
    given_database = os.environ.get("DATABASE_URL", "") if database_url is None else database_url
    given_redis = os.environ.get("REDIS_URL", "") if redis_url is None else redis_url
    with (
        tempfile.TemporaryDirectory(prefix="pixtasks-faults-", dir=os.environ.get("PIXTASKS_TEST_DIR")) as folder,
        Ground(Path(folder), given_database, given_redis).ready() as made,
    ):
        yield made
