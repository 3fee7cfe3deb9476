"""A backup made in the middle of a crawl, restored elsewhere, where the crawl goes on."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.backup.installation import kept, manifest_of
from tests.picture_server import make_pictures, serve
from tests.processes.client import EMAIL, PASSWORD, ApiUser
from tests.processes.stack import Stack, running_stack
from tests.processes.tree import wait_for

pytestmark = pytest.mark.process
COUNT = 240
QUICK = {"PIXTASKS_LEASE_SECONDS": "5", "PIXTASKS_WORKER_BEAT_SECONDS": "1", "PIXTASKS_FETCH_PER_HOST": "4"}
ELSEWHERE = {"storage"}
"""How much room this machine has is its own affair."""


class Returned(ApiUser):
    """The same user, signing in to a restored installation with the password of the backed-up one."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.token = ""
        self.token = self.post("/api/v1/auth/login", {"email": EMAIL, "password": PASSWORD})["access_token"]


def rows(database: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture(autouse=True)
def _embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite and the filesystem broker, whatever the run has."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("REDIS_URL", raising=False)


def test_a_crawl_that_was_backed_up_in_the_middle_ends_well_in_another_folder(tmp_path: Path) -> None:
    backup = tmp_path / "backup"
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    with serve(make_pictures(COUNT), delay=0.4, per_page=40) as web:
        settings = QUICK | {"PIXTASKS_FETCH_ALLOW": f"127.0.0.1:{web.port}"}
        with running_stack(tmp_path / "first", settings) as stack:
            user = ApiUser(stack)
            job_id = user.new_job(
                keywords=["pictures"],
                engines=["urls", "site"],
                max_images=10_000,
                options={"urls": {"urls": web.urls}, "site": {"url": f"{web.root}/gallery/0", "max_pages": 10}},
            )
            user.post(f"/api/v1/jobs/{job_id}/start")
            wait_for(lambda: user.progress(job_id)["downloaded_images"] > 10, "some images stored", seconds=60)
            stack.manage("backup", str(backup))
            web.delay = 0
            check_job(user, job_id)
            assert stack.stop() == 0

        database = backup / "database.sqlite3"
        manifest = manifest_of(backup)
        assert rows(database, "SELECT count(*) FROM task_list WHERE status = 'running'")[0][0] >= 1, "in the middle"
        assert manifest["missing"] == {}
        stored = {digest for (digest,) in rows(database, "SELECT sha256 FROM jobs_image")}
        assert {Path(name).name for name in manifest["files"] if name.startswith("images/")} == stored
        assert 0 < len(stored) < COUNT

        with running_stack(tmp_path / "second", settings, start=False) as stack:
            said = json.loads(stack.manage("restore", str(backup), "--json", check=False).stdout)
            assert faults(said["doctor"]) <= ELSEWHERE
            assert kept(stack.data / "pixtasks.sqlite3") == kept(database)
            for name, facts in manifest["files"].items():
                if name != "database.sqlite3":
                    assert hashlib.sha256((stack.data / name).read_bytes()).hexdigest() == facts["sha256"]
            stack.start()
            check_job(Returned(stack), job_id)
            assert stack.stop() == 0
            found = json.loads(stack.manage("doctor", "--at-rest", "--deep", "--json", check=False).stdout)
            assert faults(found) <= ELSEWHERE
            live = stack.data / "pixtasks.sqlite3"
            assert {digest for (digest,) in rows(live, "SELECT sha256 FROM jobs_image")} == web.digests
            assert rows(live, "SELECT count(*) FROM tasktypes_taskevent WHERE type = 'lost'")[0][0] >= 1


def check_job(user: ApiUser, job_id: int) -> None:
    """Every picture was found by both engines: once it was new, once a duplicate."""
    ended = user.until_ended(job_id)
    assert (ended["status"], ended["downloaded_images"]) == ("completed", COUNT)
    assert user.get(f"/api/v1/jobs/{job_id}")["outcomes"] == {"duplicate": COUNT, "stored": COUNT}


def faults(report: dict[str, Any]) -> set[str]:
    """Return the names of the checks that are not ok."""
    return {check["name"] for check in report["checks"] if check["status"] != "ok"}
