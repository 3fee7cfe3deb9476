"""Somebody who asks for work in every dialect while things break, and remembers what was promised."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.faults.auditor import Findings, audit
from tests.faults.fleet import MANAGE, ROOT
from tests.faults.site import Site
from tests.picture_server import PictureServer
from tests.processes.tree import wait_for

GENEROUS_SECONDS = 45
"""Longer than any request may take; one that hangs ends here, as a failure."""
EMAIL, PASSWORD = "ann@example.com", "a long enough pass phrase"
CUT = 0
"""Instead of a status: the connection ended without an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``status`` 0 where nothing did."""

    dialect: str
    status: int
    body: Any = None
    retry_after: str | None = None

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def unavailable(self) -> bool:
        """Whether it is a 503 in the dialect's own form that says when to come again."""
        return self.status == 503 and self.retry_after is not None and self._says_why()

    def _says_why(self) -> bool:
        body = self.body if isinstance(self.body, dict) else {}
        if self.dialect == "G":
            return bool(body.get("error") and body.get("message")) and body.get("statusCode") == self.status
        return isinstance(body.get("detail"), str)


class Visitor:
    """Asks a site for work.

    Args:
        site: its web process has been started.
        url: where it listens.
        web: pictures for crawls; None where none are asked for.

    Attributes:
        gathers: whether it also asks in dialect G.
    """

    def __init__(self, site: Site, url: str, web: PictureServer | None = None) -> None:
        self.site = site
        self.url = urlsplit(url)
        self.web = web
        self.ids: list[int] = []
        self.public_ids: list[str] = []
        self.declared: list[int] = []
        self.jobs: list[int] = []
        self._token = ""
        self._number = 0
        self._type = 0
        self._project = 0
        self._prepared: list[int] = []
        self.gathers = False

    def call(self, dialect: str, method: str, path: str, body: Any = None) -> Answer:
        """Return the answer to one request on a connection of its own.

        Raises:
            TimeoutError: there was none within a time that is longer than any bound: the request hangs.
        """
        client = http.client.HTTPConnection(self.url.hostname or "", self.url.port, timeout=GENEROUS_SECONDS)
        data = None if body is None else json.dumps(body)
        headers = {"Content-Type": "application/json", "Connection": "close"}
        if dialect in ("J", "G") and self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            client.request(method, path, data, headers)
            answer = client.getresponse()
            text = answer.read()
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException):
            return Answer(dialect, CUT)
        finally:
            client.close()
        try:
            decoded = json.loads(text or b"null")
        except ValueError:
            decoded = text.decode(errors="replace")
        return Answer(dialect, answer.status, decoded, answer.getheader("Retry-After"))

    def prepare(self, jobs: int = 0) -> None:
        """Make what requests name: a declared type, a project, and jobs that are not started."""
        kind = self._made(self.call("R", "POST", "/api/task-types", {"name": "outside", "parameters_schema": {}}))
        self._type = kind["id"]
        if not jobs:
            return
        assert self.web is not None
        self._sign_in()
        self._project = self._made(self.call("J", "POST", "/api/v1/projects", {"name": "Faults"}))["id"]
        for number in range(jobs):
            wanted = {
                "project_id": self._project,
                "name": f"job {number}",
                "keywords": ["pictures"],
                "engines": ["urls"],
                "max_images": 100,
                "options": {"urls": {"urls": self.web.urls}},
            }
            self._prepared.append(self._made(self.call("J", "POST", "/api/v1/jobs", wanted))["id"])

    def _sign_in(self) -> None:
        subprocess.run(
            [sys.executable, MANAGE, "ensure_user", "--email", EMAIL, "--password", PASSWORD],
            env=self.site.environment, cwd=ROOT, check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        given = {"email": EMAIL, "password": PASSWORD}
        self._token = self._made(self.call("J", "POST", "/api/v1/auth/login", given))["access_token"]

    @staticmethod
    def _made(answer: Answer) -> Any:
        assert answer.accepted, answer
        return answer.body

    # --- asking for work ----------------------------------------------------------------------------------------

    def ask_database(self) -> Answer:
        """Dialect D."""
        answer = self.call("D", "POST", "/tasks/faults.count", {"payload": self._count()})
        if answer.accepted:
            self.ids.append(answer.body["id"])
        return answer

    def ask_celery(self) -> Answer:
        """Dialect C."""
        wanted = {"task_type": "faults.count", "params": self._count()}
        answer = self.call("C", "POST", "/api/celery/tasks/launch", wanted)
        if answer.accepted:
            self.public_ids.append(answer.body["task_id"])
        return answer

    def ask_registry(self) -> Answer:
        """Dialect R."""
        answer = self.call("R", "POST", "/api/tasks", {"task_type_id": self._type, "parameters": {}})
        if answer.accepted:
            self.declared.append(answer.body["id"])
        return answer

    def ask_job(self) -> Answer:
        """Dialect J; one of the prepared jobs is used up where it is started."""
        job = self._prepared[-1]
        answer = self.call("J", "POST", f"/api/v1/jobs/{job}/start")
        if answer.accepted:
            self.jobs.append(self._prepared.pop())
        return answer

    def ask_gather(self) -> Answer:
        """Dialect G; every run is of a project of its own."""
        self._number += 1
        wanted = {"projectId": f"gather-{self._number}", "gatherCount": 2, "options": {"saveInterval": 1}}
        answer = self.call("G", "POST", "/api/v1/automated-gather/start", wanted)
        if answer.accepted:
            self.public_ids.append(answer.body["taskId"])
        return answer

    @property
    def ways(self) -> list[Callable[[], Answer]]:
        """Every way to ask for work that is prepared."""
        signed_in = [self.ask_gather] if self._token and self.gathers else []
        prepared = [self.ask_job] if self._prepared else []
        return [self.ask_database, self.ask_celery, self.ask_registry, *signed_in, *prepared]

    def ask_all(self) -> dict[str, Answer]:
        """Ask once in every dialect."""
        return {answer.dialect: answer for answer in (ask() for ask in self.ways)}

    def ask(self, times: int) -> None:
        """Ask for that many tasks; nothing is in the way."""
        for _ in range(times):
            self._made(self.ask_database())

    def until_accepted(self) -> None:
        """Wait until work is accepted in every dialect, as it must be again without a hand."""
        for way in self.ways:
            wait_for(lambda way=way: way().accepted, f"{way.__name__} accepted", seconds=60)

    def until_running(self) -> None:
        """Wait until tasks run."""
        wait_for(
            lambda: self.site.database.value("SELECT count(*) FROM task_list WHERE status = 'running'"),
            "tasks running",
            seconds=60,
        )

    # --- what became of it --------------------------------------------------------------------------------------

    def faults(self, *, seconds: float = 90) -> list[str]:
        """Wait until everything has ended by itself, and return every promise that was not kept."""
        self._work_outside()
        try:
            wait_for(lambda: self.site.open_tasks() == 0, "all tasks ended", seconds=seconds)
        except AssertionError:
            open_tasks = self.site.database.rows(
                "SELECT id, type_name, status, attempt, retries, crashes, error_message FROM task_list "
                "WHERE status NOT IN ('completed', 'failed', 'cancelled')"
            )
            return [f"not ended: {row}" for row in open_tasks]
        found = self._audit()
        return found.faults

    def costs(self) -> tuple[int, int]:
        """Return how many retries and how many crashes are booked on all tasks."""
        retries, lost = self.site.database.rows(
            "SELECT coalesce(sum(CASE WHEN type = 'retrying' THEN 1 ELSE 0 END), 0), "
            "coalesce(sum(CASE WHEN type = 'lost' THEN 1 ELSE 0 END), 0) FROM tasktypes_taskevent"
        )[0]
        return int(retries), int(lost)

    def _audit(self) -> Findings:
        site = self.site
        known = {str(key).replace("-", ""): pk for pk, key in site.database.rows("SELECT id, public_id FROM task_list")}
        found = audit(site, accepted=[*self.ids, *self.declared])
        for celery_id in self.public_ids:
            public_id = celery_id.partition(".")[0].replace("-", "")
            if public_id not in known:
                found.lost.append(f"task {celery_id} was accepted and is not there")
        for job in self.jobs:
            rows = site.database.value(f"SELECT count(*) FROM jobs_image WHERE job_id = {job}")
            wanted = len(self.web.pictures) if self.web is not None else 0
            if rows != wanted:
                found.lost.append(f"job {job} has {rows} of {wanted} pictures")
        return found

    def _work_outside(self) -> None:
        """Be the outside worker who does the declared tasks."""
        while True:
            wanted = {"worker": "outside", "limit": 50, "lease_seconds": 60}
            tasks = self._made(self.call("R", "POST", "/api/tasks/claim", wanted))
            for task in tasks:
                lease = {"attempt": task["attempt"], "lease_token": task["lease_token"], "result": {}}
                self._made(self.call("R", "POST", f"/api/tasks/{task['id']}/complete", lease))
            if not tasks:
                return

    def _count(self) -> dict[str, Any]:
        self._number += 1
        return {"items": 10, "pause": 0.02, "token": f"{self._number}"}
