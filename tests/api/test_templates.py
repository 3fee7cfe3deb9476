"""Keyword templates over HTTP: a job's, its chunks', its images', and ``GET /api/v1/jobs/{id}/templates``."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from jobs.models import Chunk
from pixtasks.accounts.models import User
from tests import factories

URL = "/api/v1/jobs"
TEMPLATES = ["{keyword}", "{keyword} photo"]


def wanted(owner: User, **fields: Any) -> dict[str, Any]:
    return {
        "project_id": factories.project(owner).pk,
        "name": "Foxes",
        "keywords": ["fox", "owl"],
        "engines": ["sample"],
        "max_images": 10,
        **fields,
    }


def test_a_job_has_keywords_times_templates_times_engines_chunks(client: APIClient, owner: User) -> None:
    body = wanted(owner, keyword_templates=[*TEMPLATES, " {keyword}  photo "])
    job = client.post(URL, body, format="json").json()
    assert (job["keyword_templates"], job["total_chunks"]) == (TEMPLATES, 4)
    started = client.post(f"{URL}/{job['id']}/start").json()
    assert (started["total_chunks"], len(started["task_ids"])) == (4, 4)
    chunks = client.get(f"{URL}/{job['id']}/chunks").json()["items"]
    assert [(one["keyword"], one["template"], one["query"]) for one in chunks] == [
        ("fox", "{keyword}", "fox"), ("fox", "{keyword} photo", "fox photo"),
        ("owl", "{keyword}", "owl"), ("owl", "{keyword} photo", "owl photo"),
    ]  # fmt: skip


def test_without_templates_the_keyword_alone_is_asked_for(client: APIClient, owner: User) -> None:
    job = client.post(URL, wanted(owner), format="json").json()
    assert (job["keyword_templates"], job["total_chunks"]) == (["{keyword}"], 2)


@pytest.mark.parametrize(
    ("templates", "loc"),
    [
        ([], ["body", "keyword_templates"]),
        (["{keyword}"] * 3 + [f"{n} {{keyword}}" for n in range(11)], ["body", "keyword_templates"]),
        (["fox photo"], ["body", "keyword_templates", 0]),
        (["{keyword}", "x" * 101], ["body", "keyword_templates", 1]),
        ("{keyword}", ["body", "keyword_templates"]),
    ],
)
def test_templates_that_cannot_be_are_a_422(client: APIClient, owner: User, templates: Any, loc: list[Any]) -> None:
    response = client.post(URL, wanted(owner, keyword_templates=templates), format="json")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == loc


def test_a_pending_job_takes_other_templates(client: APIClient, owner: User) -> None:
    job = client.post(URL, wanted(owner), format="json").json()
    changed = client.patch(f"{URL}/{job['id']}", {"keyword_templates": TEMPLATES}, format="json").json()
    assert (changed["keyword_templates"], changed["total_chunks"]) == (TEMPLATES, 4)
    refused = client.patch(f"{URL}/{job['id']}", {"keywords": ["x" * 99]}, format="json")
    assert refused.json()["detail"][0]["loc"] == ["body", "keyword_templates", 1]


def test_the_yield_of_each_template_is_told_in_five_queries(
    client: APIClient, owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = factories.started_job(owner=owner, keywords=["fox", "owl"], keyword_templates=TEMPLATES, max_images=10)
    plain, photo, *_ = factories.tasks_of(job)
    chunk = Chunk.objects.get(task=photo)
    factories.image(job, chunk=chunk, query="fox photo", is_valid=True)
    factories.image(job, chunk=chunk, query="fox photo", is_valid=False)
    factories.end(plain, images=3, duplicates=1, outcomes={"stored": 3, "duplicate": 1, "timeout": 2})
    factories.report(photo, images=2, outcomes={"stored": 2})
    with django_assert_num_queries(5):  # Token, user, job, chunks, verdicts.
        body = client.get(f"{URL}/{job.pk}/templates").json()
    assert body == {
        "job_id": job.pk,
        "items": [
            {
                "template": "{keyword}", "chunks": 2, "asked": 20, "found": 6, "stored": 3, "duplicates": 1,
                "failed": 2, "valid": 0,
            },
            {
                "template": "{keyword} photo", "chunks": 2, "asked": 20, "found": 2, "stored": 2, "duplicates": 0,
                "failed": 0, "valid": 1,
            },
        ],
    }  # fmt: skip
    images = client.get(f"{URL}/{job.pk}/images").json()["items"]
    assert {(one["keyword"], one["query"]) for one in images} == {("fox", "fox photo")}


def test_only_the_owner_sees_it(stranger: APIClient, owner: User) -> None:
    assert stranger.get(f"{URL}/{factories.job(owner=owner).pk}/templates").status_code == 403
