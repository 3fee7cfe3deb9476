"""Validation runs: batches, verdicts, counters, the last step of a slow run."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from jobs.models import CrawlJob, Image, Issue, Level, Project, Verdict
from jobs.services.crawl_jobs import start_job
from jobs.services.validation import start_validation, summary
from pixtasks.accounts.models import User
from pixtasks.common.errors import NotFound
from pixtasks.common.sql import database_now
from tasktypes.models import Task
from tasktypes.services import execute
from tasktypes.services.audit import counter_mismatches
from tasktypes.services.sweep import sweep_lost
from tests.images import broken_images, encode, photos
from tests.jobs.conftest import urls_job
from tests.ledger import run_all
from tests.picture_server import PictureServer


@pytest.fixture
def job(project: Project, web: PictureServer, settings: Any) -> CrawlJob:
    """Forty good pictures, and whatever of the broken ones still passes for an image."""
    settings.PIXTASKS_VALIDATION_BATCH_SIZE = 20
    for name, data in broken_images().items():
        web.pictures[f"/broken/{name}"] = data
    job = urls_job(project, web.urls)
    start_job(job)
    run_all()
    return CrawlJob.objects.with_group().get(pk=job.pk)


def counted(job: CrawlJob) -> tuple[int, int]:
    job.refresh_from_db()
    images = Image.objects.filter(job=job)
    assert job.valid_images == images.filter(is_valid=True).count()
    assert job.invalid_images == images.filter(is_valid=False).count()
    return job.valid_images, job.invalid_images


def test_a_hundred_images_are_three_tasks_with_the_documented_names(
    project: Project, ann: User, settings: Any, web: PictureServer
) -> None:
    job = urls_job(project, web.urls)
    start_job(job)
    run_all()
    settings.PIXTASKS_VALIDATION_BATCH_SIZE = 16  # 40 images as 100 images in batches of 40.
    first = start_validation(job, Level.MEDIUM, ann)
    second = start_validation(job, Level.FAST, ann)
    assert first.task_ids == [f"task_{job.pk}_{n}" for n in range(3)]
    assert second.task_ids == [f"task_{job.pk}_{n}" for n in range(3, 6)]
    assert first.run.images_count == 40
    assert Task.objects.filter(public_id__in=first.task_ids, type_name="jobs.validate_images_medium").count() == 3


def test_a_job_without_images_cannot_be_validated(project: Project, ann: User) -> None:
    job = urls_job(project, ["http://127.0.0.1/x.jpg"])
    with pytest.raises(NotFound, match=f"No images found for job {job.pk}"):
        start_validation(job, Level.FAST, ann)


def test_each_level_leaves_one_verdict_per_image_and_the_counters_are_exact(job: CrawlJob, ann: User) -> None:
    total = Image.objects.filter(job=job).count()
    assert total > 45
    for number, level in enumerate(Level, start=1):
        start_validation(job, level, ann)
        run_all()
        assert Verdict.objects.filter(image__job=job, level=level).count() == total
        assert Verdict.objects.filter(image__job=job).count() == number * total
        assert sum(counted(job)) == total
    valid, invalid = counted(job)
    assert valid >= 40
    assert invalid >= 5
    found = summary(job)
    assert (found["images"], found["valid"], found["invalid"], found["unchecked"]) == (total, valid, invalid, 0)
    assert found["levels"]["slow"]["images"] == total
    assert {"truncated", "too_small", "blank", "animated"} <= set(found["issues"])


def test_an_image_is_invalid_if_any_level_found_it_so(job: CrawlJob, ann: User) -> None:
    start_validation(job, Level.MEDIUM, ann)
    run_all()
    before = counted(job)
    start_validation(job, Level.FAST, ann)  # Sees less, and must not make a truncated image valid again.
    run_all()
    assert counted(job) == before


def test_a_second_run_of_a_level_replaces_the_first(job: CrawlJob, ann: User) -> None:
    for _ in range(2):
        start_validation(job, Level.SLOW, ann)
        run_all()
    total = Image.objects.filter(job=job).count()
    assert Verdict.objects.filter(image__job=job).count() == total
    assert sum(counted(job)) == total


def test_look_alikes_are_found_across_batches_once_all_of_them_are_hashed(
    project: Project, ann: User, web: PictureServer, settings: Any
) -> None:
    photo = photos()[0]
    web.pictures["/twin/a.jpg"] = encode(photo, "jpeg", quality=90)
    web.pictures["/twin/b.jpg"] = encode(photo, "jpeg", quality=60)
    urls = web.urls
    urls.insert(0, urls.pop(-2))  # The twins are the first and the last: in different batches.
    job = urls_job(project, urls)
    start_job(job)
    run_all()
    settings.PIXTASKS_VALIDATION_BATCH_SIZE = 10
    run = start_validation(job, Level.SLOW, ann).run
    assert run.group.tasks.count() == 6
    held = Task.objects.get(type_name="jobs.find_near_duplicates")
    assert held.due_at is None
    run_all()
    run.group.refresh_from_db()
    assert run.group.settled_at is not None
    first = Image.objects.get(job=job, source_url__endswith="/twin/a.jpg")
    second = Image.objects.get(job=job, source_url__endswith="/twin/b.jpg")
    marked = Issue.objects.filter(kind="near_duplicate", image__in=[first, second])
    assert [issue.image_id for issue in marked] == [max(first.pk, second.pk)]
    assert marked[0].verdict.measurements["near_duplicate_of"] == min(first.pk, second.pk)


class Killed(BaseException):
    """Stands for a process that is gone: nothing catches it and nothing is settled."""


def test_a_batch_that_is_cut_off_before_it_is_settled_counts_nothing_twice(
    job: CrawlJob, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_validation(job, Level.MEDIUM, ann)

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(execute, "settle_patiently", die)
        with pytest.raises(Killed):
            run_all()
    stored = counted(job)
    assert sum(stored) == 20
    Task.objects.filter(status="running").update(lease_expires_at=database_now() - timedelta(seconds=1))
    assert sweep_lost() == 1
    run_all()
    assert sum(counted(job)) == Image.objects.filter(job=job).count()
    assert counter_mismatches() == []
