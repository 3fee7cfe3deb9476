"""``GET /api/v1/automated-gather/runs``: the caller's runs, newest first."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from gather.models import GatherRun
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tasktypes.states import State
from tests.api_gather.conftest import BASE, a_run, end, refused, running

RUNS = f"{BASE}/runs"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def listed(client: APIClient, query: str = "") -> list[str]:
    response = client.get(f"{RUNS}{query}")
    assert response.status_code == 200, response.content
    return [item["taskId"] for item in response.json()["items"]]


def test_a_run_is_shown_with_what_was_asked_and_how_far_it_is(ann_client: APIClient, ann: User) -> None:
    assert ann_client.get(RUNS).json() == {"items": [], "next": None}
    run = a_run(ann)
    [item] = ann_client.get(RUNS).json()["items"]
    assert STAMP.fullmatch(item.pop("createdAt"))
    assert item == {
        "taskId": run.task.public_id,
        "projectId": "my-project",
        "projectSlug": "my-project",
        "jobId": run.job_id,
        "status": "PENDING",
        "gatherCount": 10,
        "completedIterations": 0,
        "exhausted": False,
        "schedule": "",
        "startTime": None,
        "endTime": None,
    }


def test_pages_go_from_the_newest_to_the_oldest_without_a_gap(ann_client: APIClient, ann: User) -> None:
    made = [a_run(ann).task.public_id for _ in range(5)]
    found: list[str] = []
    query = "?limit=2"
    while query:
        body = ann_client.get(f"{RUNS}{query}").json()
        found += [item["taskId"] for item in body["items"]]
        query = f"?limit=2&cursor={body['next']}" if body["next"] else ""
    assert found == made[::-1]


def test_the_words_of_the_status_filter(ann_client: APIClient, ann: User) -> None:
    runs: dict[str, GatherRun] = {word: a_run(ann) for word in (
        "PENDING", "STARTED", "PROGRESS", "BETWEEN", "SUCCESS", "FAILURE", "REVOKED"
    )}  # fmt: skip
    running(runs["STARTED"])
    running(runs["PROGRESS"], 1)
    Task.objects.filter(pk=runs["BETWEEN"].task_id).update(progress={"currentIteration": 1}, retries=1)
    end(running(runs["SUCCESS"], 1), State.COMPLETED, result={})
    end(running(runs["FAILURE"], 1), State.FAILED, error="gone")
    ann_client.delete(f"{BASE}/cancel/{runs['REVOKED'].task.public_id}")
    words = ("PENDING", "STARTED", "PROGRESS", "SUCCESS", "FAILURE", "REVOKED")
    found = {word: set(listed(ann_client, f"?status={word}")) for word in words}
    wanted = {word: {runs[word].task.public_id} for word in words}
    wanted["PROGRESS"].add(runs["BETWEEN"].task.public_id)
    assert found == wanted
    for item in ann_client.get(RUNS).json()["items"]:
        assert item["taskId"] in found[item["status"]], "the filter and the word agree"


def test_the_filter_of_a_project_takes_its_slug_or_its_id(ann_client: APIClient, ann: User) -> None:
    one, other = a_run(ann, project_id="one"), a_run(ann, project_id="other")
    assert listed(ann_client, "?projectId=one") == [one.task.public_id]
    assert listed(ann_client, f"?projectId={other.project_id}") == [other.task.public_id]
    assert listed(ann_client, "?projectId=nobodys") == []
    assert listed(ann_client, f"?projectId={10**30}") == []
    assert listed(ann_client, "?projectId=one&status=SUCCESS") == []


@pytest.mark.parametrize(
    "query", ["status=pending", "status=RETRY", "status=", "limit=0", "limit=501", "cursor=nonsense", "projectId="]
)
def test_a_query_of_another_form_is_refused(ann_client: APIClient, query: str) -> None:
    refused(ann_client.get(f"{RUNS}?{query}"), 400, "VALIDATION_ERROR")


def test_they_are_the_callers_own_and_staff_see_all(
    ann_client: APIClient, bob_client: APIClient, api: APIClient, ann: User
) -> None:
    run = a_run(ann)
    assert listed(ann_client) == [run.task.public_id]
    assert listed(bob_client) == listed(bob_client, "?projectId=my-project") == []
    assert listed(api) == [run.task.public_id], "local is staff in development"


def test_a_page_costs_the_same_however_many_runs_it_holds(ann_client: APIClient, ann: User) -> None:
    a_run(ann)
    with CaptureQueriesContext(connection) as one:
        listed(ann_client)
    for _ in range(4):
        a_run(ann)
    with CaptureQueriesContext(connection) as five:
        listed(ann_client)
    assert len(five) == len(one)


def test_a_run_that_another_interface_started_is_a_run_like_any_other(ann_client: APIClient) -> None:
    """CONTRACT G38, X45: what the task service submits is seen here under its public id, and the other way round."""
    payload = {"projectId": "my-project", "gatherCount": 3, "options": {"saveInterval": 5}}
    assert ann_client.post("/tasks/automated_gather", {"payload": payload}, format="json").status_code == 201
    launch = {"task_type": "automated_gather", "params": payload}
    launched = ann_client.post("/api/celery/tasks/launch", launch, format="json").json()["task_id"]
    found = listed(ann_client)
    assert (len(found), found[0]) == (2, launched)
    for task_id in found:
        assert ann_client.get(f"{BASE}/status/{task_id}").json()["progress"]["total"] == 3
        assert ann_client.delete(f"{BASE}/cancel/{task_id}").status_code == 200
        assert ann_client.get(f"/api/celery/tasks/{task_id}").json()["status"] == "REVOKED"
