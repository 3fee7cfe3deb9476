"""``GET …/data/{taskId}`` and ``…/data/{taskId}/{gatherDataId}``: what the iterations left (CONTRACT G24)."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest
from rest_framework.test import APIClient

from gather.models import GatherRun
from jobs.models import Image
from pixtasks.accounts.models import User
from tests.api_gather.conftest import BASE, a_run, record, refused

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
SOURCES = [
    {
        "keyword": "my project",
        "engine": "google",
        "backend": "sample",
        "found": 5,
        "images": 2,
        "duplicates": 2,
        "failed": 1,
        "more": True,
    }
]
TROUBLE = [{"keyword": "my project", "engine": "bing", "error": "it did not answer"}]


@pytest.fixture
def run(ann: User) -> GatherRun:
    """A run with three saved iterations, of which the second brought nothing, and one that failed."""
    made = a_run(ann)
    record(made, 1, 2, found=5, duplicates=2, failed=1, sources=SOURCES, errors=TROUBLE)
    record(made, 2)
    record(made, 4, 3)
    GatherRun.objects.filter(pk=made.pk).update(failures=[{"iteration": 3, "error": "no source answered"}])
    return made


def get(client: APIClient, run: GatherRun, rest: str = "") -> Any:
    return client.get(f"{BASE}/data/{run.task.public_id}{rest}")


def test_each_iteration_that_left_something_has_a_record_and_those_that_failed_stand_beside(
    ann_client: APIClient, run: GatherRun
) -> None:
    response = get(ann_client, run)
    assert response.status_code == 200
    body = response.json()
    records = body.pop("records")
    assert body == {
        "taskId": run.task.public_id,
        "projectId": "my-project",
        "completedIterations": 4,
        "failures": [{"iterationNumber": 3, "error": "no source answered"}],
    }
    assert [one["gatherDataId"] for one in records] == ["gather-001", "gather-002", "gather-004"]
    assert STAMP.fullmatch(records[0].pop("createdAt"))
    assert records[0] == {
        "gatherDataId": "gather-001",
        "iterationNumber": 1,
        "counts": {"images": 2, "duplicates": 2, "found": 5, "failed": 1},
        "sources": SOURCES,
        "errors": TROUBLE,
        "seconds": 30.0,
    }


def test_a_record_holds_its_own_images_and_nobody_elses(ann_client: APIClient, run: GatherRun) -> None:
    first, last = (get(ann_client, run, f"/gather-00{number}").json() for number in (1, 4))
    rows = list(Image.objects.filter(job=run.job).order_by("pk").values_list("pk", flat=True))
    assert [image["id"] for image in first["images"] + last["images"]] == rows
    assert (len(first["images"]), len(last["images"])) == (2, 3)
    assert (first["taskId"], first["gatherDataId"]) == (run.task.public_id, "gather-001")
    assert get(ann_client, run, "/gather-002").json()["images"] == []


def test_an_image_says_where_it_is_where_it_came_from_and_under_which_licence(
    ann_client: APIClient, run: GatherRun
) -> None:
    row = Image.objects.filter(job=run.job).order_by("pk")[0]
    Image.objects.filter(pk=row.pk).update(license="by", creator="Ann Example", attribution="“Fox” by Ann Example")
    shown = get(ann_client, run, "/gather-001").json()["images"][0]
    assert shown["id"] == row.pk
    assert (shown["license"], shown["creator"], shown["attribution"]) == ("by", "Ann Example", "“Fox” by Ann Example")
    for name, value in {
        "sourceUrl": row.source_url,
        "keyword": row.keyword,
        "engine": row.engine,
        "backend": row.backend,
        "width": row.width,
        "height": row.height,
    }.items():
        assert shown[name] == value
    assert (shown["url"], shown["thumbnailUrl"]) == tuple(
        f"/api/v1/images/{row.pk}/{name}" for name in ("file", "thumbnail")
    )
    response = ann_client.get(shown["url"])
    assert (response.status_code, response["Content-Type"]) == (200, "image/jpeg")
    assert hashlib.sha256(b"".join(response)).hexdigest() == shown["sha256"]


def test_images_come_page_by_page(ann_client: APIClient, run: GatherRun) -> None:
    first = get(ann_client, run, "/gather-004?limit=2").json()
    rest = get(ann_client, run, f"/gather-004?limit=2&cursor={first['next']}").json()
    assert (len(first["images"]), len(rest["images"]), rest["next"]) == (2, 1, None)
    ids = [image["id"] for image in first["images"] + rest["images"]]
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "cursor=nonsense"])
def test_a_query_of_another_form_is_refused(ann_client: APIClient, run: GatherRun, query: str) -> None:
    refused(get(ann_client, run, f"/gather-001?{query}"), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("name", ["gather-003", "gather-005", "gather-1", "gather-0001", "gather-", "7", "gather-999"])
def test_a_record_that_is_not_there_is_not_found(ann_client: APIClient, run: GatherRun, name: str) -> None:
    assert refused(get(ann_client, run, f"/{name}"), 404, "NOT_FOUND") == "Gather data not found"


def test_a_run_that_has_saved_nothing_has_no_records(ann_client: APIClient, ann: User) -> None:
    body = get(ann_client, a_run(ann)).json()
    assert (body["records"], body["failures"], body["completedIterations"]) == ([], [], 0)


@pytest.mark.parametrize("rest", ["", "/gather-001"])
def test_unknown_and_foreign_runs_are_refused(bob_client: APIClient, run: GatherRun, rest: str) -> None:
    assert refused(bob_client.get(f"{BASE}/data/abc123{rest}"), 404, "TASK_NOT_FOUND") == "Task not found"
    refused(get(bob_client, run, rest), 403, "FORBIDDEN")
