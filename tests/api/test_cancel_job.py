"""``POST /api/v1/jobs/{id}/cancel`` and ``/stop`` (CONTRACT J14-J17, X20, X21, X26)."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tasktypes.states import State
from tests import factories


@pytest.mark.parametrize("verb", ["cancel", "stop", "cancel/", "stop/"])
def test_a_running_job_is_cancelled_with_all_its_tasks(client: APIClient, owner: User, verb: str) -> None:
    """CONTRACT J14, X21."""
    job = factories.started_job(owner=owner, keywords=["one", "two", "three"], engines=["google", "bing"])
    response = client.post(f"/api/v1/jobs/{job.pk}/{verb}", content_type="application/json")
    assert (response.status_code, response.json()) == (
        200,
        {
            "job_id": job.pk,
            "status": "cancelled",
            "revoked_tasks": 6,
            "message": "Job cancelled successfully. 6 task(s) revoked.",
        },
    )
    assert {task.status for task in factories.tasks_of(job)} == {State.CANCELLED}
    body = client.get(f"/api/v1/jobs/{job.pk}").json()
    assert (body["status"], body["active_chunks"]) == ("cancelled", 0)


def test_a_pending_job_is_cancelled_with_nothing_to_revoke(client: APIClient, owner: User) -> None:
    """CONTRACT J15."""
    job = factories.job(owner=owner)
    response = client.post(f"/api/v1/jobs/{job.pk}/cancel")
    assert (response.status_code, response.json()["revoked_tasks"]) == (200, 0)
    assert response.json()["message"] == "Job cancelled successfully. 0 task(s) revoked."
    assert client.get(f"/api/v1/jobs/{job.pk}").json()["status"] == "cancelled"


def test_only_tasks_that_had_not_ended_are_counted(client: APIClient, owner: User) -> None:
    """CONTRACT X26."""
    job = factories.started_job(owner=owner, keywords=["one", "two", "three"])
    done, running, _ = factories.tasks_of(job)
    factories.end(done, images=5)
    factories.report(running, images=2)
    response = client.post(f"/api/v1/jobs/{job.pk}/cancel")
    assert response.json()["revoked_tasks"] == 2
    body = client.get(f"/api/v1/jobs/{job.pk}").json()
    assert (body["status"], body["downloaded_images"], body["completed_at"]) == ("cancelled", 7, None)


@pytest.mark.parametrize(("state", "word"), [(State.COMPLETED, "completed"), (State.FAILED, "failed")])
def test_a_job_that_has_ended_is_a_400(client: APIClient, owner: User, state: State, word: str) -> None:
    """CONTRACT J16."""
    job = factories.end_job(factories.started_job(owner=owner), state)
    response = client.post(f"/api/v1/jobs/{job.pk}/cancel")
    assert (response.status_code, response.json()) == (400, {"detail": f"Cannot cancel job with status: {word}"})


def test_cancelling_twice_is_a_400(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner)
    client.post(f"/api/v1/jobs/{job.pk}/cancel")
    response = client.post(f"/api/v1/jobs/{job.pk}/cancel")
    assert (response.status_code, response.json()) == (400, {"detail": "Cannot cancel job with status: cancelled"})


def test_unknown_and_foreign_jobs_are_refused_literally(client: APIClient) -> None:
    """CONTRACT J17."""
    response = client.post("/api/v1/jobs/999999/cancel")
    assert (response.status_code, response.json()) == (404, {"detail": "Crawl job not found"})
    response = client.post(f"/api/v1/jobs/{factories.job().pk}/cancel")
    assert (response.status_code, response.json()) == (403, {"detail": "Access denied to this resource"})
