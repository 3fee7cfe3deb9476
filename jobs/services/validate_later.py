"""Validating a job's images when its crawl has ended: a held task that the end of the crawl lets go."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction

from jobs.models import CrawlJob, JobStatus, Level
from jobs.services.validation import start_validation
from pixtasks.accounts.models import User
from pixtasks.common.errors import NotFound
from tasktypes.handlers import Context
from tasktypes.models import Task
from tasktypes.services.submit import NewTask, release, submit

VALIDATE_LATER: Final = "jobs.validate_when_crawled"
"""Name of the handler that starts the validation."""


def validate_when_crawled(job: CrawlJob, level: Level, *, user: User) -> Task:
    """Have the images of a job that has just been started validated when its crawl has ended.

    It is no part of the job's group, so the job reads as completed before it runs. Call it in the transaction that
    starts the job.
    """
    parameters = {"job_id": job.pk, "level": level.value}
    new = NewTask(type_name=VALIDATE_LATER, parameters=parameters, public_id=_public_id(job.pk), held=True)
    return submit([new], owner_id=user.pk)[0]


def release_validation(group_id: int) -> None:
    """Let the validation of the job of a group go; inside the transaction that settled the group."""
    job_id = CrawlJob.objects.filter(group_id=group_id).values_list("pk", flat=True).first()
    if job_id is not None:
        _release(job_id)


def drop_validation(job_id: int) -> None:
    """Let the task of a job that is being deleted go: it finds nothing and ends, instead of waiting for ever."""
    _release(job_id)


def validate_now(job_id: int, level: Level, context: Context) -> dict[str, Any]:
    """Start the validation of a job whose crawl has ended; once, also where a worker died over it.

    Returns:
        ``run_id`` and ``images``; or ``skipped``: why there is nothing to validate.
    """
    if context.task.state:
        return dict(context.task.state)
    job = CrawlJob.objects.with_group().filter(pk=job_id).first()
    if job is None:
        return {"skipped": "the job was deleted"}
    if job.status == JobStatus.CANCELLED:
        return {"skipped": "the job was cancelled"}
    outcome: dict[str, Any] = {}

    def write() -> tuple[dict[str, Any], dict[str, Any]]:
        run = start_validation(job, level, job.project.owner).run
        outcome.update(run_id=run.pk, images=run.images_count)
        return {"done": 1, "target": 1}, dict(outcome)

    try:
        context.store(write)
    except NotFound:
        return {"skipped": "the job has no images"}
    return outcome


def _release(job_id: int) -> None:
    with transaction.atomic():
        waiting = Task.objects.filter(public_id=_public_id(job_id)).values_list("pk", flat=True).first()
        if waiting is not None:
            release(waiting)


def _public_id(job_id: int) -> str:
    return f"validate_{job_id}"
