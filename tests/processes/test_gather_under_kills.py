"""Workers that are killed in the middle of a gather: it goes on at the iteration in which it was, and loses nothing."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from typing import Any

import pytest

from tests.picture_server import PictureServer, make_pictures, serve
from tests.processes.client import ApiUser
from tests.processes.conftest import StartStack
from tests.processes.stack import Stack
from tests.processes.tree import wait_for

pytestmark = pytest.mark.process

ITERATIONS = 10
PER_ITERATION = 6
KILLED_IN = 7
QUICK = {"PIXTASKS_LEASE_SECONDS": "3", "PIXTASKS_WORKER_BEAT_SECONDS": "1", "PIXTASKS_FETCH_PER_HOST": "2"}


def begin(start_stack: StartStack, web: PictureServer) -> tuple[Stack, ApiUser, str]:
    """Serve an installation with one slot and start ten iterations over a gallery with a page for each."""
    stack = start_stack({**QUICK, "PIXTASKS_FETCH_ALLOW": f"127.0.0.1:{web.port}"}, ["--workers", "1"])
    user = ApiUser(stack)
    project = user.post("/api/v1/projects", {"name": "Cats", "slug": "cats"})
    # A gather without engines of its own looks where the project's crawls do.
    user.post(
        "/api/v1/jobs",
        {
            "project_id": project["id"],
            "name": "where to look",
            "keywords": ["cat"],
            "engines": ["site"],
            "max_images": 10,
            "options": {"site": {"url": f"{web.root}/gallery/0", "max_pages": 100}},
        },
    )
    body = {"projectId": "cats", "gatherCount": ITERATIONS, "options": {"saveInterval": 3}}
    status, started = user.call("POST", "/api/v1/automated-gather/start", body)
    assert status == 202, started
    return stack, user, started["taskId"]


class HeldPictures(dict[str, bytes]):
    """Pictures of which those of one page are handed out only after ``release``."""

    def __init__(self, pictures: dict[str, bytes], page: int) -> None:
        super().__init__(pictures)
        begin = (page - 1) * PER_ITERATION
        self.held = set(list(pictures)[begin : begin + PER_ITERATION])
        self.release = threading.Event()

    def __getitem__(self, path: str) -> bytes:
        if path in self.held:
            self.release.wait()
        return super().__getitem__(path)

    def await_attempt(self, web: PictureServer, number: int) -> None:
        """Wait until so many attempts have asked for a picture of the page."""
        wait_for(lambda: max(web.hits.get(path, 0) for path in self.held) >= number, f"attempt {number}", seconds=90)


def until_ended(user: ApiUser, task_id: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        now: dict[str, Any] = user.get(f"/api/v1/automated-gather/status/{task_id}")
        return now if now["status"] in ("SUCCESS", "FAILURE", "REVOKED") else None

    return wait_for(ended, "end of the gather", seconds=120)


_FACTS = """
import json
from gather.models import GatherRun
from gather.services.records import images_of, records_of
from jobs.models import FetchFailure, Image
from tasktypes.models import TaskEvent
from tasktypes.services.audit import counter_mismatches
run = GatherRun.objects.select_related("job__group", "task").get()
records = list(records_of(run))
print(json.dumps({
    "events": list(TaskEvent.objects.filter(task=run.task).order_by("seq").values_list("type", "data")),
    "records": [[one.data_id, one.images, one.duplicates, one.found, one.failed] for one in records],
    "of_records": [image.sha256 for one in records for image in images_of(one)],
    "images": list(Image.objects.filter(job__project=run.project).values_list("sha256", flat=True)),
    "failures": FetchFailure.objects.count(),
    "job": [run.job.images, run.job.duplicates, run.job.outcomes, run.job.status],
    "run": [run.completed_iterations, run.failures, run.exhausted],
    "unsettled": run.job.group.settled_at is None,
    "mismatches": counter_mismatches(),
}))
"""


def check(stack: Stack, user: ApiUser, task_id: str, web: PictureServer) -> None:
    """Every iteration left its record once, every picture is there once as a row and a file, all figures agree."""
    now = until_ended(user, task_id)
    names = [f"gather-{number:03d}" for number in range(1, ITERATIONS + 1)]
    assert (now["status"], now["progress"]) == ("SUCCESS", {"current": 10, "total": 10, "percentage": 100})
    assert [(one["iterationNumber"], one["gatherDataId"]) for one in now["result"]["results"]] == list(
        enumerate(names, 1)
    )
    facts = json.loads(stack.manage("shell", "-v", "0", "-c", _FACTS).stdout)
    assert facts["records"] == [[name, PER_ITERATION, 0, PER_ITERATION, 0] for name in names]
    assert facts["run"] == [ITERATIONS, [], False]

    everything = ITERATIONS * PER_ITERATION
    assert len(web.pictures) == everything
    assert (len(facts["images"]), set(facts["images"])) == (everything, web.digests)
    assert Counter(facts["of_records"]) == Counter(facts["images"])
    files = [path for path in (stack.data / "images").glob("??/??/*") if path.is_file()]
    assert {path.name for path in files} == web.digests
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in files)
    assert facts["job"] == [everything, 0, {"stored": everything}, "completed"]
    assert (facts["failures"], facts["unsettled"], facts["mismatches"]) == (0, False, [])
    check_history(facts["events"])


def check_history(events: list[tuple[str, dict[str, Any]]]) -> None:
    """There were three attempts; after a kill the iteration at work is the seventh, and none before it ever again."""
    kinds = [kind for kind, _ in events]
    assert (kinds.count("started"), kinds.count("completed"), kinds.count("failed")) == (3, 1, 0)
    second = [place for place, kind in enumerate(kinds) if kind == "started"][1]
    before = [data for kind, data in events[:second] if kind == "progress"]
    after = [data for kind, data in events[second:] if kind == "progress"]
    assert before[-1]["currentIteration"] == KILLED_IN - 1
    assert after[0]["message"] == f"Processing iteration {KILLED_IN} of {ITERATIONS}"
    figures = [data["currentIteration"] for data in (*before, *after)]
    assert figures == sorted(figures) and set(figures) >= set(range(1, ITERATIONS + 1))


def test_killing_the_worker_child_and_then_the_worker_in_iteration_seven_loses_no_iteration_and_repeats_none(
    start_stack: StartStack,
) -> None:
    pictures = HeldPictures(make_pictures(ITERATIONS * PER_ITERATION), KILLED_IN)
    with serve(pictures, per_page=PER_ITERATION) as web:
        stack, user, task_id = begin(start_stack, web)
        try:
            pictures.await_attempt(web, 1)
            for pid in sorted(stack.pool()):
                stack.kill(pid)
            pictures.await_attempt(web, 2)
            stack.kill(stack.children()["worker"])
        finally:
            pictures.release.set()
        check(stack, user, task_id, web)
