"""``job_status``, ``cancel_job`` and ``validate_job``: they show and do what the services do."""

from __future__ import annotations

import os
import signal
import threading

import pytest
from django.db import connection
from pytest_django import Settings

from jobs.models import CrawlJob, JobStatus, Level, ValidationRun
from jobs.services.progress import job_progress
from jobs.terminal.figures import read_job
from pixtasks.common.running import only_up
from tasktypes.models import Task
from tasktypes.services.cancel import cancel_group
from tasktypes.states import State
from tests import factories
from tests.commands.conftest import run
from tests.ledger import run_all
from tests.processes.tree import wait_for

pytestmark = pytest.mark.django_db


def test_status_of_a_running_job_shows_how_far_it_is_and_that_nobody_works() -> None:
    job = factories.started_job(keywords=["fox", "owl"], max_images=10)
    first, _ = factories.tasks_of(job)
    factories.report(first, images=5, duplicates=1, outcomes={"stored": 5, "duplicate": 1, "http_404": 2})
    ran = run("job_status", str(job.pk))
    assert ran.code == 0
    progress = job_progress(CrawlJob.objects.with_group().get(pk=job.pk))
    assert progress.progress == 25
    assert " 25 %: 0 of 2 chunks completed, 0 failed, 2 to come" in ran.output
    assert "No worker was heard of lately" in ran.output
    row = next(line.split() for line in ran.output.splitlines() if line.startswith(" fox"))
    assert row == ["fox", "urls", "8", "5", "1", "http_404", "2;", "running"]


def test_status_of_a_pending_job_has_no_table() -> None:
    job = factories.job(keywords=["fox", "owl"])
    ran = run("job_status", str(job.pk))
    assert ran.code == 0
    assert f"Job {job.pk} pending: 0 images" in ran.output
    assert "0 of 2 chunks completed" in ran.output
    assert "Crawl" not in ran.output
    assert "No worker" not in ran.output


def test_status_as_json_is_one_object_of_the_documented_shape() -> None:
    job = factories.job_with_images(2, keywords=["fox"], max_images=2)
    factories.failure(job)
    factories.validated(job, Level.FAST)
    shown = run("job_status", str(job.pk), "--json").json
    assert set(shown) == {"job", "chunks", "totals", "validation", "progress"}
    assert shown["job"] == {
        "id": job.pk,
        "name": "A job",
        "project": job.project.slug,
        "status": "completed",
        "keywords": ["fox"],
        "engines": ["urls"],
        "max_images": 2,
        "rebalance": False,
    }
    (chunk,) = shown["chunks"]
    assert {**chunk, "seconds": None} == {
        "keyword": "fox",
        "query": "fox",
        "engine": "urls",
        "backend": "urls",
        "status": "completed",
        "target": 2,
        "found": 2,
        "stored": 2,
        "duplicates": 0,
        "failed": {},
        "valid": 2,
        "invalid": 0,
        "seconds": None,
        "error": None,
    }
    assert set(shown["totals"]) == {
        "found", "stored", "duplicates", "failed", "quarantined", "rows", "bytes", "shared_with_other_jobs", "seconds",
        "images_per_second",
    }  # fmt: skip
    assert shown["totals"]["rows"] == 2
    assert shown["validation"]["levels"] == {"fast": {"images": 2, "valid": 2, "invalid": 0}}
    assert shown["progress"] == {
        "percent": 100,
        "total_chunks": 1,
        "active_chunks": 0,
        "completed_chunks": 1,
        "failed_chunks": 0,
        "downloaded_images": 2,
        "estimated_completion": None,
    }


@pytest.mark.parametrize(("state", "code"), [(State.COMPLETED, 0), (State.FAILED, 1), (State.CANCELLED, 1)], ids=str)
def test_watching_an_ended_job_returns_at_once_with_a_code_that_says_how_it_ended(state: State, code: int) -> None:
    job = factories.end_job(factories.started_job(), state)
    assert run("job_status", str(job.pk), "--watch").code == code
    assert run("job_status", str(job.pk)).code == 0


def test_ctrl_c_while_watching_leaves_the_job_alone() -> None:
    job = factories.started_job()
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    ran = run("job_status", str(job.pk), "--watch")
    timer.join()
    assert ran.code == 130
    assert CrawlJob.objects.with_group().get(pk=job.pk).status == JobStatus.RUNNING


def test_cancel_says_what_was_revoked_and_kept() -> None:
    job = factories.started_job(keywords=["fox", "owl", "elk"])
    first, second, _ = factories.tasks_of(job)
    factories.image(job)
    factories.end(first, images=1, outcomes={"stored": 1})
    factories.report(second, images=0)
    ran = run("cancel_job", str(job.pk))
    assert ran.code == 0
    assert f"Job {job.pk} is cancelled: 2 tasks revoked, 1 image kept, and running chunks still store" in ran.output
    assert CrawlJob.objects.with_group().get(pk=job.pk).status == JobStatus.CANCELLED

    again = run("cancel_job", str(job.pk))
    assert again.code == 1
    assert again.complaint == "Cannot cancel job with status: cancelled"


def test_cancel_of_a_pending_job_revokes_nothing() -> None:
    job = factories.job()
    shown = run("cancel_job", str(job.pk), "--json").json
    assert (shown["revoked_tasks"], shown["job"]["status"]) == (0, "cancelled")


def test_without_workers_validation_is_left_to_those_to_come() -> None:
    job = factories.job_with_images(3)
    ran = run("validate_job", str(job.pk), "--level", "slow")
    assert ran.code == 0
    assert f"Validation (slow) of 3 images is under way as task_{job.pk}_0." in ran.output
    assert "No worker was heard of lately" in ran.output
    run_all()
    assert read_job(job.pk).validation is not None

    shown = run("validate_job", str(job.pk), "--level", "FAST", "--json").json
    assert shown == {"job": job.pk, "level": "fast", "images": 3, "task_ids": [f"task_{job.pk}_1"]}


def test_a_job_without_images_has_nothing_to_validate() -> None:
    job = factories.started_job()
    ran = run("validate_job", str(job.pk), "--level", "fast")
    assert (ran.code, ran.complaint) == (1, f"Job {job.pk} has no images to validate.")


@pytest.mark.django_db(transaction=True)
def test_where_an_up_runs_it_waits_for_the_verdicts_and_shows_them(settings: Settings) -> None:
    settings.PIXTASKS_VALIDATION_BATCH_SIZE = 2
    job = factories.job_with_images(5)

    def work() -> None:
        try:
            wait_for(lambda: ValidationRun.objects.filter(job=job).exists(), "a validation run")
            run_all()
        finally:
            # Were anything left, the command would wait for it.
            for left in ValidationRun.objects.filter(job=job, group__settled_at__isnull=True):
                cancel_group(left.group_id)
            connection.close()

    with only_up() as publish:
        publish("http://127.0.0.1:1")
        worker = threading.Thread(target=work)
        worker.start()
        ran = run("validate_job", str(job.pk), "--level", "slow", "--wait")
        worker.join()
    assert ran.code == 0
    assert "validating (slow): 5 of 5 images" in ran.output
    assert "Validation: 5 valid, 0 invalid of 5 images in " in ran.output
    assert Task.objects.filter(type_name="jobs.validate_images_slow", status=State.COMPLETED).count() == 3
