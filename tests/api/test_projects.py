"""``/api/v1/projects`` (CONTRACT J46, J30, X23)."""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from jobs.models import CrawlJob, Project
from pixtasks.accounts.models import AuditEntry, User
from tasktypes.models import Task
from tests import factories

URL = "/api/v1/projects"


def test_a_project_is_created_with_a_slug_made_from_its_name(client: APIClient, owner: User) -> None:
    response = client.post(URL, {"name": "  Office   machines "}, format="json")
    assert response.status_code == 201
    body = response.json()
    assert list(body) == [
        "id", "name", "slug", "description", "owner", "jobs", "license_policy", "created_at", "updated_at",
    ]  # fmt: skip
    assert (body["name"], body["slug"], body["description"]) == ("Office machines", "office-machines", "")
    assert (body["owner"], body["jobs"]) == (owner.email, 0)
    assert body["created_at"].endswith("Z") and len(body["created_at"]) == 20
    assert Project.objects.get(pk=body["id"]).owner == owner


def test_a_second_project_of_the_same_name_gets_another_slug(client: APIClient) -> None:
    slugs = [client.post(URL, {"name": "Cats"}, format="json").json()["slug"] for _ in range(3)]
    assert slugs == ["cats", "cats-2", "cats-3"]


def test_a_given_slug_that_is_taken_is_a_conflict(client: APIClient) -> None:
    factories.project(slug="cats")
    response = client.post(URL, {"name": "Mine", "slug": "cats"}, format="json")
    assert (response.status_code, response.json()) == (
        409,
        {"detail": "The slug 'cats' is taken; choose another"},
    )


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, ["body", "name"], "value_error.missing"),
        ({"name": "  "}, ["body", "name"], "value_error.any_str.min_length"),
        ({"name": "x" * 201}, ["body", "name"], "value_error.any_str.max_length"),
        ({"name": 5}, ["body", "name"], "type_error.str"),
        ({"name": None}, ["body", "name"], "type_error.none.not_allowed"),
        ({"name": "x", "slug": "No Slug"}, ["body", "slug"], "value_error.str.regex"),
        ({"name": "x", "owner": 1}, ["body", "owner"], "value_error.extra"),
        ({"name": "x", "jobs": 1}, ["body", "jobs"], "value_error.extra"),
        ([], ["body"], "type_error.dict"),
    ],
)
def test_a_wrong_body_is_answered_with_every_fault(client: APIClient, body: object, loc: list[str], kind: str) -> None:
    response = client.post(URL, body, format="json")
    assert response.status_code == 422
    assert [(fault["loc"], fault["type"]) for fault in response.json()["detail"]] == [(loc, kind)]
    assert not Project.objects.exists()


def test_the_list_holds_ones_own_projects_newest_first_by_page(client: APIClient, owner: User) -> None:
    mine = [factories.project(owner) for _ in range(3)]
    factories.project()
    response = client.get(URL, {"page": 2, "page_size": 2})
    body = response.json()
    assert list(body) == ["items", "total", "page", "page_size"]
    assert (body["total"], body["page"], body["page_size"]) == (3, 2, 2)
    assert [item["id"] for item in body["items"]] == [mine[0].pk]


def test_staff_see_everybodys_projects(staff: APIClient) -> None:
    factories.project()
    assert staff.get(URL).json()["total"] == 1


@pytest.mark.parametrize("query", ["page=0", "page=abc", "page_size=101", "page_size=0", "page=99999999999999999999"])
def test_a_page_that_cannot_be_is_a_422(client: APIClient, query: str) -> None:
    response = client.get(f"{URL}?{query}")
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", query.partition("=")[0]]


def test_a_longer_list_asks_the_database_no_more_often(
    client: APIClient, owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        mine = factories.project(owner)
        for _ in range(number):
            factories.job(mine)
        if number in {0, 4}:
            with django_assert_num_queries(5):  # Token, user, rows, total, how many jobs each has.
                items = client.get(URL).json()["items"]
    assert [item["jobs"] for item in items] == [4, 3, 2, 1, 0]


def test_only_what_is_sent_is_changed(client: APIClient, owner: User) -> None:
    mine = factories.project(owner, name="Before", description="kept")
    response = client.patch(f"{URL}/{mine.pk}", {"name": "After"}, format="json")
    assert response.status_code == 200
    assert (response.json()["name"], response.json()["description"]) == ("After", "kept")
    assert client.patch(f"{URL}/{mine.pk}", {}, format="json").json()["name"] == "After"
    assert client.get(f"{URL}/{mine.pk}").json()["name"] == "After"


@pytest.mark.parametrize("body", [{"name": None}, {"name": ""}, {"slug": "other"}, {"owner": "me"}])
def test_a_wrong_change_changes_nothing(client: APIClient, owner: User, body: dict[str, object]) -> None:
    mine = factories.project(owner, name="Before")
    assert client.patch(f"{URL}/{mine.pk}", body, format="json").status_code == 422
    mine.refresh_from_db()
    assert (mine.name, mine.owner) == ("Before", owner)


def test_deleting_a_project_cancels_and_deletes_its_jobs_and_is_audited(client: APIClient, owner: User) -> None:
    running = factories.started_job(owner=owner)
    project_id = running.project_id
    response = client.delete(f"{URL}/{project_id}")
    assert (response.status_code, response.content) == (204, b"")
    assert not CrawlJob.objects.exists() and not Task.objects.exists()
    assert client.get(f"{URL}/{project_id}").status_code == 404
    entry = AuditEntry.objects.get(action="project.deleted")
    assert (entry.actor, entry.object_id, entry.address) == (owner, str(project_id), "127.0.0.1")


def test_an_unknown_project_is_a_404(client: APIClient) -> None:
    for project_id in (10**6, 2**63, 10**30):
        response = client.get(f"{URL}/{project_id}")
        assert (response.status_code, response.json()) == (404, {"detail": "Project not found"})


def test_a_method_that_the_route_does_not_have_is_a_405_in_json(client: APIClient, owner: User) -> None:
    response = client.put(f"{URL}/{factories.project(owner).pk}", {}, format="json")
    assert response.status_code == 405
    assert isinstance(response.json()["detail"], str)
