"""``GET /api/v1/automated-gather/status/{taskId}`` (CONTRACT G14-G21, X06, X13, X54, X69)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from rest_framework.test import APIClient

from gather.models import GatherRun
from pixtasks.accounts.models import User
from tasktypes.services.context import LeasedContext
from tasktypes.states import State
from tests import factories
from tests.api_gather.conftest import BASE, a_run, end, record, refused, report, running, start

KEYS = ["taskId", "status", "progress", "result", "updates", "startTime"]
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def ask(client: APIClient, task_id: str, query: str = "") -> Any:
    return client.get(f"{BASE}/status/{task_id}{query}")


def status(client: APIClient, run: GatherRun, query: str = "") -> dict[str, Any]:
    response = ask(client, run.task.public_id, query)
    assert response.status_code == 200, response.content
    return dict(response.json())


@pytest.fixture
def run(ann: User) -> GatherRun:
    """A run of ten iterations that waits."""
    return a_run(ann)


@pytest.fixture
def context(run: GatherRun) -> LeasedContext:
    """A worker that has claimed it."""
    return running(run)


def test_a_queued_run_is_pending_with_the_documented_keys_and_no_others(ann_client: APIClient, run: GatherRun) -> None:
    body = status(ann_client, run)
    assert list(body) == KEYS
    assert STAMP.fullmatch(body.pop("startTime"))
    assert body == {
        "taskId": run.task.public_id,
        "status": "PENDING",
        "progress": {"current": 0, "total": 10, "percentage": 0},
        "result": None,
        "updates": [],
    }


def test_a_run_that_a_worker_has_is_started_and_then_in_progress(
    ann_client: APIClient, run: GatherRun, context: LeasedContext
) -> None:
    body = status(ann_client, run)
    assert (body["status"], body["result"], body["updates"]) == ("STARTED", None, [])
    report(context, run, 5)
    body = status(ann_client, run)
    assert list(body) == KEYS
    assert (body["status"], body["progress"]) == ("PROGRESS", {"current": 5, "total": 10, "percentage": 50})
    [update] = body["updates"]
    assert list(update) == ["type", "timestamp", "data"]
    assert STAMP.fullmatch(update["timestamp"])
    assert (update["type"], update["data"]) == (
        "progress",
        {
            "currentIteration": 5,
            "totalIterations": 10,
            "percentage": 50,
            "message": "Processing iteration 5 of 10",
        },
    )


def test_percentages_are_cut(ann: User, ann_client: APIClient) -> None:
    run = a_run(ann, gather_count=3)
    running(run, 2)
    assert status(ann_client, run)["progress"] == {"current": 2, "total": 3, "percentage": 66}


def test_updates_are_in_the_order_of_time_and_an_iteration_that_failed_is_an_error(
    ann_client: APIClient, run: GatherRun, context: LeasedContext
) -> None:
    report(context, run, 1)
    report(context, run, 2, error="nobody answered")
    report(context, run, 3)
    updates = status(ann_client, run)["updates"]
    assert [(one["type"], one["data"]["currentIteration"]) for one in updates] == [
        ("progress", 1),
        ("error", 2),
        ("progress", 3),
    ]
    assert updates[1]["data"]["error"] == "nobody answered"
    assert sorted(one["timestamp"] for one in updates) == [one["timestamp"] for one in updates]


def test_a_run_that_succeeded_has_its_result_and_its_end(
    ann_client: APIClient, run: GatherRun, context: LeasedContext
) -> None:
    report(context, run, 10)
    record(run, 10, 1)
    result = {
        "completedIterations": 10,
        "results": [{"iterationNumber": 10, "gatherDataId": "gather-010"}],
        "exhausted": False,
        "images": 1,
    }
    end(context, State.COMPLETED, result=result)
    body = status(ann_client, run)
    assert list(body) == [*KEYS, "endTime"]
    assert STAMP.fullmatch(body["endTime"])
    assert (body["status"], body["result"]) == ("SUCCESS", result)
    assert body["progress"] == {"current": 10, "total": 10, "percentage": 100}
    assert [one["type"] for one in body["updates"]] == ["progress", "complete"]


def test_a_run_that_ended_early_because_nothing_was_new_is_a_success_of_a_hundred_percent(
    ann_client: APIClient, run: GatherRun, context: LeasedContext
) -> None:
    report(context, run, 4)
    record(run, 4, 1)
    end(context, State.COMPLETED, result={"completedIterations": 4, "results": [], "exhausted": True, "images": 1})
    body = status(ann_client, run)
    assert body["progress"] == {"current": 4, "total": 10, "percentage": 100}
    assert body["result"]["exhausted"] is True


def test_a_run_that_failed_has_an_error_object_and_what_was_saved(
    ann_client: APIClient, run: GatherRun, context: LeasedContext
) -> None:
    record(run, 1, 1)
    end(context, State.FAILED, error="no source answered")
    body = status(ann_client, run)
    assert (body["status"], body["updates"][-1]["type"]) == ("FAILURE", "error")
    assert body["result"] == {
        "error": "no source answered",
        "completedIterations": 1,
        "results": [{"iterationNumber": 1, "gatherDataId": "gather-001"}],
    }
    assert STAMP.fullmatch(body["endTime"])


def test_a_cancelled_run_is_revoked(ann_client: APIClient, run: GatherRun) -> None:
    assert ann_client.delete(f"{BASE}/cancel/{run.task.public_id}").json()["status"] == "cancelled"
    body = status(ann_client, run)
    assert (body["status"], body["updates"][-1]["type"]) == ("REVOKED", "cancelled")
    assert body["result"] == {"completedIterations": 0, "results": []}


def test_the_latest_two_hundred_updates_are_shown_and_since_pages_through_all(
    ann_client: APIClient, run: GatherRun, context: LeasedContext
) -> None:
    for iteration in range(250):
        report(context, run, 1, message=str(iteration))

    def messages(body: Any) -> list[int]:
        return [int(update["data"]["message"]) for update in body["updates"]]

    assert messages(status(ann_client, run)) == list(range(50, 250))
    response = ask(ann_client, run.task.public_id, "?since=0")
    assert messages(response.json()) == list(range(200))
    following = re.fullmatch(r'<(.+)>; rel="next"', response["Link"])
    assert following is not None
    assert following[1].endswith(f"/status/{run.task.public_id}?since={response['X-Update-Seq']}")
    response = ann_client.get(following[1])
    assert (messages(response.json()), "Link" in response) == (list(range(200, 250)), False)
    # Whoever polls on hears only what is new.
    last = int(response["X-Update-Seq"])
    response = ask(ann_client, run.task.public_id, f"?since={last}")
    assert (messages(response.json()), response["X-Update-Seq"]) == ([], str(last))


@pytest.mark.parametrize("since", ["x", "-1", "1.5", str(2**31), ""])
def test_a_since_that_is_no_number_is_refused(ann_client: APIClient, run: GatherRun, since: str) -> None:
    refused(ask(ann_client, run.task.public_id, f"?since={since}"), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize("task_id", ["abc123-def456", "A_b-9", "x" * 300, "a.b", "ünïcode", "1"])
def test_an_unknown_id_is_not_found_in_this_routes_own_words(api: APIClient, task_id: str) -> None:
    response = ask(api, task_id)
    assert refused(response, 404, "TASK_NOT_FOUND") == "Task not found or status unavailable"
    assert list(response.json()) == ["error", "message", "statusCode"]


def test_a_task_that_is_no_gather_has_no_status_here(api: APIClient) -> None:
    task = factories.tasks_of(factories.started_job())[0]
    refused(ask(api, task.public_id), 404, "TASK_NOT_FOUND")


def test_somebody_elses_run_is_forbidden_and_staff_see_it(
    bob_client: APIClient, api: APIClient, run: GatherRun
) -> None:
    assert refused(ask(bob_client, run.task.public_id), 403, "FORBIDDEN") == "Access denied to this resource"
    assert status(api, run)["status"] == "PENDING", "local is staff in development"


def test_the_id_of_a_start_is_that_of_the_status(api: APIClient) -> None:
    task_id = start(api).json()["taskId"]
    assert ask(api, task_id).json()["taskId"] == task_id
    assert ask(api, f"{task_id}/").json()["taskId"] == task_id
