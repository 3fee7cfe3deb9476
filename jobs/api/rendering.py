"""Rows become bodies of dialect J. Nothing here asks the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.urls import reverse

from jobs.api import failure_schemas, schemas
from jobs.fetch.outcomes import is_transient
from jobs.models import Chunk, CrawlJob, FetchFailure, Image, Level, Project, QuarantineRelease, Verdict
from jobs.services.failures import FailureSummary
from jobs.services.licenses import LicenseOverview
from jobs.services.meanings import outcome_meaning
from jobs.services.progress import JobProgress
from jobs.services.queries import RunProgress
from jobs.services.template_yields import TemplateYield
from jobs.services.validation import StartedRun
from jobs.validators import Issue as IssueKind
from tasktypes.states import State

_DESCRIPTIONS = {kind.value: kind.description for kind in IssueKind}


def project(row: Project, jobs: int) -> schemas.Project:
    """Return a project; ``jobs`` is how many it has."""
    return schemas.Project(
        id=row.pk,
        name=row.name,
        slug=row.slug,
        description=row.description,
        owner=row.owner.email,
        jobs=jobs,
        license_policy=schemas.LicensePolicy(**asdict(row.license_policy)),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def job(row: CrawlJob, figures: JobProgress) -> schemas.Job:
    """Return a job, fetched with its group."""
    return schemas.Job(
        id=row.pk,
        project_id=row.project_id,
        name=row.name,
        keywords=row.keywords,
        engines=row.engines,
        max_images=row.max_images,
        options=row.options,
        status=figures.status,
        progress=figures.progress,
        total_chunks=figures.total_chunks,
        active_chunks=figures.active_chunks,
        completed_chunks=figures.completed_chunks,
        failed_chunks=figures.failed_chunks,
        downloaded_images=figures.downloaded_images,
        duplicate_images=figures.duplicate_images,
        valid_images=row.valid_images,
        invalid_images=row.invalid_images,
        quarantined_images=row.quarantined_images,
        outcomes=figures.outcomes,
        created_at=row.created_at,
        updated_at=figures.updated_at,
        started_at=row.started_at,
        completed_at=row.group.settled_at if row.group is not None else None,
        keyword_templates=row.keyword_templates,
        rebalance=row.rebalance,
    )


def progress(figures: JobProgress) -> schemas.JobProgress:
    """Return how far a job is (CONTRACT J18)."""
    return schemas.JobProgress(
        job_id=figures.job_id,
        status=figures.status,
        progress=figures.progress,
        total_chunks=figures.total_chunks,
        active_chunks=figures.active_chunks,
        completed_chunks=figures.completed_chunks,
        failed_chunks=figures.failed_chunks,
        downloaded_images=figures.downloaded_images,
        estimated_completion=figures.estimated_completion,
        started_at=figures.started_at,
        updated_at=figures.updated_at,
    )


def chunk(row: Chunk, own: Mapping[str, Any] | None = None) -> schemas.Chunk:
    """Return a chunk, fetched with its task and job.

    Args:
        own: its figures, where its task does other chunks besides.
    """
    task = row.task
    figures = (task.progress or {}) if own is None else own
    return schemas.Chunk(
        id=row.pk,
        keyword=row.keyword,
        template=row.template,
        query=row.query,
        engine=row.engine,
        backend=row.backend,
        status=State(task.status),
        task_id=task.public_id,
        images=figures.get("images", 0),
        duplicates=figures.get("duplicates", 0),
        target=row.wanted,
        original_target=row.job.max_images,
        outcomes=figures.get("outcomes", {}),
        retries=task.retries,
        error=task.error_message,
        created_at=task.created_at,
        started_at=task.started_at,
        completed_at=task.completed_at,
    )


def failure(row: FetchFailure) -> schemas.Failure:
    """Return a failure, fetched with its chunk."""
    return schemas.Failure(
        chunk_id=row.chunk_id,
        keyword=row.chunk.keyword,
        engine=row.chunk.engine,
        rank=row.rank,
        url=row.url,
        host=row.host,
        outcome=row.outcome,
        detail=row.detail,
        attempts=row.attempts,
        next_eligible_at=row.next_eligible_at,
        created_at=row.created_at,
    )


def licenses(overview: LicenseOverview) -> schemas.Licenses:
    """Return what licences there are."""
    return schemas.Licenses(
        images=overview.images,
        quarantined=overview.quarantined,
        licenses=[
            schemas.LicenseUse(
                license=one.code,
                name=one.name,
                images=one.images,
                quarantined=one.quarantined,
                commercial_use=one.terms.commercial if one.terms else None,
                derivatives=one.terms.derivatives if one.terms else None,
                share_alike=one.terms.share_alike if one.terms else None,
                attribution=one.terms.attribution if one.terms else None,
            )
            for one in overview.licenses
        ],
    )


def failure_summary(job_id: int, counted: FailureSummary) -> failure_schemas.FailureSummary:
    """Return the failures of a job by class and by host."""
    return failure_schemas.FailureSummary(
        job_id=job_id,
        failures=counted.failures,
        eligible=counted.eligible,
        next_eligible_at=counted.next_eligible_at,
        classes=[
            failure_schemas.FailureClass(
                outcome=one.name,
                description=outcome_meaning(one.name),
                transient=is_transient(one.name),
                failures=one.failures,
                eligible=one.eligible,
                next_eligible_at=one.next_eligible_at,
            )
            for one in counted.classes
        ],
        hosts=[
            failure_schemas.FailureHost(
                host=one.name,
                failures=one.failures,
                eligible=one.eligible,
                next_eligible_at=one.next_eligible_at,
            )
            for one in counted.hosts
        ],
    )


def release(row: QuarantineRelease, quarantine: str) -> schemas.Release:
    """Return a release that was made by the caller, and what its image is in quarantine for now."""
    return schemas.Release(
        image_id=row.image_id,
        quarantine=quarantine,
        released_from=row.quarantine,
        reason=row.reason,
        by=row.by.email if row.by is not None else "",
        created_at=row.created_at,
    )


def template_yields(job_id: int, yields: Sequence[TemplateYield]) -> schemas.TemplateYields:
    """Return what each template of a job brought."""
    return schemas.TemplateYields(job_id=job_id, items=[schemas.TemplateYield(**asdict(one)) for one in yields])


def image(row: Image) -> schemas.ImageSummary:
    """Return an image, fetched with its issues."""
    return schemas.ImageSummary(**_image_fields(row))


def image_with_verdicts(row: Image, verdicts: Sequence[Verdict]) -> schemas.Image:
    """Return an image and what each level says of it, fetched with their issues."""
    return schemas.Image(**_image_fields(row), verdicts=[schemas.ImageVerdict(**_verdict(one)) for one in verdicts])


def result(row: Verdict) -> schemas.ValidationResult:
    """Return a verdict, fetched with its issues."""
    return schemas.ValidationResult(image_id=row.image_id, **_verdict(row))


def validation_started(started: StartedRun) -> schemas.ValidationStarted:
    """Return what a validation that was started looks like (CONTRACT J25)."""
    count = started.run.images_count
    return schemas.ValidationStarted(
        job_id=started.run.job_id,
        images_count=count,
        validation_level=Level(started.run.level),
        task_ids=started.task_ids,
        message=f"Validation started for {count} images",
    )


def validation_summary(job_id: int, counts: dict[str, Any], runs: Sequence[RunProgress]) -> schemas.ValidationSummary:
    """Return the counts of ``services.validation.summary`` and the runs."""
    return schemas.ValidationSummary(
        job_id=job_id,
        images=counts["images"],
        valid=counts["valid"],
        invalid=counts["invalid"],
        unchecked=counts["unchecked"],
        levels={level: schemas.LevelCounts(**figures) for level, figures in counts["levels"].items()},
        issues=[
            # A validator of another package may find what this product has no sentence for.
            schemas.IssueCount(issue=kind, description=_DESCRIPTIONS.get(kind, ""), images=number)
            for kind, number in counts["issues"].items()
        ],
        runs=[_run(one) for one in runs],
    )


def _image_fields(row: Image) -> dict[str, Any]:
    same = (
        "job_id", "chunk_id", "sha256", "format", "width", "height", "bytes", "content_type", "source_url", "page_url",
        "title", "creator", "creator_url", "license", "license_version", "license_url", "attribution", "keyword",
        "external_id", "tags", "engine", "backend", "rank", "fetched_at", "is_valid", "quarantine",
        "decision", "label",
    )  # fmt: skip
    return {
        "id": row.pk,
        **{name: getattr(row, name) for name in same},
        # Images of before there were templates hold no question: it was the keyword.
        "query": row.query or row.keyword,
        "issues": sorted({issue.kind for issue in row.issues.all()}),
        "file_url": reverse("image-file", args=[row.pk]),
        "thumbnail_url": reverse("image-thumbnail", args=[row.pk]),
    }


def _verdict(row: Verdict) -> dict[str, Any]:
    return {
        "level": row.level,
        "is_valid": row.is_valid,
        "issues": sorted(issue.kind for issue in row.issues.all()),
        "measurements": row.measurements,
        "created_at": row.created_at,
    }


def _run(one: RunProgress) -> schemas.ValidationRunState:
    return schemas.ValidationRunState(
        id=one.run.pk,
        level=Level(one.run.level),
        status=one.status,
        progress=one.progress,
        images_count=one.run.images_count,
        total_tasks=one.group.total,
        active_tasks=one.group.active,
        completed_tasks=one.group.completed,
        failed_tasks=one.group.failed,
        created_at=one.run.created_at,
        completed_at=one.completed_at,
    )
