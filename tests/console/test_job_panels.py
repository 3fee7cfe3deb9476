"""The panels of a job's page: failures to try again, and what each keyword template brought."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from jobs.models import CrawlJob, RefetchRun
from pixtasks.accounts.models import User
from tasktypes.states import State
from tests import factories
from tests.console.test_jobs_console import LIST, NEW, failed_job, page_of, text_of, wanted

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _static_folder(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def boss() -> User:
    return factories.user(is_staff=True, is_superuser=True)


@pytest.fixture
def client(boss: User) -> Client:
    client = Client()
    client.force_login(boss)
    return client


def test_failures_are_counted_by_class_host_and_time_and_tried_again(client: Client) -> None:
    job = failed_job()
    moment = timezone.now() - timedelta(days=2)
    factories.failure(job, "http_404", url="http://slow.example/a.jpg", created_at=moment)
    CrawlJob.objects.filter(pk=job.pk).update(outcomes={"timeout": 2, "http_404": 2})
    page, url = page_of(job), f"{LIST}{job.pk}/retry-failures/"
    assert "Try 2 candidates again" in text_of(client.get(page))
    assert "Try 4 candidates again" in text_of(client.get(page, {"class": ["timeout", "http_404"]}))
    while_ago = {"class": "http_404", "until": f"{moment + timedelta(days=1):%Y-%m-%dT%H:%M}", "zone": "Europe/Berlin"}
    body = text_of(client.get(page, while_ago))
    assert "Try 1 candidate again" in body
    assert '<option value="slow.example">1</option>' in body
    body = text_of(client.get(page, {"class": "timeout", "host": "slow.example"}))
    assert "Nothing that ended as timeout fits" in body
    assert "Try " not in body.partition('id="failures"')[2].partition("</section>")[0].partition("</h2>")[2]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.console.failures_page._MANY", 3)
        body = text_of(client.get(page))
        assert "These are many" in body and "Try 2 candidates again" not in body
        assert "Try 2 candidates again" in text_of(client.get(page, {"count": "yes"}))
    assert "Write times as a date" in text_of(client.get(page, {"from": "noon"}))
    assert "must be later" in text_of(client.get(page, {"from": "2026-01-02T00:00", "until": "2026-01-01T00:00"}))
    question = text_of(client.get(url, {"class": "timeout,http_404", "host": "SLOW.example"}))
    assert "Retry 1 candidate that ended as http_404?" in question
    assert not RefetchRun.objects.exists()
    sent = {"class": "timeout,http_404", "host": "SLOW.example", "confirmed": "yes"}
    assert client.post(url, sent).status_code == 302
    run = RefetchRun.objects.get()
    assert (run.classes, run.filters, run.failures_count) == (["http_404"], {"host": "slow.example"}, 1)
    body = text_of(client.get(page))
    assert "1 candidate that ended as http_404 at slow.example will be tried again." in body
    assert "Retry of http_404 at slow.example" in body


def test_a_job_asks_in_templates_and_its_page_tells_what_each_brought(client: Client) -> None:
    client.post(NEW, wanted(keyword_templates="{keyword}\n\n {keyword}  photo "))
    job = CrawlJob.objects.with_group().get()
    assert job.keyword_templates == ["{keyword}", "{keyword} photo"]
    first, *_ = factories.tasks_of(job)
    factories.end(first, images=7, outcomes={"stored": 7})
    body = text_of(client.get(page_of(job)))
    assert "Yield by template" in body
    assert '<td data-label="Stored" class="px-number">7</td>' in body
    assert '<th scope="row">red fox photo</th>' in body
    assert "2 keywords × 2 templates × 1 engine" in text_of(client.get(LIST))
    assert "{keyword}\n{keyword} photo</textarea>" in text_of(client.get(f"{NEW}?clone={job.pk}"))
    assert "Yield by template" not in text_of(client.get(page_of(factories.started_job())))
    body = text_of(client.post(NEW, wanted(keyword_templates="a photo")))
    assert "must contain {keyword}" in body


def test_a_job_whose_budget_moves_says_so_and_shows_each_move(client: Client) -> None:
    assert 'name="rebalance"' in text_of(client.get(NEW))
    client.post(NEW, wanted(rebalance="on", keywords="red fox\nbarn owl", max_images="10"))
    job = CrawlJob.objects.with_group().get()
    assert job.rebalance
    first, *_ = factories.tasks_of(job)
    factories.end(first, State.FAILED, images=3, outcomes={"stored": 3})
    body = text_of(client.get(page_of(job)))
    assert "budget of dry chunks moves" in body
    assert "Budget moved" in body
    assert f"7 images from red fox × {job.engines[0]} to barn owl × {job.engines[0]}" in body
    assert "3 images of 3 (at first 10)" in body
    assert re.search('name="rebalance"[^>]*checked', text_of(client.get(f"{NEW}?clone={job.pk}")))
    client.post(NEW, wanted())
    assert not CrawlJob.objects.order_by("pk").reverse()[0].rebalance
