"""What a job's page is made of: its grid, its pace, its log."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs.models import CrawlJob
from jobs.services.crawl_jobs import cancel_job
from jobs.services.job_facts import CELLS, chunk_grid, pace
from jobs.services.job_log import job_log
from tasktypes.models import Task
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/jobs/crawljob/"
NEW = "/admin/jobs/crawljob/new/"
HOSTILE = '<img src=x onerror="alert(1)">'


def fresh(job: CrawlJob) -> CrawlJob:
    return CrawlJob.objects.with_group().get(pk=job.pk)


def test_a_grid_of_thousands_of_chunks_is_shown_in_pages() -> None:
    keywords = [f"word {number}" for number in range(50)]
    engines = [f"engine{number}" for number in range(30)]
    job = CrawlJob.objects.create(
        project=factories.project(), name="large", keywords=keywords, engines=engines, max_images=1
    )
    first = chunk_grid(job)
    assert (first.first, first.last, first.total, first.before, first.after) == (1, 10, 50, None, 11)
    assert sum(len(cells) for _, cells in first.rows) == CELLS
    last = chunk_grid(job, first=41)
    assert (last.first, last.last, last.before, last.after) == (41, 50, 31, None)
    assert [keyword for keyword, _ in last.rows] == keywords[40:]
    assert chunk_grid(job, first=10**9).last == 50


def test_the_pace_is_images_per_minute_of_the_newest() -> None:
    job = factories.job_with_images(8)
    assert pace(factories.job()) is None
    now = timezone.now()
    for number, image in enumerate(job.image_rows.order_by("pk")):
        type(image).objects.filter(pk=image.pk).update(fetched_at=now + timedelta(seconds=10 * number))
    found = pace(job)
    assert found is not None
    assert found.seconds == 70
    assert round(sum(found.values) * 70 / 60 / 40) == 8


def test_the_log_is_paged_without_a_gap_also_where_many_ended_at_once() -> None:
    job = factories.started_job(keywords=[f"word {number}" for number in range(25)])
    cancel_job(job)
    whole = job_log(fresh(job), limit=1000)
    assert len({Task.objects.get(pk=line.task_id).completed_at for line in whole.lines if line.task_id}) == 1
    assert [line.title for line in whole.lines if line.task_id is None][-2:] == ["Started", "Created"]
    read, before = [], ""
    for _ in range(10):
        part = job_log(fresh(job), before=before, limit=7)
        read += part.lines
        before = part.older
        if not before:
            break
    assert [line.place for line in read] == [line.place for line in whole.lines]
    assert len(read) == 28
    assert job_log(fresh(job), before="nonsense").lines == job_log(fresh(job)).lines
