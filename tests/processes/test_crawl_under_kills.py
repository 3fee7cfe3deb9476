"""A worker or a dispatcher that is killed in the middle of a crawl loses nothing and counts nothing twice."""

from __future__ import annotations

import hashlib
import json
import signal
from typing import Any

import pytest

from tests.picture_server import PictureServer, make_pictures, serve
from tests.processes.client import ApiUser
from tests.processes.conftest import StartStack
from tests.processes.stack import Stack
from tests.processes.tree import wait_for

pytestmark = pytest.mark.process

COUNT = 240
QUICK = {"PIXTASKS_LEASE_SECONDS": "2", "PIXTASKS_WORKER_BEAT_SECONDS": "1", "PIXTASKS_FETCH_PER_HOST": "8"}


def start(start_stack: StartStack, web: PictureServer) -> tuple[Stack, ApiUser]:
    stack = start_stack({**QUICK, "PIXTASKS_FETCH_ALLOW": f"127.0.0.1:{web.port}"})
    return stack, ApiUser(stack)


def crawl_job(user: ApiUser, web: PictureServer, *, pages: int = 10) -> int:
    """A job of two chunks that find the same pictures: by a list, and by a gallery of pages."""
    return user.new_job(
        keywords=["pictures"],
        engines=["urls", "site"],
        max_images=10_000,
        options={"urls": {"urls": web.urls}, "site": {"url": f"{web.root}/gallery/0", "max_pages": pages}},
    )


def running_images(user: ApiUser, job_id: int, least: int) -> None:
    wait_for(lambda: user.progress(job_id)["downloaded_images"] >= least, f"{least} images", seconds=60)


def check(stack: Stack, user: ApiUser, job_id: int, web: PictureServer) -> None:
    """Every picture is there once, as a row and as a file; all counters are exact."""
    job = user.get(f"/api/v1/jobs/{job_id}")
    images = user.images(job_id)
    assert len(images) == len(web.pictures)
    assert {image["sha256"] for image in images} == web.digests
    files = [path for path in (stack.data / "images").glob("??/??/*") if path.is_file()]
    assert {path.name for path in files} == web.digests
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in files)
    assert job["downloaded_images"] == len(web.pictures)
    # Each picture was found by both engines: once it was new, once a duplicate.
    assert job["outcomes"] == {"duplicate": len(web.pictures), "stored": len(web.pictures)}
    assert (job["completed_chunks"], job["failed_chunks"], job["active_chunks"]) == (2, 0, 0)
    facts = json.loads(stack.manage("shell", "-v", "0", "-c", _FACTS).stdout)
    assert facts == {"mismatches": [], "ended_events": [1, 1], "failures": len(web.pictures), "unsettled": 0}


# Beat's own tasks, such as the hourly doctor, may fall into a test: only the chunks are looked at.
_FACTS = """
import json
from jobs.models import FetchFailure
from jobs.services.crawl_jobs import DOWNLOAD
from tasktypes.models import Task, TaskEvent, TaskGroup
from tasktypes.services.audit import counter_mismatches
print(json.dumps({
    "mismatches": counter_mismatches(),
    "ended_events": [
        TaskEvent.objects.filter(task=task, type="completed").count()
        for task in Task.objects.filter(type_name=DOWNLOAD)
    ],
    "failures": FetchFailure.objects.count(),
    "unsettled": TaskGroup.objects.filter(settled_at__isnull=True).count(),
}))
"""


def test_killing_a_worker_child_then_the_worker_then_the_dispatcher_changes_no_count(start_stack: StartStack) -> None:
    with serve(make_pictures(COUNT), delay=0.08, per_page=40) as web:
        stack, user = start(start_stack, web)
        job_id = crawl_job(user, web)
        user.post(f"/api/v1/jobs/{job_id}/start")

        running_images(user, job_id, 10)
        for pid in sorted(stack.pool())[:2]:
            stack.kill(pid)
        running_images(user, job_id, 60)
        stack.kill(stack.children()["worker"])
        running_images(user, job_id, 120)
        stack.kill(stack.children()["dispatcher"])

        assert user.until_ended(job_id)["status"] == "completed"
        check(stack, user, job_id, web)


def test_a_cancelled_job_keeps_what_it_stored_and_writes_nothing_afterwards(start_stack: StartStack) -> None:
    with serve(make_pictures(COUNT), delay=0.1) as web:
        stack, user = start(start_stack, web)
        job_id = crawl_job(user, web)
        user.post(f"/api/v1/jobs/{job_id}/start")
        running_images(user, job_id, 10)

        cancelled = user.post(f"/api/v1/jobs/{job_id}/cancel")
        assert cancelled == {
            "job_id": job_id,
            "status": "cancelled",
            "revoked_tasks": 2,
            "message": "Job cancelled successfully. 2 task(s) revoked.",
        }
        assert user.progress(job_id)["status"] == "cancelled"

        def closed() -> dict[str, Any] | None:
            now = user.progress(job_id)
            return now if now["active_chunks"] == 0 else None

        after = wait_for(closed, "last chunk closed", seconds=30)
        images = user.images(job_id)
        assert 10 <= len(images) == after["downloaded_images"] < COUNT
        assert {image["sha256"] for image in images} <= web.digests
        # Retrying goes on from there, and ends with all of them.
        assert user.post(f"/api/v1/jobs/{job_id}/retry")["status"] == "running"
        assert user.until_ended(job_id)["status"] == "completed"
        check(stack, user, job_id, web)


def test_a_worker_that_is_stopped_by_sigterm_fails_no_task(start_stack: StartStack) -> None:
    with serve(make_pictures(120), delay=0.08) as web:
        stack, user = start(start_stack, web)
        job_id = crawl_job(user, web)
        user.post(f"/api/v1/jobs/{job_id}/start")
        running_images(user, job_id, 5)
        assert stack.stop(signal.SIGTERM) == 0
        stack.start()
        assert user.until_ended(job_id)["status"] == "completed"
        check(stack, user, job_id, web)
