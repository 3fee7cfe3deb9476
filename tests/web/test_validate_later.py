"""A validation that was asked for with the job begins when the crawl has ended, once."""

from __future__ import annotations

import pytest

from jobs.models import Level, ValidationRun
from jobs.services.crawl_jobs import cancel_job, delete_job
from jobs.services.validate_later import VALIDATE_LATER, validate_when_crawled
from tasktypes.models import Task
from tasktypes.states import State
from tests import factories
from tests.ledger import run_task

pytestmark = pytest.mark.django_db


def test_it_waits_for_the_last_chunk_and_validates_what_came() -> None:
    job = factories.started_job(keywords=["cat", "dog"])
    factories.image(job)
    validate_when_crawled(job, Level.FAST, user=job.project.owner)
    first, second = factories.tasks_of(job)
    factories.end(first, images=1, outcomes={"stored": 1})
    waiting = Task.objects.get(type_name=VALIDATE_LATER)
    assert waiting.due_at is None, "one chunk still runs"
    factories.end(second)
    waiting.refresh_from_db()
    assert waiting.due_at is not None
    run_task(waiting)
    run = ValidationRun.objects.get(job=job)
    assert (run.level, run.images_count) == (Level.FAST, 1)
    waiting.refresh_from_db()
    assert waiting.status == State.COMPLETED
    assert waiting.result == {"run_id": run.pk, "images": 1}


@pytest.mark.parametrize("how", ["cancelled", "empty", "deleted"])
def test_where_there_is_nothing_to_validate_it_ends_and_says_why(how: str) -> None:
    job = factories.started_job()
    waiting = validate_when_crawled(job, Level.MEDIUM, user=job.project.owner)
    if how == "cancelled":
        factories.image(job)
        cancel_job(job)
    elif how == "empty":
        factories.end_job(job)
    else:
        delete_job(job)
    waiting.refresh_from_db()
    assert waiting.due_at is not None, "it does not wait for ever"
    run_task(waiting)
    waiting.refresh_from_db()
    assert waiting.status == State.COMPLETED
    assert "skipped" in waiting.result
    assert not ValidationRun.objects.exists()
