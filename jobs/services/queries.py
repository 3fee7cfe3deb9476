"""What the lists read: one function per list, each with a number of queries that does not grow with its length."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.db.models import Count, Exists, OuterRef, Prefetch, QuerySet, Subquery

from jobs.models import Chunk, CrawlJob, Image, Issue, JobStatus, Project, ValidationRun, Verdict
from jobs.models.job import CrawlJobQuerySet
from jobs.services.access import jobs_of, projects_of
from jobs.services.progress import percentage
from pixtasks.accounts.models import User
from tasktypes.models import Task, TaskGroup
from tasktypes.states import ACTIVE

_RECENT_RUNS = 50
_LATEST = 500


def project_list(user: User) -> QuerySet[Project]:
    """Return the projects that a user sees, newest first."""
    return projects_of(user).order_by("-pk")


def job_counts(projects: Sequence[Project]) -> dict[int, int]:
    """Return how many jobs each project has, by the project's id."""
    rows = CrawlJob.objects.filter(project__in=projects).order_by().values_list("project_id")
    return dict(rows.annotate(number=Count("pk")))


def job_list(user: User, *, project_id: int | None = None, status: JobStatus | None = None) -> QuerySet[CrawlJob]:
    """Return the jobs that a user sees, newest first."""
    jobs = cast(CrawlJobQuerySet, jobs_of(user))
    if project_id is not None:
        jobs = jobs.filter(project_id=project_id)
    if status is not None:
        jobs = jobs.of_status(status)
    return jobs.order_by("-pk")


def jobs_of_project(project: Project) -> QuerySet[CrawlJob]:
    """Return the jobs of a project, newest first."""
    return CrawlJob.objects.with_group().filter(project=project).order_by("-pk")


def chunk_list(job: CrawlJob, *, status: str | None = None) -> QuerySet[Chunk]:
    """Return a job's chunks with their tasks and the job."""
    chunks = Chunk.objects.filter(job=job).select_related("task", "job").defer("task__traceback", "task__state")
    return chunks if status is None else chunks.filter(task__status=status)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFilter:
    """Which images of a job are wanted; None leaves a question open.

    Args:
        checked: False for images that no level has judged yet.
        valid: what all levels that were run add up to (CONTRACT X68).
        issue: something that any level found.
        quarantine: a reason, "any" for all that are in quarantine, "all" for those and the others; "none" leaves out
            what is in quarantine.
    """

    checked: bool | None = None
    valid: bool | None = None
    issue: str | None = None
    keyword: str | None = None
    engine: str | None = None
    format: str | None = None
    quarantine: str = "none"


def newest_images(job: CrawlJob) -> QuerySet[Image]:
    """Return a job's images, the newest first.

    The upper bound keeps PostgreSQL from walking back over every later job's images where it expects this job's among
    them.
    """
    newest = Image.objects.filter(job=job).order_by("-pk").values("pk")[:1]
    return Image.objects.filter(job=job, pk__lte=Subquery(newest)).order_by("-pk")


def newest_shown(job: CrawlJob, number: int) -> list[Image]:
    """Return the newest images of a job that are not in quarantine, from among the latest five hundred."""
    latest = newest_images(job).values_list("pk", "quarantine")[:_LATEST]
    ids = [pk for pk, quarantine in latest if not quarantine][:number]
    return list(Image.objects.filter(pk__in=ids).order_by("-pk"))


def image_list(job: CrawlJob, wanted: ImageFilter) -> QuerySet[Image]:
    """Return a job's images with what was found about each; page them by id."""
    images = Image.objects.filter(job=job).prefetch_related("issues")
    if wanted.checked is not None:
        images = images.filter(is_valid__isnull=not wanted.checked)
    if wanted.valid is not None:
        images = images.filter(is_valid=wanted.valid)
    if wanted.issue is not None:
        images = images.filter(Exists(Issue.objects.filter(image=OuterRef("pk"), kind=wanted.issue)))
    if wanted.quarantine == "any":
        images = images.exclude(quarantine="")
    elif wanted.quarantine != "all":
        images = images.filter(quarantine="" if wanted.quarantine == "none" else wanted.quarantine)
    for field in ("keyword", "engine", "format"):
        value = getattr(wanted, field)
        if value is not None:
            images = images.filter(**{field: value})
    return images


def image_verdicts(image: Image) -> list[Verdict]:
    """Return what each level that was run says of an image."""
    return list(Verdict.objects.filter(image=image).prefetch_related("issues").order_by("level"))


def verdict_list(
    job: CrawlJob, *, level: str | None = None, valid: bool | None = None, issue: str | None = None
) -> QuerySet[Verdict]:
    """Return the verdicts on a job's images; page them by ``(image_id, level)``."""
    verdicts = Verdict.objects.filter(image__job=job).prefetch_related(
        Prefetch("issues", Issue.objects.order_by("kind"))
    )
    if level is not None:
        verdicts = verdicts.filter(level=level)
    if valid is not None:
        verdicts = verdicts.filter(is_valid=valid)
    if issue is not None:
        verdicts = verdicts.filter(Exists(Issue.objects.filter(verdict=OuterRef("pk"), kind=issue)))
    return verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class RunProgress:
    """How far one validation run is; its words are those of a job."""

    run: ValidationRun
    status: JobStatus
    progress: int
    group: TaskGroup
    completed_at: datetime | None


def validation_runs(job: CrawlJob) -> list[RunProgress]:
    """Return the job's latest validation runs, newest first."""
    runs = list(ValidationRun.objects.filter(job=job).select_related("group").order_by("-pk")[:_RECENT_RUNS])
    reported: dict[int, list[tuple[int, int]]] = {}
    unsettled = [run.group_id for run in runs if run.group.settled_at is None]
    rows = (
        Task.objects.filter(group_id__in=unsettled, status__in=ACTIVE, progress__isnull=False).values_list(
            "group_id", "progress"
        )
        if unsettled
        else ()
    )
    for group_id, progress in rows:
        figures = progress or {}
        reported.setdefault(group_id, []).append((figures.get("done", 0), figures.get("images", 0)))
    return [
        RunProgress(
            run=run,
            status=run_status(run.group),
            progress=percentage(
                total=run.group.total, completed=run.group.completed, active=reported.get(run.group_id, ())
            ),
            group=run.group,
            completed_at=run.group.settled_at,
        )
        for run in runs
    ]


def run_status(group: TaskGroup) -> JobStatus:
    """Return what a run reads as, by the rules of a job (CONTRACT X02)."""
    if group.cancelled_at is not None:
        return JobStatus.CANCELLED
    if group.settled_at is None:
        return JobStatus.RUNNING
    if group.completed:
        return JobStatus.COMPLETED
    return JobStatus.FAILED if group.failed else JobStatus.CANCELLED
