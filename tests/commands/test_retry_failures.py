"""``retry_failures`` shows the classes of a job and has one of them tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import CrawlJob, RefetchRun
from tasktypes.models import Task
from tests import factories
from tests.commands.conftest import run

pytestmark = pytest.mark.django_db


def ended_job() -> int:
    job = factories.started_job(keywords=["fox"], max_images=10)
    factories.failure(job, "timeout")
    factories.failure(job, "timeout")
    factories.failure(job, "http_404")
    factories.end_job(job, images=0, outcomes={"timeout": 2, "http_404": 1})
    return job.pk


def test_without_a_class_it_shows_what_could_be_retried() -> None:
    job_id = ended_job()
    ran = run("retry_failures", str(job_id))
    assert ran.code == 0
    assert "The server answered 404 Not Found." in ran.output
    assert f'"manage.py retry_failures {job_id} --outcome timeout"' in ran.output
    assert run("retry_failures", str(job_id), "--json").json == {
        "job": job_id, "failures": {"http_404": 1, "timeout": 2}
    }  # fmt: skip
    assert not RefetchRun.objects.exists()


def test_a_class_is_tried_again() -> None:
    job_id = ended_job()
    shown = run("retry_failures", str(job_id), "--class", "timeout", "--json").json
    task = Task.objects.get(type_name="jobs.refetch_failures")
    assert shown == {
        "job": job_id, "run": RefetchRun.objects.get().pk, "class": "timeout", "classes": {"timeout": 2},
        "candidates": 2, "task_ids": [task.public_id],
    }  # fmt: skip
    assert run("retry_failures", str(job_id), "--class", "timeout").code == 1
    ran = run("retry_failures", str(job_id), "--class", "http_404")
    assert f"1 candidate of job {job_id} that ended as http_404 is tried again" in ran.output
    assert "No worker was heard of lately" in ran.output


def test_a_job_that_still_runs_is_refused_with_the_reason() -> None:
    job = factories.started_job()
    ran = run("retry_failures", str(job.pk), "--class", "timeout")
    assert ran.code == 1
    assert "wait until it has ended" in ran.complaint


def test_a_dry_run_counts_and_does_nothing() -> None:
    job_id = ended_job()
    shown = run("retry_failures", str(job_id), "--dry-run", "--json").json
    assert shown == {"job": job_id, "candidates": 2, "classes": {"timeout": 2}, "full_chunks": 0, "being_tried": 0}
    ran = run("retry_failures", str(job_id), "--outcome", "timeout", "--outcome", "http_404", "--dry-run")
    assert f"3 candidates of job {job_id} would be tried again." in ran.output
    assert not RefetchRun.objects.exists()
    assert run("retry_failures", str(job_id), "--transient").code == 0
    shown = run("retry_failures", str(job_id), "--dry-run", "--json").json
    assert (shown["candidates"], shown["being_tried"]) == (0, 2)


def test_hosts_and_times_choose_among_the_failures() -> None:
    job_id = ended_job()
    job = CrawlJob.objects.get(pk=job_id)
    now = timezone.localtime()
    early = factories.failure(job, "dns", url="http://Other.example/a.jpg", created_at=now - timedelta(days=2))
    CrawlJob.objects.filter(pk=job_id).update(outcomes={"dns": 1, "timeout": 2, "http_404": 1})

    def candidates(*options: str) -> int:
        number: int = run("retry_failures", str(job_id), "--dry-run", "--json", *options).json["candidates"]
        return number

    assert candidates() == 3
    assert candidates("--host", "other.EXAMPLE") == 1
    assert candidates("--from", f"{now - timedelta(days=3):%Y-%m-%dT%H:%M}", "--until", f"{now:%Y-%m-%d}") == 1
    # A time of day is the last such moment: a minute ahead of now it was yesterday.
    assert candidates("--from", f"{now + timedelta(minutes=1):%H:%M}") == 2
    assert candidates("--outcome", "http_404", "--host", "other.example") == 0
    ran = run("retry_failures", str(job_id), "--host", "other.example")
    assert "1 candidate of job" in ran.output
    assert RefetchRun.objects.get().filters == {"host": "other.example"}
    assert early.pk in Task.objects.get(type_name="jobs.refetch_failures").parameters["failure_ids"]


def test_times_that_cannot_be_are_refused_with_an_example() -> None:
    job_id = ended_job()
    for options in (("--from", "noon"), ("--until", "25:00"), ("--from", "2026-13-01T00:00")):
        ran = run("retry_failures", str(job_id), *options)
        assert ran.code == 1
        assert 'such as "12:04"' in ran.complaint
    ran = run("retry_failures", str(job_id), "--from", "2026-01-02", "--until", "2026-01-01")
    assert "--until must be later than --from" in ran.complaint
