"""``POST`` and ``PATCH /api/tasks/{id}/retry`` (CONTRACT R33, X30)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests import factories
from tests.api_registry.conftest import TASKS


@pytest.mark.parametrize("verb", ["post", "patch"])
@pytest.mark.parametrize("ended", ["failed", "cancelled"])
def test_a_task_that_ended_badly_runs_again_under_its_id(
    client: APIClient, make_task: Any, claim: Any, verb: str, ended: str
) -> None:
    number = make_task(max_retries=1)["id"]
    client.put(f"{TASKS}/{number}", {"status": ended, "error_message": "it broke"}, format="json")
    response = getattr(client, verb)(f"{TASKS}/{number}/retry")
    assert response.status_code == 200
    body = response.json()
    assert (body["id"], body["status"], body["retries"], body["error_message"]) == (number, "pending", 0, None)
    assert body["completed_at"] is None
    assert [task["id"] for task in claim()] == [number]


@pytest.mark.parametrize("status", ["pending", "running", "completed"])
def test_another_state_is_refused(client: APIClient, make_task: Any, status: str) -> None:
    number = make_task()["id"]
    client.put(f"{TASKS}/{number}", {"status": status}, format="json")
    response = client.post(f"{TASKS}/{number}/retry")
    assert response.status_code == 400
    assert response.json()["detail"].startswith(f"Cannot retry task in state: {status}.")


def test_a_task_of_a_job_is_retried_by_its_job(client: APIClient) -> None:
    task = factories.tasks_of(factories.started_job())[0]
    client.put(f"{TASKS}/{task.pk}", {"status": "cancelled"}, format="json")
    response = client.post(f"{TASKS}/{task.pk}/retry")
    assert (response.status_code, "belongs to a job or run" in response.json()["detail"]) == (400, True)


def test_a_stranger_and_an_unknown_task(client: APIClient, stranger: APIClient, make_task: Any) -> None:
    number = make_task()["id"]
    assert stranger.post(f"{TASKS}/{number}/retry").status_code == 403
    assert client.post(f"{TASKS}/999999/retry").status_code == 404
