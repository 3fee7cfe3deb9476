"""A job's page: where it stands, its chunks, its pace, its failures, its log and its newest images."""

from __future__ import annotations

from typing import Any, Final

from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from jobs.console.exports import KINDS
from jobs.console.failures_page import failures_context
from jobs.console.filters import a_job, whole
from jobs.models import CrawlJob, JobStatus, ValidationRun
from jobs.services.job_facts import chunk_grid, failure_classes, pace, refetch_runs
from jobs.services.job_log import job_log
from jobs.services.licenses import licenses_of_job
from jobs.services.progress import job_progress
from jobs.services.queries import newest_shown
from jobs.services.template_yields import template_yields

_STRIP: Final = 12
_RUNS: Final = 5
_SHOWN_KEYWORDS: Final = 12


def page_context(model_admin: ModelAdmin, job: CrawlJob, request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows; the same number of queries for every job."""
    live = live_context(model_admin, job, request)
    return {
        **live,
        **failures_context(job, request, may_retry=live["may_retry"]),
        **grid_context(job, request),
        **log_context(job, request),
        "download": _download(job, request),
        "images": newest_shown(job, _STRIP),
        "gallery_url": gallery_url(job),
        "licenses": licenses_of_job(job),
        "attribution_url": f"{reverse('admin:jobs_crawljob_export', args=[job.pk])}?kind=txt",
        "tasks_url": f"{reverse('admin:tasktypes_task_changelist')}?group={job.group_id}" if job.group_id else "",
        "jobs_url": reverse("admin:jobs_crawljob_changelist"),
        "live_url": reverse("admin:jobs_crawljob_live", args=[job.pk]),
        "audit_url": f"{reverse('admin:accounts_auditentry_changelist')}?q={job.pk}",
        "keywords_shown": job.keywords[:_SHOWN_KEYWORDS],
        "keywords_more": max(0, len(job.keywords) - _SHOWN_KEYWORDS),
        "engine_options": [
            (name, {option: _told(value) for option, value in job.options[name].items()})
            for name in job.engines
            if job.options.get(name)
        ],
    }


def _told(value: Any) -> str:
    """Return the value of an option in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_told, value))
    return str(value)


def live_context(model_admin: ModelAdmin, job: CrawlJob, request: HttpRequest) -> dict[str, Any]:
    """Return what moves while something of the job runs."""
    progress = job_progress(job)
    refetches = refetch_runs(job)
    validations: list[Any] = list(ValidationRun.objects.filter(job=job).select_related("group").order_by("-pk")[:_RUNS])
    for run in validations:
        run.ended = run.group.total - run.group.active
    classes = failure_classes(progress.outcomes, refetches)
    settling = job.group is not None and job.group.settled_at is None
    return {
        "job": job,
        "progress": progress,
        "stopping": settling and job.status == JobStatus.CANCELLED,
        "ended_at": job.group.settled_at if job.group is not None else None,
        "seconds": _seconds(job),
        "pace": pace(job),
        "classes": classes,
        "failures": sum(one.number for one in classes),
        "refetches": refetches,
        "validations": validations,
        "yields": template_yields(job) if job.is_templated else [],
        "may_retry": job.status not in (JobStatus.PENDING, JobStatus.RUNNING)
        and not settling
        and model_admin.has_operate_permission(request),  # type: ignore[attr-defined]
        "retry_url": reverse("admin:jobs_crawljob_retry_failures", args=[job.pk]),
        "failures_url": f"{reverse('admin:jobs_fetchfailure_changelist')}?job={job.pk}",
        "moving": settling
        or any(one.active for one in refetches)
        or any(run.group.settled_at is None for run in validations),
    }


def grid_context(job: CrawlJob, request: HttpRequest) -> dict[str, Any]:
    """Return the page of the grid that the address asks for."""
    first = whole(request.GET.get("first")) or 1
    grid = chunk_grid(job, first=first)
    # Hundreds of squares: one address is looked up, and the others are made like it.
    task_url = reverse("admin:tasktypes_task_change", args=["0"]).replace("/0/", "/{}/")
    return {
        "job": job,
        "grid": grid,
        "rows": [
            (keyword, [(cell, task_url.format(cell.task_id) if cell.task_id else "") for cell in cells])
            for keyword, cells in grid.rows
        ],
        "grid_url": f"{reverse('admin:jobs_crawljob_grid', args=[job.pk])}?first={first}",
    }


def log_context(job: CrawlJob, request: HttpRequest) -> dict[str, Any]:
    """Return the part of the log that the address asks for."""
    before = request.GET.get("before", "")
    return {
        "job": job,
        "log": job_log(job, before=before),
        "log_url": reverse("admin:jobs_crawljob_log", args=[job.pk]),
        "paged": bool(before),
    }


def live_view(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the page's moving part; where nothing moves any more, the page need not ask again."""
    context = live_context(model_admin, a_job(pk), request)
    return _fragment(request, "jobs/console/job_live.html", context, ended=not context["moving"])


def grid_view(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the grid."""
    job = a_job(pk)
    return _fragment(request, "jobs/console/grid.html", grid_context(job, request), ended=_is_over(job))


def log_view(model_admin: ModelAdmin, request: HttpRequest, pk: int) -> HttpResponse:
    """Answer a part of the log."""
    return render(request, "jobs/console/log.html", log_context(a_job(pk), request))


def gallery_url(job: CrawlJob) -> str:
    """Return the address of the job's gallery; of the list of its images where there is no gallery."""
    try:
        return f"{reverse('admin:jobs_image_gallery')}?job={job.pk}"
    except NoReverseMatch:
        return f"{reverse('admin:jobs_image_changelist')}?job={job.pk}"


def _fragment(request: HttpRequest, template: str, context: dict[str, Any], *, ended: bool) -> HttpResponse:
    answer = render(request, template, context)
    if ended:
        answer["X-Live"] = "ended"
    return answer


def _is_over(job: CrawlJob) -> bool:
    return job.group is not None and job.group.settled_at is not None


def _seconds(job: CrawlJob) -> float | None:
    group = job.group
    if job.started_at is None or group is None or group.settled_at is None:
        return None
    return max(0.0, (group.settled_at - job.started_at).total_seconds())


def _download(job: CrawlJob, request: HttpRequest) -> dict[str, str] | None:
    kind = request.GET.get("download", "")
    if kind not in dict(KINDS):
        return None
    return {"kind": kind, "url": f"{reverse('admin:jobs_crawljob_export', args=[job.pk])}?kind={kind}"}
