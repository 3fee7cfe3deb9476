"""``GET /api/v1/jobs/{id}/images`` and ``/api/v1/images/{id}`` (CONTRACT J46, section 4, X61, X68)."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from jobs.models import CrawlJob, Level
from pixtasks.accounts.models import User
from tests import factories
from tests.images import broken_images

KEYS = [
    "id", "job_id", "chunk_id", "sha256", "format", "width", "height", "bytes", "content_type", "source_url",
    "page_url", "title", "creator", "creator_url", "license", "license_version", "license_url", "attribution",
    "keyword", "query", "external_id", "tags", "engine", "backend", "rank", "fetched_at", "is_valid", "issues",
    "quarantine", "decision", "label", "file_url", "thumbnail_url",
]  # fmt: skip


def listed(client: APIClient, job: CrawlJob, **query: Any) -> list[dict[str, Any]]:
    response = client.get(f"/api/v1/jobs/{job.pk}/images", query)
    assert response.status_code == 200, response.content
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def test_an_image_shows_where_it_came_from_and_under_what_licence(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner, engines=["google"])
    image = factories.image(
        job,
        title="A cat",
        creator="Ann",
        license="BY-SA",
        license_version="4.0",
        rank=3,
        external_id="47",
        tags=["cat", "grey cat"],
    )
    (item,) = listed(client, job)
    assert list(item) == KEYS
    assert (item["id"], item["sha256"], item["format"], item["bytes"]) == (
        image.pk, image.sha256, "jpeg", image.bytes,
    )  # fmt: skip
    assert (item["title"], item["creator"], item["license"], item["license_version"]) == (
        "A cat", "Ann", "BY-SA", "4.0",
    )  # fmt: skip
    assert (item["keyword"], item["engine"], item["backend"], item["rank"]) == ("laptop", "google", "sample", 3)
    assert (item["query"], item["external_id"], item["tags"]) == ("laptop", "47", ["cat", "grey cat"])
    assert (item["is_valid"], item["issues"]) == (None, [])
    assert item["fetched_at"].endswith("Z")
    assert client.get(item["file_url"]).status_code == 200
    assert client.get(item["thumbnail_url"]).status_code == 200


def test_images_come_by_cursor_in_the_order_they_were_stored(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner)
    ids = [factories.image(job).pk for _ in range(5)]
    factories.image(factories.started_job(owner=owner))
    seen: list[int] = []
    cursor = ""
    while cursor is not None:
        body = client.get(
            f"/api/v1/jobs/{job.pk}/images", {"limit": 2, **({"cursor": cursor} if cursor else {})}
        ).json()
        assert list(body) == ["items", "next"]
        seen += [item["id"] for item in body["items"]]
        cursor = body["next"]
    assert seen == ids


def test_images_are_filtered_by_verdict_issue_keyword_engine_and_format(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner, keywords=["cat", "dog"], engines=["urls", "google"])
    chunks = {(chunk.keyword, chunk.engine): chunk for chunk in job.chunks.all()}
    good = factories.image(job, chunk=chunks["cat", "urls"])
    cut = factories.image(job, broken_images()["cut.jpg"], chunk=chunks["dog", "urls"])
    factories.validated(job)
    late = factories.image(job, factories.png(), chunk=chunks["dog", "google"], format="png")

    def found(**query: str) -> list[int]:
        return [item["id"] for item in listed(client, job, **query)]

    assert found(valid="true") == [good.pk]
    assert found(valid="false") == [cut.pk]
    assert found(valid="unchecked") == [late.pk]
    assert found(issue="truncated") == [cut.pk]
    assert found(issue="blank") == []
    assert found(keyword="dog") == [cut.pk, late.pk]
    assert found(keyword="dog", valid="false") == [cut.pk]
    assert found(engine="google") == [late.pk]
    assert found(format="png") == [late.pk]
    assert found(keyword="bird") == []
    assert listed(client, job, valid="false")[0]["issues"] == ["truncated"]


@pytest.mark.parametrize("query", ["valid=maybe", "valid=1", "issue=ugly", "format=svg"])
def test_a_filter_that_the_dialect_does_not_know_is_a_422(client: APIClient, owner: User, query: str) -> None:
    """CONTRACT X05."""
    job = factories.started_job(owner=owner)
    response = client.get(f"/api/v1/jobs/{job.pk}/images?{query}")
    assert response.status_code == 422
    fault = response.json()["detail"][0]
    assert (fault["loc"], fault["type"]) == (["query", query.partition("=")[0]], "type_error.enum")


def test_one_image_shows_the_verdict_of_each_level(client: APIClient, owner: User) -> None:
    """CONTRACT X68: invalid, because one of the levels found it so."""
    job = factories.started_job(owner=owner)
    image = factories.image(job, broken_images()["cut.jpg"])
    for level in (Level.FAST, Level.MEDIUM):
        factories.validated(job, level)
    body = client.get(f"/api/v1/images/{image.pk}").json()
    assert list(body) == [*KEYS, "verdicts"]
    assert [(one["level"], one["is_valid"], one["issues"]) for one in body["verdicts"]] == [
        ("fast", True, []),
        ("medium", False, ["truncated"]),
    ]
    assert (body["is_valid"], body["issues"]) == (False, ["truncated"])
    assert body["verdicts"][1]["measurements"]["width"] == 400
    assert body["verdicts"][1]["created_at"].endswith("Z")


def test_unknown_images_are_a_404_whatever_their_number(client: APIClient) -> None:
    for image_id in (10**6, 2**63, 10**40):
        for tail in ("", "/file", "/thumbnail"):
            response = client.get(f"/api/v1/images/{image_id}{tail}")
            assert (response.status_code, response.json()) == (404, {"detail": "Image not found"})


def test_a_longer_list_asks_the_database_no_more_often(
    client: APIClient, owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = factories.started_job(owner=owner)
    for number in (1, 4):
        for _ in range(number):
            factories.image(job, broken_images()["cut.jpg"] + bytes([number, job.image_rows.count()]))
        factories.validated(job)
        with django_assert_num_queries(5):  # Token, user, job, images, their issues.
            items = listed(client, job)
    assert len(items) == 5
