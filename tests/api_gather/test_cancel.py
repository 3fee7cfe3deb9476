"""``DELETE /api/v1/automated-gather/cancel/{taskId}`` (CONTRACT G22-G25, X06, X14, X28, X55, X69)."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from gather.models import GatherRun
from pixtasks.accounts.models import User
from tasktypes.states import State
from tests import factories
from tests.api_gather.conftest import BASE, a_run, end, record, refused, running


def cancel(client: APIClient, task_id: str) -> Any:
    return client.delete(f"{BASE}/cancel/{task_id}")


@pytest.fixture
def run(ann: User) -> GatherRun:
    return a_run(ann)


def test_the_answer_is_the_documented_one_with_what_was_saved(ann_client: APIClient, run: GatherRun) -> None:
    record(run, 1, 1)
    record(run, 2, 1)
    GatherRun.objects.filter(pk=run.pk).update(completed_iterations=5)
    response = cancel(ann_client, run.task.public_id)
    assert (response.status_code, response.json()) == (
        200,
        {
            "taskId": run.task.public_id,
            "status": "cancelled",
            "message": "Task cancelled successfully",
            "partialResults": {
                "completedIterations": 5,
                "results": [
                    {"iterationNumber": 1, "gatherDataId": "gather-001"},
                    {"iterationNumber": 2, "gatherDataId": "gather-002"},
                ],
            },
        },
    )


def test_what_was_saved_can_be_read_afterwards(ann_client: APIClient, run: GatherRun) -> None:
    record(run, 1, 2)
    [line] = cancel(ann_client, run.task.public_id).json()["partialResults"]["results"]
    found = ann_client.get(f"{BASE}/data/{run.task.public_id}/{line['gatherDataId']}").json()
    assert len(found["images"]) == 2


def test_a_waiting_run_ends_at_once_and_its_last_update_has_the_documented_keys(
    ann_client: APIClient, run: GatherRun
) -> None:
    cancel(ann_client, run.task.public_id)
    run.task.refresh_from_db()
    assert run.task.status == State.CANCELLED
    [update] = ann_client.get(f"{BASE}/status/{run.task.public_id}").json()["updates"]
    assert (update["type"], set(update["data"])) == (
        "cancelled",
        {"currentIteration", "totalIterations", "percentage", "message"},
    )


def test_a_running_run_is_asked_to_stop_and_reads_revoked_at_once(
    ann_client: APIClient, run: GatherRun, settings: Settings
) -> None:
    settings.PIXTASKS_GATHER_CANCEL_SECONDS = 0
    running(run, 3)
    assert cancel(ann_client, run.task.public_id).status_code == 200
    run.task.refresh_from_db()
    assert (run.task.status, run.task.cancel_requested_at is not None) == (State.RUNNING, True)
    body = ann_client.get(f"{BASE}/status/{run.task.public_id}").json()
    assert (body["status"], body["progress"]["current"]) == ("REVOKED", 3)
    assert "endTime" not in body, "its worker has not stopped yet"


def test_again_is_answered_the_same(ann_client: APIClient, run: GatherRun) -> None:
    first, again = (cancel(ann_client, run.task.public_id) for _ in range(2))
    assert (again.status_code, again.json()) == (200, first.json())


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
def test_a_run_that_has_ended_otherwise_cannot_be_cancelled(
    ann_client: APIClient, run: GatherRun, state: State
) -> None:
    end(running(run, 1), state, result={}, error="gone" if state == State.FAILED else None)
    refused(cancel(ann_client, run.task.public_id), 409, "CANCELLATION_FAILED")


def test_it_works_while_the_broker_is_down(ann_client: APIClient, run: GatherRun, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert cancel(ann_client, run.task.public_id).json()["status"] == "cancelled"


@pytest.mark.parametrize("task_id", ["abc123-def456", "A_b-9", "a.b"])
def test_an_unknown_id_is_not_found_in_this_routes_own_words(api: APIClient, task_id: str) -> None:
    response = cancel(api, task_id)
    assert response.json() == {"error": "TASK_NOT_FOUND", "message": "Task not found", "statusCode": 404}
    assert response.status_code == 404


def test_a_task_that_is_no_gather_is_not_cancelled_here(api: APIClient) -> None:
    task = factories.tasks_of(factories.started_job())[0]
    refused(cancel(api, task.public_id), 404, "TASK_NOT_FOUND")
    task.refresh_from_db()
    assert task.status == State.PENDING


def test_somebody_elses_run_goes_on(bob_client: APIClient, run: GatherRun) -> None:
    refused(cancel(bob_client, run.task.public_id), 403, "FORBIDDEN")
    run.task.refresh_from_db()
    assert run.task.status == State.PENDING
