"""The console's pages of projects, and of what could not be fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from jobs.models import CrawlJob
from pixtasks.accounts.models import User
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/jobs/crawljob/"
NEW = "/admin/jobs/crawljob/new/"
HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def boss() -> User:
    return factories.user(is_staff=True, is_superuser=True)


@pytest.fixture
def client(boss: User, settings: Settings, tmp_path: Path) -> Client:
    settings.STATIC_ROOT = tmp_path
    client = Client()
    client.force_login(boss)
    return client


def failed_job(**fields: Any) -> CrawlJob:
    """Return an ended job with two timeouts and a 404."""
    job = factories.started_job(max_images=10, **fields)
    for outcome in ("timeout", "timeout", "http_404"):
        factories.failure(job, outcome)
    return factories.end_job(job, images=0, outcomes={"timeout": 2, "http_404": 1})


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_a_projects_page_tells_its_totals_and_its_newest_jobs(client: Client) -> None:
    job = factories.job_with_images(3, name="Has three")
    factories.job(job.project, name="Has none")
    body = text_of(client.get(f"/admin/jobs/project/{job.project_id}/change/"))
    assert "Has three" in body
    assert "Has none" in body
    assert f"{LIST}?project={job.project_id}" in body
    assert f"{NEW}?project={job.project.slug}" in body
    listed = text_of(client.get("/admin/jobs/project/"))
    assert f'href="{LIST}?project={job.project_id}">2<' in listed


def test_failures_are_filtered_by_class_and_job(client: Client) -> None:
    job, other = failed_job(), failed_job()
    url = "/admin/jobs/fetchfailure/"
    body = text_of(client.get(url, {"job": job.pk, "outcome": "timeout"}))
    assert body.count('data-colour="danger">timeout<') == 2
    assert "http_404</span>" not in body
    assert f"#{other.pk}" not in body
    assert client.get(url, {"job": "x"}).status_code == 200
    assert client.get(f"/admin/jobs/chunk/?job={job.pk}&state=completed").status_code == 200
