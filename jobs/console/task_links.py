"""Ways from a task of the ledger to the job or validation run that it belongs to."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import reverse

from jobs.models import CrawlJob, ValidationRun
from tasktypes.console.links import Link, register_links
from tasktypes.models import Task


def job_link(job: CrawlJob) -> Link:
    """Return the page of a job."""
    return Link("Crawl job", job.name, reverse("admin:jobs_crawljob_change", args=[job.pk]))


@register_links
def owner_objects(task: Task) -> Iterator[Link]:
    """Yield the job, and the validation run, of a task's group."""
    if task.group_id is None:
        return
    job = CrawlJob.objects.filter(group_id=task.group_id).first()
    if job is not None:
        yield job_link(job)
        return
    run = ValidationRun.objects.select_related("job").filter(group_id=task.group_id).first()
    if run is not None:
        yield Link("Validation run", f"{run}", reverse("admin:jobs_validationrun_change", args=[run.pk]))
        yield job_link(run.job)
