"""``/api/v1/jobs`` and ``/api/v1/projects/{id}/jobs`` (CONTRACT J46, X25, section 4)."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from jobs.models import CrawlJob, Image
from pixtasks.accounts.models import AuditEntry, User
from tasktypes.models import Task, TaskGroup
from tasktypes.states import State
from tests import factories

URL = "/api/v1/jobs"
KEYS = [
    "id", "project_id", "name", "keywords", "engines", "max_images", "options", "status", "progress", "total_chunks",
    "active_chunks", "completed_chunks", "failed_chunks", "downloaded_images", "duplicate_images", "valid_images",
    "invalid_images", "quarantined_images", "outcomes", "created_at", "updated_at", "started_at", "completed_at",
    "keyword_templates", "rebalance",
]  # fmt: skip


def wanted(**fields: Any) -> dict[str, Any]:
    return {
        "name": "Portable computers",
        "keywords": ["laptop", "computer", "notebook"],
        "engines": ["google", "bing"],
        "max_images": 100,
        **fields,
    }


@pytest.fixture
def body(owner: User) -> dict[str, Any]:
    return wanted(project_id=factories.project(owner).pk)


def test_a_job_is_created_pending_with_every_documented_key(client: APIClient, body: dict[str, Any]) -> None:
    response = client.post(URL, body, format="json")
    assert response.status_code == 201
    job = response.json()
    assert list(job) == KEYS
    assert {key: job[key] for key in body} == body
    assert (job["status"], job["progress"], job["total_chunks"], job["active_chunks"]) == ("pending", 0, 6, 0)
    assert (job["options"], job["outcomes"], job["started_at"], job["completed_at"]) == ({}, {}, None, None)
    assert client.get(f"{URL}/{job['id']}").json() == job


def test_the_nested_route_takes_the_project_from_the_path(client: APIClient, owner: User) -> None:
    """CONTRACT X25."""
    mine = factories.project(owner)
    response = client.post(f"/api/v1/projects/{mine.pk}/jobs", wanted(), format="json")
    assert (response.status_code, response.json()["project_id"]) == (201, mine.pk)
    refused = client.post(f"/api/v1/projects/{mine.pk}/jobs", wanted(project_id=mine.pk), format="json")
    assert refused.status_code == 422
    listed = client.get(f"/api/v1/projects/{mine.pk}/jobs").json()
    assert (listed["total"], listed["items"][0]["id"]) == (1, response.json()["id"])


def test_duplicate_keywords_are_dropped_without_regard_to_case(client: APIClient, body: dict[str, Any]) -> None:
    body |= {"keywords": ["Laptop", "laptop", " LAPTOP ", "old   laptop"], "engines": ["google", "google"]}
    job = client.post(URL, body, format="json").json()
    assert (job["keywords"], job["engines"], job["total_chunks"]) == (["Laptop", "old laptop"], ["google"], 2)


@pytest.mark.parametrize(
    ("change", "loc", "kind"),
    [
        ({"keywords": []}, ["keywords"], "value_error.list.min_items"),
        ({"keywords": [f"word {n}" for n in range(51)]}, ["keywords"], "value_error.list.max_items"),
        ({"keywords": ["a"]}, ["keywords", 0], "value_error.any_str.min_length"),
        ({"keywords": [" a "]}, ["keywords", 0], "value_error.any_str.min_length"),
        ({"keywords": ["ok", "x" * 101]}, ["keywords", 1], "value_error.any_str.max_length"),
        ({"keywords": "laptop"}, ["keywords"], "type_error.list"),
        ({"engines": []}, ["engines"], "value_error.list.min_items"),
        ({"engines": ["google", "altavista"]}, ["engines", 1], "value_error"),
        ({"max_images": 0}, ["max_images"], "value_error.number.not_ge"),
        ({"max_images": 10_001}, ["max_images"], "value_error.number.not_le"),
        ({"max_images": "10"}, ["max_images"], "type_error.integer"),
        ({"max_images": True}, ["max_images"], "type_error.integer"),
        ({"max_images": 1.5}, ["max_images"], "type_error.integer"),
        ({"name": ""}, ["name"], "value_error.any_str.min_length"),
        ({"options": {"urls": {}}}, ["options", "urls"], "value_error"),
        ({"options": []}, ["options"], "type_error.dict"),
        ({"status": "completed"}, ["status"], "value_error.extra"),
        ({"valid_images": 5}, ["valid_images"], "value_error.extra"),
        ({"owner": 5}, ["owner"], "value_error.extra"),
        ({"project_id": -1}, ["project_id"], "value_error.number.not_ge"),
        ({"project_id": "1"}, ["project_id"], "type_error.integer"),
    ],
)
def test_a_wrong_body_names_the_field(
    client: APIClient, body: dict[str, Any], change: dict[str, Any], loc: list[str | int], kind: str
) -> None:
    response = client.post(URL, body | change, format="json")
    assert response.status_code == 422, response.content
    assert [(fault["loc"], fault["type"]) for fault in response.json()["detail"]] == [(["body", *loc], kind)]
    assert not CrawlJob.objects.exists()


@pytest.mark.parametrize("field", ["project_id", "name", "keywords", "engines"])
def test_required_fields_are_required(client: APIClient, body: dict[str, Any], field: str) -> None:
    del body[field]
    response = client.post(URL, body, format="json")
    assert response.json() == {
        "detail": [{"loc": ["body", field], "msg": "field required", "type": "value_error.missing"}]
    }


def test_the_limits_themselves_are_allowed(client: APIClient, body: dict[str, Any]) -> None:
    body |= {"keywords": ["ab", *(f"{n:0100}" for n in range(49))], "max_images": 10_000}
    response = client.post(URL, body, format="json")
    assert (response.status_code, response.json()["total_chunks"]) == (201, 100)
    assert client.post(URL, body | {"max_images": 1}, format="json").status_code == 201


def test_options_are_checked_by_the_engines_own_model(client: APIClient, body: dict[str, Any]) -> None:
    body |= {"engines": ["urls"], "options": {"urls": {"urls": ["https://example.com/a.jpg"]}}}
    response = client.post(URL, body, format="json")
    assert (response.status_code, response.json()["options"]) == (201, body["options"])
    body["options"] = {"urls": {"urls": ["https://example.com/a.jpg"], "colour": "red"}}
    response = client.post(URL, body, format="json")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "options", "urls", "colour"]


@pytest.mark.parametrize("project_id", [10**6, 2**63, 10**40])
def test_an_unknown_project_is_a_404_and_a_foreign_one_a_403(
    client: APIClient, body: dict[str, Any], project_id: int
) -> None:
    response = client.post(URL, body | {"project_id": project_id}, format="json")
    assert (response.status_code, response.json()) == (404, {"detail": "Project not found"})
    response = client.post(URL, body | {"project_id": factories.project().pk}, format="json")
    assert (response.status_code, response.json()) == (403, {"detail": "Access denied to this resource"})


def test_the_list_holds_ones_own_jobs_newest_first_with_filters(client: APIClient, owner: User) -> None:
    first, second = factories.project(owner), factories.project(owner)
    pending = factories.job(first)
    running = factories.started_job(first)
    done = factories.end_job(factories.started_job(second), images=2)
    failed = factories.end_job(factories.started_job(second), State.FAILED)
    factories.job()
    body = client.get(URL).json()
    assert list(body) == ["items", "total", "page", "page_size"]
    assert [item["id"] for item in body["items"]] == [failed.pk, done.pk, running.pk, pending.pk]
    assert [item["status"] for item in body["items"]] == ["failed", "completed", "running", "pending"]
    for job in (pending, running, done, failed):
        found = client.get(URL, {"status": CrawlJob.objects.with_group().get(pk=job.pk).status.value}).json()
        assert [item["id"] for item in found["items"]] == [job.pk]
    assert client.get(URL, {"project_id": second.pk}).json()["total"] == 2
    assert client.get(URL, {"project_id": second.pk, "status": "failed"}).json()["total"] == 1
    assert client.get(URL, {"project_id": 2**63 - 1}).json()["items"] == []
    page = client.get(URL, {"page": 2, "page_size": 3}).json()
    assert ([item["id"] for item in page["items"]], page["total"]) == ([pending.pk], 4)


@pytest.mark.parametrize(
    "query",
    ["status=SUCCESS", "status=", "project_id=x", "project_id=0", "project_id=9223372036854775808", "page_size=1000"],
)
def test_a_filter_that_the_dialect_does_not_know_is_a_422(client: APIClient, query: str) -> None:
    """CONTRACT X05."""
    response = client.get(f"{URL}?{query}")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", query.partition("=")[0]]


def test_a_longer_list_asks_the_database_no_more_often(
    client: APIClient, owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    of = factories.project(owner)
    for number in range(4):
        running = factories.started_job(of, keywords=["one", "two", "three"])
        ended, active, _ = factories.tasks_of(running)
        factories.end(ended, images=3)
        factories.report(active, images=2)
        if number in {0, 3}:
            with django_assert_num_queries(5):  # Token, user, jobs with groups, active tasks, total.
                items = client.get(URL).json()["items"]
            assert {item["downloaded_images"] for item in items} == {5}


def test_the_name_may_change_at_any_time_the_rest_only_while_pending(client: APIClient, owner: User) -> None:
    job = factories.job(owner=owner)
    changed = client.patch(f"{URL}/{job.pk}", {"keywords": ["cat", "dog"], "max_images": 5}, format="json")
    assert changed.status_code == 200
    assert (changed.json()["keywords"], changed.json()["max_images"]) == (["cat", "dog"], 5)
    assert client.post(f"{URL}/{job.pk}/start").status_code == 200
    assert client.patch(f"{URL}/{job.pk}", {"name": "Later"}, format="json").json()["name"] == "Later"
    refused = client.patch(f"{URL}/{job.pk}", {"max_images": 6}, format="json")
    assert (refused.status_code, refused.json()) == (
        400,
        {"detail": "Cannot change max_images of a job with status: running"},
    )


@pytest.mark.parametrize("body", [{"name": None}, {"keywords": []}, {"status": "completed"}, {"project_id": 1}])
def test_a_wrong_change_is_a_422(client: APIClient, owner: User, body: dict[str, Any]) -> None:
    job = factories.job(owner=owner)
    assert client.patch(f"{URL}/{job.pk}", body, format="json").status_code == 422


def test_changing_a_running_job_keeps_its_counters(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner, keywords=["one", "two"])
    factories.end(factories.tasks_of(job)[0], images=7)
    body = client.patch(f"{URL}/{job.pk}", {"name": "Renamed"}, format="json").json()
    assert (body["downloaded_images"], body["completed_chunks"], body["status"]) == (7, 1, "running")


def test_a_completed_job_says_when_it_ended_and_how_its_fetches_did(client: APIClient, owner: User) -> None:
    job = factories.end_job(
        factories.started_job(owner=owner), images=3, duplicates=1, outcomes={"stored": 3, "duplicate": 1, "dns": 2}
    )
    body = client.get(f"{URL}/{job.pk}").json()
    assert (body["status"], body["progress"], body["downloaded_images"], body["duplicate_images"]) == (
        "completed", 100, 3, 1,
    )  # fmt: skip
    assert body["outcomes"] == {"dns": 2, "duplicate": 1, "stored": 3}
    assert body["completed_at"].endswith("Z") and body["started_at"].endswith("Z")


def test_deleting_a_running_job_deletes_all_of_it(client: APIClient, owner: User) -> None:
    job = factories.started_job(owner=owner)
    factories.image(job)
    response = client.delete(f"{URL}/{job.pk}")
    assert (response.status_code, response.content) == (204, b"")
    assert not any(model.objects.exists() for model in (CrawlJob, Task, TaskGroup, Image))
    assert client.delete(f"{URL}/{job.pk}").status_code == 404


def test_what_changes_a_job_is_audited(client: APIClient, owner: User, body: dict[str, Any]) -> None:
    job_id = client.post(URL, body, format="json").json()["id"]
    for action in ("start", "cancel", "retry"):
        assert client.post(f"{URL}/{job_id}/{action}").status_code == 200
    client.delete(f"{URL}/{job_id}")
    entries = AuditEntry.objects.filter(object_type="jobs.crawljob", object_id=str(job_id)).order_by("pk")
    assert [(entry.action, entry.actor_name, entry.address) for entry in entries] == [
        (f"crawl_job.{verb}", owner.email, "127.0.0.1")
        for verb in ("created", "started", "cancelled", "retried", "deleted")
    ]


def test_an_unknown_job_is_a_404_whatever_its_number(client: APIClient) -> None:
    """CONTRACT J11."""
    for job_id in (0, 10**6, 2**63 - 1, 2**63, 10**40):
        response = client.get(f"{URL}/{job_id}")
        assert (response.status_code, response.json()) == (404, {"detail": "Crawl job not found"})


@pytest.mark.parametrize("job_id", ["abc", "-1", "1.5", "9" * 5000])
def test_what_is_no_number_is_a_404_in_json(client: APIClient, job_id: str) -> None:
    response = client.get(f"{URL}/{job_id}")
    assert response.status_code == 404
    assert isinstance(response.json()["detail"], str)


@pytest.mark.parametrize("data", [b"{", b"\xff", b'{"name": NaN}', b'{"name": "\\u0000"}', b'{"a": 1, "a": 2}'])
def test_a_body_that_is_no_json_is_a_422(client: APIClient, data: bytes) -> None:
    response = client.post(URL, data, content_type="application/json")
    assert response.status_code == 422
    assert isinstance(response.json()["detail"], list)
