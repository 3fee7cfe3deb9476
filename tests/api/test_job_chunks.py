"""``GET /api/v1/jobs/{id}/chunks`` and ``/failures`` (CONTRACT section 4, J36, J38, X61)."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from jobs.models import Chunk
from pixtasks.accounts.models import User
from tasktypes.states import State
from tests import factories


def get(client: APIClient, job_id: int, what: str, **query: Any) -> dict[str, Any]:
    response = client.get(f"/api/v1/jobs/{job_id}/{what}", query)
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    return body


def test_each_chunk_shows_its_task(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner, keywords=["one", "two"], engines=["google", "bing"], max_images=10)
    done, failed, running, waiting = factories.tasks_of(job)
    factories.end(done, images=10, duplicates=2, outcomes={"stored": 10, "duplicate": 2})
    factories.end(failed, State.FAILED, error="the engine is gone")
    factories.report(running, images=4)
    body = get(client, job.pk, "chunks")
    assert body["next"] is None
    assert [(item["keyword"], item["engine"], item["backend"], item["status"]) for item in body["items"]] == [
        ("one", "google", "sample", "completed"),
        ("one", "bing", "sample", "failed"),
        ("two", "google", "sample", "running"),
        ("two", "bing", "sample", "pending"),
    ]
    assert [item["task_id"] for item in body["items"]] == [task.public_id for task in (done, failed, running, waiting)]
    first, second = body["items"][:2]
    assert (first["images"], first["duplicates"], first["target"]) == (10, 2, 10)
    assert first["outcomes"] == {"duplicate": 2, "stored": 10}
    assert (first["error"], second["error"]) == (None, "the engine is gone")
    assert first["completed_at"].endswith("Z") and body["items"][3]["started_at"] is None


def test_chunks_come_by_cursor_and_by_status(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner, keywords=[f"word {n}" for n in range(5)])
    factories.end(factories.tasks_of(job)[3], State.FAILED)
    seen, cursor = [], None
    for _ in range(3):
        body = get(client, job.pk, "chunks", limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [item["keyword"] for item in body["items"]]
        cursor = body["next"]
    assert (seen, cursor) == ([f"word {n}" for n in range(5)], None)
    assert [item["keyword"] for item in get(client, job.pk, "chunks", status="failed")["items"]] == ["word 3"]


def test_a_pending_job_has_no_chunks_yet(client: APIClient, owner: User) -> None:
    assert get(client, factories.job(owner=owner).pk, "chunks") == {"items": [], "next": None}


def test_failures_say_what_why_and_where(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner, keywords=["one", "two"])
    one, two = Chunk.objects.filter(job=job).order_by("pk")
    factories.failure(job, "http_404", chunk=two, rank=0, url="http://203.0.113.9/x.jpg", detail="HTTP 404")
    factories.failure(job, "dns", chunk=one, rank=7)
    factories.failure(job, "dns", chunk=one, rank=3)
    factories.failure(factories.started_job(owner=owner))
    body = get(client, job.pk, "failures")
    assert [(item["keyword"], item["rank"], item["outcome"]) for item in body["items"]] == [
        ("one", 3, "dns"), ("one", 7, "dns"), ("two", 0, "http_404"),
    ]  # fmt: skip
    last = body["items"][2]
    assert (last["chunk_id"], last["engine"], last["url"], last["detail"]) == (
        two.pk, "urls", "http://203.0.113.9/x.jpg", "HTTP 404",
    )  # fmt: skip
    assert [item["rank"] for item in get(client, job.pk, "failures", outcome="dns")["items"]] == [3, 7]
    assert [item["rank"] for item in get(client, job.pk, "failures", keyword="two")["items"]] == [0]
    assert get(client, job.pk, "failures", engine="site")["items"] == []


def test_failures_come_by_cursor_without_a_gap_or_a_repetition(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner, keywords=["one", "two"])
    for chunk in Chunk.objects.filter(job=job):
        for rank in range(5):
            factories.failure(job, chunk=chunk, rank=rank)
    seen, cursor = [], ""
    while cursor is not None:
        body = get(client, job.pk, "failures", limit=3, **({"cursor": cursor} if cursor else {}))
        seen += [(item["keyword"], item["rank"]) for item in body["items"]]
        cursor = body["next"]
    assert seen == [(keyword, rank) for keyword in ("one", "two") for rank in range(5)]


@pytest.mark.parametrize("query", ["cursor=x", "cursor=WzFd", "limit=0", "limit=501", "limit=x"])
@pytest.mark.parametrize("what", ["chunks", "failures", "images"])
def test_a_page_that_cannot_be_is_a_422(client: APIClient, owner: User, what: str, query: str) -> None:
    job = factories.started_job(owner=owner)
    response = client.get(f"/api/v1/jobs/{job.pk}/{what}?{query}")
    if query == "cursor=WzFd" and what != "failures":  # [1] is a place in lists that go by one number.
        assert response.status_code == 200
        return
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", query.partition("=")[0]]


def test_a_status_that_the_dialect_does_not_know_is_a_422(client: APIClient, owner: User) -> None:
    """CONTRACT X05."""
    job = factories.started_job(owner=owner)
    assert client.get(f"/api/v1/jobs/{job.pk}/chunks?status=REVOKED").status_code == 422


@pytest.mark.parametrize("what", ["chunks", "failures"])
def test_a_longer_list_asks_the_database_no_more_often(
    client: APIClient, owner: User, django_assert_num_queries: DjangoAssertNumQueries, what: str
) -> None:
    for number in (1, 5):
        job = factories.started_job(owner=owner, keywords=[f"word {n}" for n in range(number)])
        for chunk in Chunk.objects.filter(job=job):
            factories.failure(job, chunk=chunk)
        with django_assert_num_queries(4):  # Token, user, job, rows.
            assert len(get(client, job.pk, what)["items"]) == number
