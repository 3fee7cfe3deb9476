"""Every route of dialect J against a stranger, nobody, and staff (CONTRACT J02, J12, J17, X07, X23).

The routes are read from ``jobs.api.urls``: one that is added without an entry here fails the first test.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from pytest_django import Settings
from rest_framework.test import APIClient

from jobs.api.urls import urlpatterns
from jobs.models import CrawlJob, Image, Project
from pixtasks.accounts.models import User
from tests import factories
from tests.accounts.factories import make_key

DENIED = {"detail": "Access denied to this resource"}
JOB_BODY = {"name": "A job", "keywords": ["cat"], "engines": ["google"]}

# Route, method, body: what belongs to somebody.
OWNED: list[tuple[str, str, Any]] = [
    ("project", "get", None),
    ("project", "patch", {"name": "Mine now"}),
    ("project", "delete", None),
    ("project-jobs", "get", None),
    ("project-jobs", "post", JOB_BODY),
    ("project-licenses", "get", None),
    ("job", "get", None),
    ("job", "patch", {"name": "Mine now"}),
    ("job", "delete", None),
    ("job-plan", "post", None),
    ("job-start", "post", None),
    ("job-cancel", "post", None),
    ("job-stop", "post", None),
    ("job-retry", "post", None),
    ("job-progress", "get", None),
    ("job-chunks", "get", None),
    ("job-templates", "get", None),
    ("job-failures", "get", None),
    ("job-failures-summary", "get", None),
    ("job-retry-failures", "post", {}),
    ("job-images", "get", None),
    ("job-licenses", "get", None),
    ("job-attribution", "get", None),
    ("image", "get", None),
    ("image-file", "get", None),
    ("image-thumbnail", "get", None),
    ("image-release", "post", {"reason": "asked and allowed"}),
    ("image-release", "delete", None),
    ("validation", "get", None),
    ("validation", "post", {"level": "fast"}),
    ("validation-results", "get", None),
]
# What shows one's own only.
COLLECTIONS: list[tuple[str, str, Any]] = [
    ("projects", "get", None),
    ("projects", "post", {"name": "A project"}),
    ("jobs", "get", None),
    ("jobs", "post", {"project_id": 1, **JOB_BODY}),
]
# What belongs to nobody: engines are for everybody to read, the opt-out list is for staff.
SHARED: list[tuple[str, str, Any]] = [
    ("engines", "get", None),
    ("engine", "get", None),
    ("opt-outs", "get", None),
    ("opt-outs", "post", {"kind": "domain", "value": "pictures.example"}),
    ("opt-out", "get", None),
    ("opt-out", "delete", None),
]
HTTP_METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def image(owner: User) -> Image:
    """An image of a running job of the owner."""
    return factories.image(factories.started_job(owner=owner))


def url(route: str, image: Image) -> str:
    if route == "engine":
        return reverse(route, args=["sample"])
    if route == "opt-out":
        return reverse(route, args=[1])
    if route in {name for name, _, _ in COLLECTIONS + SHARED}:
        return reverse(route)
    of_image = {"image", "image-file", "image-thumbnail", "image-release"}
    of_project = {"project", "project-jobs", "project-licenses"}
    if route in of_image:
        return reverse(route, args=[image.pk])
    return reverse(route, args=[image.job.project_id if route in of_project else image.job_id])


def call(client: APIClient, route: str, method: str, body: Any, image: Image) -> Any:
    return getattr(client, method)(url(route, image), body, **({} if method == "get" else {"format": "json"}))


def test_every_route_and_method_stands_in_these_lists() -> None:
    served = {
        (pattern.name, method)
        for pattern in urlpatterns
        for method in HTTP_METHODS
        if hasattr(pattern.callback.view_class, method)
    }
    assert served == {(route, method) for route, method, _ in OWNED + COLLECTIONS + SHARED}


@pytest.mark.parametrize(("route", "method", "body"), OWNED)
def test_somebody_elses_object_is_a_403_and_stays_as_it_is(
    stranger: APIClient, image: Image, route: str, method: str, body: Any
) -> None:
    """CONTRACT J12, X23."""
    before = CrawlJob.objects.values().get(), Project.objects.values().get()
    response = call(stranger, route, method, body, image)
    assert (response.status_code, response.json()) == (403, DENIED)
    assert (CrawlJob.objects.values().get(), Project.objects.values().get()) == before


@pytest.mark.parametrize(("route", "method", "body"), OWNED + COLLECTIONS + SHARED)
def test_without_credentials_every_route_is_a_401(
    image: Image, settings: Settings, route: str, method: str, body: Any
) -> None:
    """CONTRACT J02, X07: the anonymous API does not reach J."""
    settings.PIXTASKS_ANONYMOUS_API = True
    client = factories.anonymous()
    response = call(client, route, method, body, image)
    assert response.status_code == 401
    assert isinstance(response.json()["detail"], str)
    assert response["WWW-Authenticate"].startswith("Bearer")
    client.credentials(HTTP_AUTHORIZATION="Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.e30.x")
    assert call(client, route, method, body, image).status_code == 401


@pytest.mark.parametrize(("route", "method", "body"), OWNED)
def test_staff_may_use_everybodys(staff: APIClient, image: Image, route: str, method: str, body: Any) -> None:
    """CONTRACT X23; 400 is the state of the job speaking, not of the caller."""
    response = call(staff, route, method, body, image)
    assert response.status_code in {200, 201, 204} or (route, response.status_code) in {
        ("job-start", 400),
        ("job-retry", 400),
        ("job-retry-failures", 400),
        ("image-release", 400),
    }


@pytest.mark.parametrize("route", ["projects", "jobs"])
def test_lists_hold_ones_own(client: APIClient, stranger: APIClient, image: Image, route: str) -> None:
    """CONTRACT X23."""
    assert client.get(reverse(route)).json()["total"] == 1
    assert stranger.get(reverse(route)).json() == {"items": [], "total": 0, "page": 1, "page_size": 50}


def test_an_api_key_acts_as_its_owner(owner: User, image: Image) -> None:
    """CONTRACT X07."""
    client = factories.anonymous()
    client.credentials(HTTP_X_API_KEY=make_key(owner)[1])
    assert call(client, "job", "get", None, image).status_code == 200
    client.credentials(HTTP_X_API_KEY=make_key(factories.user())[1])
    assert call(client, "job", "get", None, image).status_code == 403


def test_a_session_needs_the_csrf_token_to_change_anything(owner: User, image: Image) -> None:
    """CONTRACT X07."""
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(owner)
    assert call(client, "job", "get", None, image).status_code == 200
    response = call(client, "job-cancel", "post", None, image)
    assert response.status_code == 403
    assert isinstance(response.json()["detail"], str)
    client.cookies["csrftoken"] = "a" * 32
    client.credentials(HTTP_X_CSRFTOKEN="a" * 32)
    assert call(client, "job-cancel", "post", None, image).status_code == 200


@pytest.mark.parametrize(("route", "method", "body"), OWNED)
def test_an_unknown_object_is_a_404(client: APIClient, image: Image, route: str, method: str, body: Any) -> None:
    """CONTRACT J11, J17."""
    for number in (999_999_999, 2**63, 10**30):
        address = reverse(route, args=[number])
        response = getattr(client, method)(address, body, **({} if method == "get" else {"format": "json"}))
        assert response.status_code == 404
        assert response.json()["detail"] in {"Crawl job not found", "Project not found", "Image not found"}
