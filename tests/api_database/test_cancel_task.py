"""``DELETE /tasks/{task_id}`` (CONTRACT D17, X28, X29, X65)."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from tasktypes.models import Task
from tasktypes.services.claim import claim
from tests import factories
from tests.api_database.conftest import create
from tests.ledger import run_all


def test_a_waiting_task_is_cancelled_at_once_and_the_row_stays(api: APIClient) -> None:
    task_id = create(api)["id"]
    response = api.delete(f"/tasks/{task_id}")
    assert response.status_code == 200
    body = response.json()
    assert (body["id"], body["status"], body["result_data"]) == (task_id, "error", {"cancelled": True})
    assert body["error_message"] == "The task was cancelled."
    assert body["completed_at"] is not None
    assert api.get(f"/tasks/{task_id}").json() == body
    run_all()
    assert Task.objects.get().status == "cancelled"


def test_a_running_task_is_asked_to_stop(api: APIClient) -> None:
    task_id = create(api)["id"]
    claim(task_id, 0, worker="tests", carrier="one")
    body = api.delete(f"/tasks/{task_id}").json()
    assert (body["status"], body["completed_at"]) == ("not_started", None)
    assert Task.objects.get().cancel_requested_at is not None


def test_a_task_that_has_ended_is_answered_as_it_is(api: APIClient) -> None:
    task_id = create(api)["id"]
    run_all()
    before = api.get(f"/tasks/{task_id}").json()
    response = api.delete(f"/tasks/{task_id}")
    assert (response.status_code, response.json()) == (200, before)
    assert before["status"] == "success"


def test_twice_is_the_same_as_once(api: APIClient) -> None:
    task_id = create(api)["id"]
    assert api.delete(f"/tasks/{task_id}").json() == api.delete(f"/tasks/{task_id}").json()


@pytest.mark.parametrize("whose", ["stranger's", "nobody's"])
def test_only_ones_own_can_be_cancelled(client: APIClient, stranger: APIClient, whose: str) -> None:
    task_id = create(client)["id"] if whose == "stranger's" else 987_654
    response = stranger.delete(f"/tasks/{task_id}")
    expected = (
        (403, {"detail": "Access denied to this resource"})
        if whose == "stranger's"
        else (404, {"detail": "Task 987654 not found"})
    )
    assert (response.status_code, response.json()) == expected


def test_a_single_chunk_of_a_job_can_be_cancelled(api: APIClient) -> None:
    """CONTRACT X01, X02."""
    job = factories.started_job(keywords=["one", "two"])
    task = factories.tasks_of(job)[0]
    assert api.delete(f"/tasks/{task.pk}").json()["result_data"] == {"cancelled": True}
