"""``POST /api/v1/jobs/{id}/retry`` (CONTRACT J46)."""

from __future__ import annotations

from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tasktypes.states import State
from tests import factories


def test_only_what_failed_runs_again(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner, keywords=["one", "two", "three"])
    first, second, third = factories.tasks_of(job)
    factories.end(first, images=5)
    factories.end(second, State.FAILED, images=2, error="the engine is gone")
    factories.end(third, State.FAILED)
    response = client.post(f"/api/v1/jobs/{job.pk}/retry")
    assert (response.status_code, response.json()) == (
        200,
        {"job_id": job.pk, "status": "running", "retried_chunks": 2, "message": "2 chunk(s) will run again."},
    )
    body = client.get(f"/api/v1/jobs/{job.pk}").json()
    assert (body["status"], body["completed_chunks"], body["failed_chunks"], body["active_chunks"]) == (
        "running", 1, 0, 2,
    )  # fmt: skip
    assert body["downloaded_images"] == 7
    assert [task.status for task in factories.tasks_of(job)] == [State.COMPLETED, State.PENDING, State.PENDING]


def test_a_job_that_was_cancelled_before_it_started_is_pending_again(client: APIClient, owner: User) -> None:
    job = factories.job(owner=owner)
    client.post(f"/api/v1/jobs/{job.pk}/cancel")
    response = client.post(f"/api/v1/jobs/{job.pk}/retry")
    assert (response.status_code, response.json()["status"], response.json()["retried_chunks"]) == (200, "pending", 0)
    assert client.post(f"/api/v1/jobs/{job.pk}/start").status_code == 200


def test_a_job_that_has_not_ended_is_a_400(client: APIClient, owner: User) -> None:
    for job in (factories.job(owner=owner), factories.started_job(owner=owner)):
        response = client.post(f"/api/v1/jobs/{job.pk}/retry")
        assert response.status_code == 400
        assert response.json()["detail"].startswith("Cannot retry job with status: ")


def test_a_job_of_which_nothing_failed_is_a_400(client: APIClient, owner: User) -> None:
    job = factories.end_job(factories.started_job(owner=owner))
    response = client.post(f"/api/v1/jobs/{job.pk}/retry")
    assert (response.status_code, response.json()) == (
        400,
        {"detail": "No chunk of this job failed or was cancelled; there is nothing to retry"},
    )


def test_a_retry_under_a_key_happens_once(client: APIClient, owner: User) -> None:
    job = factories.end_job(factories.started_job(owner=owner), State.FAILED)
    answers = [client.post(f"/api/v1/jobs/{job.pk}/retry", headers={"Idempotency-Key": "again"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content
