"""The policy, the overview, the lists and releases over HTTP, and what the lists leave out."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from jobs.models import CrawlJob, Image
from jobs.services import manifest
from jobs.services.dataset import images_of
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tests import factories
from tests.ledger import run_task

pytestmark = pytest.mark.django_db
OPEN = {
    "require_commercial_use": False,
    "require_derivatives": False,
    "allow_share_alike": True,
    "allow_unknown_license": True,
}


@pytest.fixture
def client(owner: User) -> APIClient:
    return factories.client_of(owner)


@pytest.fixture
def strict(client: APIClient, job: CrawlJob) -> CrawlJob:
    """The job after its project has come to require commercial use."""
    body = {"license_policy": {"require_commercial_use": True}}
    assert client.patch(f"/api/v1/projects/{job.project_id}", body, format="json").status_code == 200
    run_task(Task.objects.get(type_name="jobs.judge_licenses"))
    return job


def shown(client: APIClient, job: CrawlJob, query: str = "") -> list[str]:
    """Return the licences of the images that a list holds."""
    response = client.get(f"/api/v1/jobs/{job.pk}/images{query}")
    assert response.status_code == 200, response.content
    return [item["license"] for item in response.json()["items"]]


def test_a_project_is_made_with_a_policy_and_lets_everything_pass_without_one(client: APIClient) -> None:
    made = client.post("/api/v1/projects", {"name": "Open"}, format="json")
    assert (made.status_code, made.json()["license_policy"]) == (201, OPEN)
    strict = {"name": "Strict", "license_policy": {"allow_unknown_license": False}}
    made = client.post("/api/v1/projects", strict, format="json")
    assert made.json()["license_policy"] == {**OPEN, "allow_unknown_license": False}
    assert (
        client.get(f"/api/v1/projects/{made.json()['id']}").json()["license_policy"]["allow_unknown_license"] is False
    )


def test_a_part_of_a_policy_is_changed_and_the_rest_stays(client: APIClient, job: CrawlJob) -> None:
    place = f"/api/v1/projects/{job.project_id}"
    client.patch(place, {"license_policy": {"require_derivatives": True}}, format="json")
    answer = client.patch(place, {"license_policy": {"allow_share_alike": False}}, format="json")
    assert answer.json()["license_policy"] == {**OPEN, "require_derivatives": True, "allow_share_alike": False}
    assert (
        client.patch(place, {"name": "Renamed"}, format="json").json()["license_policy"]
        == (answer.json()["license_policy"])
    )
    assert Task.objects.filter(type_name="jobs.judge_licenses").count() == 2


@pytest.mark.parametrize("policy", [{"commercial": True}, {"allow_share_alike": "no"}, {"allow_share_alike": 1}, []])
def test_what_is_no_policy_is_refused(client: APIClient, job: CrawlJob, policy: object) -> None:
    answer = client.patch(f"/api/v1/projects/{job.project_id}", {"license_policy": policy}, format="json")
    assert answer.status_code == 422
    assert not Task.objects.filter(type_name="jobs.judge_licenses").exists()


def test_the_list_of_images_leaves_out_what_is_in_quarantine_unless_asked(client: APIClient, strict: CrawlJob) -> None:
    fine = ["CC0", "BY", "BY-SA", "BY-ND", "Museum terms", ""]
    assert shown(client, strict) == shown(client, strict, "?quarantine=none") == fine
    assert shown(client, strict, "?quarantine=any") == ["BY-NC", "BY-NC-ND"]
    assert shown(client, strict, "?quarantine=no_commercial_use") == ["BY-NC", "BY-NC-ND"]
    assert shown(client, strict, "?quarantine=share_alike") == []
    assert len(shown(client, strict, "?quarantine=all")) == 8
    assert client.get(f"/api/v1/jobs/{strict.pk}/images?quarantine=maybe").status_code == 422


def test_an_image_and_its_job_say_so(client: APIClient, strict: CrawlJob) -> None:
    image = Image.objects.get(job=strict, license="BY-NC")
    assert client.get(f"/api/v1/images/{image.pk}").json()["quarantine"] == "no_commercial_use"
    assert client.get(f"/api/v1/jobs/{strict.pk}").json()["quarantined_images"] == 2


def test_nothing_in_quarantine_is_taken_away(strict: CrawlJob) -> None:
    codes = [record["license"] for record in manifest.records(images_of(strict))]
    assert codes == ["CC0", "BY", "BY-SA", "BY-ND", "Museum terms", ""]


def test_the_overview_counts_every_licence_with_what_it_permits(client: APIClient, strict: CrawlJob) -> None:
    factories.image(strict, license="BY")
    found = client.get(f"/api/v1/jobs/{strict.pk}/licenses").json()
    assert (found["images"], found["quarantined"]) == (9, 2)
    assert [(one["license"], one["images"], one["quarantined"]) for one in found["licenses"]] == [
        ("BY", 2, 0),
        ("", 1, 0),
        ("BY-NC", 1, 1),
        ("BY-NC-ND", 1, 1),
        ("BY-ND", 1, 0),
        ("BY-SA", 1, 0),
        ("CC0", 1, 0),
        ("Museum terms", 1, 0),
    ]
    by_code = {one["license"]: one for one in found["licenses"]}
    assert by_code["BY-SA"] == {
        "license": "BY-SA",
        "name": "CC BY-SA",
        "images": 1,
        "quarantined": 0,
        "commercial_use": True,
        "derivatives": True,
        "share_alike": True,
        "attribution": True,
    }
    assert (by_code["Museum terms"]["commercial_use"], by_code[""]["name"]) == (None, "none given")
    other = factories.started_job(strict.project)
    factories.image(other, license="CC0")
    of_project = client.get(f"/api/v1/projects/{strict.project_id}/licenses").json()
    assert (of_project["images"], of_project["quarantined"]) == (10, 2)


def test_the_overview_takes_as_many_queries_for_many_licences_as_for_one(client: APIClient, job: CrawlJob) -> None:
    small = factories.job_with_images(1, owner=job.project.owner)
    with CaptureQueriesContext(connection) as few:
        client.get(f"/api/v1/jobs/{small.pk}/licenses")
    with CaptureQueriesContext(connection) as many:
        client.get(f"/api/v1/jobs/{job.pk}/licenses")
    assert len(few) == len(many)


def test_the_attribution_list_names_who_made_what_under_which_licence(client: APIClient, strict: CrawlJob) -> None:
    Image.objects.filter(job=strict).exclude(license="BY").delete()
    image = Image.objects.get(job=strict)
    Image.objects.filter(pk=image.pk).update(
        title="A fox\n2. Another, by nobody",
        creator="Ann",
        creator_url="https://a.test/ann",
        license_version="4.0",
        license_url="https://creativecommons.org/licenses/by/4.0/",
        page_url="https://a.test/fox",
        source_url="https://a.test/fox.jpg",
    )
    image.refresh_from_db()
    answer = client.get(f"/api/v1/jobs/{strict.pk}/attribution")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert f"job-{strict.pk}-ATTRIBUTION.txt" in answer["Content-Disposition"]
    text = b"".join(answer.streaming_content).decode()
    assert text.splitlines()[2:] == [
        "1. A fox 2. Another, by nobody, by Ann",
        "   Licence: CC BY 4.0",
        "   Licence text: https://creativecommons.org/licenses/by/4.0/",
        "   Creator: https://a.test/ann",
        "   Found on: https://a.test/fox",
        "   Source: https://a.test/fox.jpg",
        f"   File: {manifest.file_name(image)}",
    ]


def test_the_attribution_list_leaves_quarantine_out_and_says_where_nothing_is_known(
    client: APIClient, strict: CrawlJob
) -> None:
    text = b"".join(client.get(f"/api/v1/jobs/{strict.pk}/attribution").streaming_content).decode()
    assert text.count("\n   Source: ") == 6
    assert "NC" not in text
    assert "6. Untitled, by an unknown creator\n   Licence: none given\n" in text
    empty = factories.started_job(strict.project)
    text = b"".join(client.get(f"/api/v1/jobs/{empty.pk}/attribution").streaming_content).decode()
    assert text.endswith("\nThere are no images.\n")


def test_an_image_is_let_out_with_a_reason_and_put_back(client: APIClient, strict: CrawlJob, owner: User) -> None:
    image = Image.objects.get(job=strict, license="BY-NC")
    place = f"/api/v1/images/{image.pk}/release"
    assert client.post(place, {}, format="json").status_code == 422
    made = client.post(place, {"reason": "agreed"}, format="json")
    assert made.status_code == 201
    assert {name: made.json()[name] for name in ("image_id", "quarantine", "released_from", "reason", "by")} == {
        "image_id": image.pk,
        "quarantine": "",
        "released_from": "no_commercial_use",
        "reason": "agreed",
        "by": owner.email,
    }
    assert client.post(place, {"reason": "again"}, format="json").status_code == 400
    assert shown(client, strict, "?quarantine=any") == ["BY-NC-ND"]
    assert client.delete(place).status_code == 204
    assert client.delete(place).status_code == 400
    assert shown(client, strict, "?quarantine=any") == ["BY-NC", "BY-NC-ND"]


def test_nobody_else_sees_or_changes_any_of_it(strict: CrawlJob) -> None:
    stranger = factories.client_of(factories.user())
    image = Image.objects.get(job=strict, license="BY-NC")
    for place in (
        f"/api/v1/jobs/{strict.pk}/licenses",
        f"/api/v1/jobs/{strict.pk}/attribution",
        f"/api/v1/projects/{strict.project_id}/licenses",
    ):
        assert stranger.get(place).status_code == 403
    assert stranger.post(f"/api/v1/images/{image.pk}/release", {"reason": "x"}, format="json").status_code == 403
    assert stranger.delete(f"/api/v1/images/{image.pk}/release").status_code == 403
