"""A source that changed its format: the field that is missing is told wherever a job and its engine are looked at."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from jobs.models import CrawlJob, FetchFailure, Image, Project
from jobs.services.crawl_jobs import create_job, start_job
from pixtasks.accounts.models import User
from tests import factories
from tests.engines.adapters import PAGES, Adapter, adapters
from tests.engines.sources import Source
from tests.ledger import run_all

EACH = [(adapter, *adapter.needed[0]) for adapter in adapters()]


@pytest.fixture(scope="module")
def server() -> Iterator[Source]:
    source = Source()
    yield source
    source.stop()


def crawled(project: Project, adapter: Adapter, server: Source, settings: Any, keyword: str = PAGES) -> CrawlJob:
    """Run a job of one chunk at the server."""
    for name, value in adapter.settings.items():
        setattr(settings, name, value)
    settings.PIXTASKS_ENGINE_ALIASES = {}
    settings.PIXTASKS_ENGINES_ENABLED = [adapter.name]
    settings.PIXTASKS_ENGINE_URLS = {adapter.name: server.origin}
    settings.PIXTASKS_FETCH_ALLOW = [f"127.0.0.1:{server.port}"]
    job = create_job(
        project=project,
        name="foxes",
        keywords=[keyword],
        engines=[adapter.name],
        max_images=5,
        options={adapter.name: dict(adapter.asked.options)},
    )
    start_job(job)
    run_all()
    return CrawlJob.objects.with_group().get(pk=job.pk)


def without(adapter: Adapter, server: Source, part: str, field: str) -> None:
    """Let the server answer with another name for a field of the answer's top level."""
    body = adapter.body(part)
    value = json.loads(body)
    value[f"{field}_renamed"] = value.pop(field)
    changed = json.dumps(value).encode()
    server.play([replace(each, body=changed) if each.body == body else each for each in adapter.replies()])


@pytest.mark.parametrize(("adapter", "part", "field"), EACH, ids=[each[0].name for each in EACH])
def test_a_missing_field_is_named_wherever_one_looks(
    adapter: Adapter, part: str, field: str, project: Project, ann: User, server: Source, settings: Any
) -> None:
    without(adapter, server, part, field)
    job = crawled(project, adapter, server, settings)
    message = f"{adapter.name}: {field} is missing. The source has changed its format; this engine must be adapted."
    task = job.chunks.select_related("task").get().task
    assert (job.status, task.status, task.attempt) == ("failed", "failed", 1)
    assert message in task.error_message
    assert not Image.objects.exists() and not FetchFailure.objects.exists()
    (chunk,) = signed_in(ann).get(f"/api/v1/jobs/{job.pk}/chunks").json()["items"]
    assert message in json.dumps(chunk)
    assert message in signed_in(ann).get(f"/api/v1/engines/{adapter.name}").json()["health"]["last_error"]
    assert message in page(ann, f"/jobs/{job.pk}")
    operator = factories.user(is_staff=True, is_superuser=True)
    assert message in page(operator, reverse("admin:jobs_crawljob_change", args=[job.pk]))
    assert message[:100] in page(operator, reverse("admin:jobs_enginestate_changelist"))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user: User, address: str) -> str:
    answer = signed_in(user).get(address)
    assert answer.status_code == 200, address
    return answer.content.decode()


def test_the_name_of_a_field_is_told_although_it_is_the_keyword(
    project: Project, ann: User, server: Source, settings: Any
) -> None:
    adapter = next(each for each in adapters() if each.name == "openverse")
    without(adapter, server, "", "results")
    crawled(project, adapter, server, settings, keyword="results")
    health = signed_in(ann).get("/api/v1/engines/openverse").json()["health"]
    assert "openverse: results is missing" in health["last_error"]
