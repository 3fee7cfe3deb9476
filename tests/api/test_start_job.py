"""``POST /api/v1/jobs/{id}/start`` (CONTRACT J06-J13, X19, X22, X26)."""

from __future__ import annotations

import json
import uuid
from threading import Thread
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from jobs.models import Chunk, CrawlJob
from pixtasks.accounts.models import IdempotencyRecord, User
from pixtasks.accounts.services.idempotency import Reservation, reserve
from tasktypes.models import Task
from tests import factories


def url(job: CrawlJob) -> str:
    return f"/api/v1/jobs/{job.pk}/start"


@pytest.fixture
def job(owner: User) -> CrawlJob:
    return factories.job(owner=owner, keywords=["laptop", "computer", "notebook"], engines=["google", "bing"])


def test_starting_answers_literally_with_one_uuid4_per_keyword_and_engine(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT J06-J09, J36: an empty body with a JSON content type, 3 × 2 chunks."""
    response = client.post(url(job), content_type="application/json")
    assert response.status_code == 200
    body = response.json()
    task_ids = body.pop("task_ids")
    assert body == {"job_id": job.pk, "status": "running", "total_chunks": 6, "message": "Job started with 6 tasks"}
    assert len(set(task_ids)) == 6
    assert all(str(uuid.UUID(task_id)) == task_id and uuid.UUID(task_id).version == 4 for task_id in task_ids)
    tasks = Task.objects.filter(public_id__in=task_ids)
    assert {(task.parameters["keyword"], task.parameters["engine"]) for task in tasks} == {
        (keyword, engine) for keyword in job.keywords for engine in job.engines
    }
    assert {task.type_name for task in tasks} == {"jobs.download_images"}


def test_it_says_who_really_answers(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT X61: in the development profile google and bing are aliases of the offline engine."""
    client.post(url(job))
    assert set(Chunk.objects.values_list("engine", "backend")) == {("google", "sample"), ("bing", "sample")}


def test_the_route_answers_with_a_trailing_slash_too(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT X08."""
    assert client.post(f"{url(job)}/").status_code == 200


def test_a_body_is_not_needed_and_not_read(client: APIClient, job: CrawlJob) -> None:
    assert client.post(url(job), {"anything": 1}, format="json").status_code == 200


def test_a_job_that_is_not_pending_is_a_400(client: APIClient, owner: User) -> None:
    """CONTRACT J10."""
    running = factories.started_job(owner=owner)
    response = client.post(url(running))
    assert (response.status_code, response.json()) == (
        400,
        {"detail": "Cannot start job with status 'running'. Only pending jobs can be started."},
    )
    factories.end_job(running)
    assert client.post(url(running)).json() == {
        "detail": "Cannot start job with status 'completed'. Only pending jobs can be started."
    }
    assert Task.objects.count() == 1


def test_an_engine_without_a_backend_is_a_400_that_names_the_setting(
    client: APIClient, job: CrawlJob, settings: Settings
) -> None:
    """CONTRACT X61."""
    settings.PIXTASKS_ENGINE_ALIASES = {}
    response = client.post(url(job))
    assert response.status_code == 400
    assert "PIXTASKS_GOOGLE_API_KEY" in response.json()["detail"]
    assert not Task.objects.exists()


def test_the_eleventh_start_in_a_minute_is_a_429(client: APIClient, owner: User) -> None:
    """CONTRACT J13, X19: the limit is of each user, whatever the answers are."""
    jobs = [factories.job(owner=owner) for _ in range(11)]
    assert [client.post(url(job)).status_code for job in jobs[:10]] == [200] * 10
    response = client.post(url(jobs[10]))
    assert response.status_code == 429
    assert isinstance(response.json()["detail"], str)
    assert 1 <= int(response["Retry-After"]) <= 60
    assert CrawlJob.objects.get(pk=jobs[10].pk).group is None
    assert client.get(f"/api/v1/jobs/{jobs[10].pk}").status_code == 200
    other = factories.user()
    assert factories.client_of(other).post(url(factories.job(owner=other))).status_code == 200


def test_the_same_key_replays_the_first_answer(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT X22."""
    first = client.post(url(job), headers={"Idempotency-Key": "start-1"})
    again = client.post(url(job), headers={"Idempotency-Key": "start-1"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert (first.headers.get("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (None, "true")
    assert Task.objects.count() == 6
    assert client.post(url(job), headers={"Idempotency-Key": "start-2"}).status_code == 400


def test_a_key_belongs_to_one_user_and_one_path(client: APIClient, staff: APIClient, job: CrawlJob) -> None:
    header = {"Idempotency-Key": "k"}
    other = factories.job(job.project)
    assert client.post(url(job), headers=header).status_code == 200
    assert client.post(url(other), headers=header).status_code == 200
    assert staff.post(url(job), headers=header).status_code == 400


def test_another_body_under_the_same_key_is_a_422(client: APIClient, job: CrawlJob) -> None:
    header = {"Idempotency-Key": "k"}
    client.post(url(job), {"a": 1, "b": 2}, format="json", headers=header)
    assert client.post(url(job), {"b": 2, "a": 1}, format="json", headers=header).status_code == 200
    response = client.post(url(job), {"a": 2}, format="json", headers=header)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["header", "Idempotency-Key"]


def test_a_repetition_while_the_first_is_being_carried_out_is_a_409(
    client: APIClient, owner: User, job: CrawlJob
) -> None:
    header = {"Idempotency-Key": "k"}
    client.post(url(job), headers=header)
    IdempotencyRecord.objects.update(status=None, body="")
    response = client.post(url(job), headers=header)
    assert (response.status_code, response["Retry-After"]) == (409, "1")


def test_a_refusal_is_not_replayed(client: APIClient, owner: User) -> None:
    header = {"Idempotency-Key": "k"}
    running = factories.started_job(owner=owner)
    assert client.post(url(running), headers=header).status_code == 400
    assert not IdempotencyRecord.objects.exists()
    assert client.post(url(running), headers=header).status_code == 400


@pytest.mark.parametrize("key", ["", " ", "two words", "x" * 201, "naïve"])
def test_a_key_that_is_none_is_a_422(client: APIClient, job: CrawlJob, key: str) -> None:
    response = client.post(url(job), HTTP_IDEMPOTENCY_KEY=key)
    assert response.status_code == 422
    assert CrawlJob.objects.get(pk=job.pk).group is None


def test_a_key_whose_holder_died_is_taken_over(client: APIClient, owner: User, job: CrawlJob) -> None:
    client.post(url(job), headers={"Idempotency-Key": "k"})
    answer = IdempotencyRecord.objects.get()
    long_ago = answer.held_since.replace(year=answer.held_since.year - 1)
    IdempotencyRecord.objects.update(status=None, body="", held_since=long_ago)
    found = reserve(user=owner, method="POST", path=url(job), key="k", fingerprint=answer.fingerprint)
    assert isinstance(found, Reservation) and found.record_id == answer.pk


def test_a_day_later_the_key_is_forgotten(client: APIClient, job: CrawlJob) -> None:
    client.post(url(job), headers={"Idempotency-Key": "k"})
    record = IdempotencyRecord.objects.get()
    IdempotencyRecord.objects.update(created_at=record.created_at.replace(year=record.created_at.year - 1))
    assert client.post(url(job), headers={"Idempotency-Key": "k"}).status_code == 400


@pytest.mark.django_db(transaction=True)
def test_of_many_starts_at_the_same_moment_one_wins(settings: Settings) -> None:
    owner = factories.user()
    job = factories.job(owner=owner, keywords=["one", "two"])
    client = factories.client_of(owner)
    answers: list[tuple[int, Any]] = []

    def start() -> None:
        from django.db import connection

        response = client.post(url(job), headers={"Idempotency-Key": "k"})
        answers.append((response.status_code, json.loads(response.content)))
        connection.close()

    threads = [Thread(target=start) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in answers} <= {200, 409}
    assert len({tuple(body["task_ids"]) for status, body in answers if status == 200}) == 1
    assert Task.objects.count() == 2
