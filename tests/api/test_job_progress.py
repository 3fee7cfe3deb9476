"""``GET /api/v1/jobs/{id}/progress`` (CONTRACT J18-J22, J37, X01, X02)."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from jobs.models import CrawlJob
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tasktypes.states import State
from tests import factories

KEYS = [
    "job_id", "status", "progress", "total_chunks", "active_chunks", "completed_chunks", "failed_chunks",
    "downloaded_images", "estimated_completion", "started_at", "updated_at",
]  # fmt: skip
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture
def job(owner: User) -> CrawlJob:
    """A running job of ten chunks at a hundred images each."""
    return factories.started_job(owner=owner, keywords=[f"word {n}" for n in range(10)], max_images=100)


def progress(client: APIClient, job: CrawlJob) -> dict[str, object]:
    response = client.get(f"/api/v1/jobs/{job.pk}/progress")
    assert response.status_code == 200
    body: dict[str, object] = response.json()
    return body


def test_a_pending_job_stands_at_nothing(client: APIClient, owner: User) -> None:
    """CONTRACT J18."""
    pending = factories.job(owner=owner, keywords=["one", "two"])
    body = progress(client, pending)
    assert list(body) == KEYS
    assert STAMP.fullmatch(str(body.pop("updated_at")))
    assert body == {
        "job_id": pending.pk, "status": "pending", "progress": 0, "total_chunks": 2, "active_chunks": 0,
        "completed_chunks": 0, "failed_chunks": 0, "downloaded_images": 0, "estimated_completion": None,
        "started_at": None,
    }  # fmt: skip


def test_after_the_start_all_chunks_are_active(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT J22."""
    body = progress(client, job)
    assert (body["status"], body["active_chunks"], body["total_chunks"]) == ("running", 10, 10)
    assert STAMP.fullmatch(str(body["started_at"]))


def test_the_documented_tuple_can_be_produced(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT J19, X01: 7·100 + 2·25 images, (7 + 2·0.25)/10, nothing ended in the last five minutes."""
    tasks = factories.tasks_of(job)
    for task in tasks[:7]:
        factories.end(task, images=100)
    factories.end(tasks[7], State.FAILED)
    for task in tasks[8:]:
        factories.report(task, images=25)
    Task.objects.filter(pk__in=[task.pk for task in tasks[:8]]).update(
        completed_at=timezone.now() - timedelta(minutes=6)
    )
    body = progress(client, job)
    assert {key: body[key] for key in KEYS[1:9]} == {
        "status": "running", "progress": 75, "total_chunks": 10, "active_chunks": 2, "completed_chunks": 7,
        "failed_chunks": 1, "downloaded_images": 750, "estimated_completion": None,
    }  # fmt: skip


def test_chunks_that_reported_nothing_add_nothing(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT J37, X01: 10 chunks, 7 completed, 1 failed, 2 active are 70 percent."""
    tasks = factories.tasks_of(job)
    for task in tasks[:7]:
        factories.end(task, images=100)
    factories.end(tasks[7], State.FAILED)
    assert progress(client, job)["progress"] == 70


def test_the_estimate_is_a_time_to_come_once_something_has_ended(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT J20."""
    factories.end(factories.tasks_of(job)[0], images=100)
    CrawlJob.objects.filter(pk=job.pk).update(started_at=timezone.now() - timedelta(seconds=60))
    estimate = str(progress(client, job)["estimated_completion"])
    told = client.get(f"/api/v1/jobs/{job.pk}/progress").headers
    assert told["X-Estimated-Earliest"] < estimate < told["X-Estimated-Latest"]
    assert STAMP.fullmatch(estimate)
    assert estimate > timezone.now().isoformat()


@pytest.mark.parametrize(
    ("states", "status", "percent"),
    [
        ([State.COMPLETED] * 10, "completed", 100),
        ([State.COMPLETED] * 9 + [State.FAILED], "completed", 90),
        ([State.FAILED] * 10, "failed", 0),
    ],
)
def test_a_job_that_has_ended_says_so(
    client: APIClient, job: CrawlJob, states: list[State], status: str, percent: int
) -> None:
    """CONTRACT J21, X02: the status ends the loop, not 100 percent."""
    for task, state in zip(factories.tasks_of(job), states, strict=True):
        factories.end(task, state, images=0)
    body = progress(client, job)
    assert (body["status"], body["progress"], body["active_chunks"]) == (status, percent, 0)
    assert body["estimated_completion"] is None
    assert "X-Poll-Interval" not in client.get(f"/api/v1/jobs/{job.pk}/progress").headers


def test_after_a_cancel_the_job_reads_cancelled_at_once(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT X01, J21."""
    factories.report(factories.tasks_of(job)[0], images=3)
    client.post(f"/api/v1/jobs/{job.pk}/cancel")
    body = progress(client, job)
    assert (body["status"], body["downloaded_images"], body["estimated_completion"]) == ("cancelled", 3, None)


def test_a_running_job_says_how_often_to_ask(client: APIClient, job: CrawlJob) -> None:
    """CONTRACT J41."""
    assert client.get(f"/api/v1/jobs/{job.pk}/progress").headers["X-Poll-Interval"] == "5"


def test_more_chunks_ask_the_database_no_more_often(
    client: APIClient, owner: User, job: CrawlJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    small = factories.started_job(owner=owner)
    factories.report(factories.tasks_of(small)[0], images=1)
    for task in factories.tasks_of(job)[:8]:
        factories.report(task, images=1)
    for running in (small, job):
        with django_assert_num_queries(4):  # Token, user, job with group, tasks that have reported.
            progress(client, running)
