"""What is known of a job, read from the database at one moment."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Sum
from django.utils import timezone

from jobs.models import Chunk, CrawlJob, Image, JobStatus, ValidationRun
from jobs.models.job import fill_template
from jobs.services.chunks import shared_figures
from jobs.services.crawl_jobs import DOWNLOAD
from jobs.services.validation import summary
from jobs.validators import Thresholds
from tasktypes.models import Task, TaskGroup
from tasktypes.states import ACTIVE, TERMINAL, State

KEPT_CLASSES = ("stored", "duplicate")
"""Outcomes that are no failure: the bytes are in the job, from here or from elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkFigures:
    """One keyword in one template at one engine.

    Attributes:
        query: what the engine was asked: the keyword in its template.
        engine: the name the user asked for; ``backend`` is the engine that answered (CONTRACT X61).
        target: new images that are asked for now.
        failed: candidates that did not become an image, by class; duplicates are counted apart.
        error: why the chunk failed, or why its last attempt did.
    """

    id: int
    keyword: str
    query: str
    engine: str
    backend: str
    status: State
    target: int
    stored: int
    duplicates: int
    failed: dict[str, int]
    started_at: datetime | None
    ended_at: datetime | None
    error: str

    @property
    def found(self) -> int:
        """Candidates whose fate is known."""
        return self.stored + self.duplicates + sum(self.failed.values())

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in TERMINAL

    @property
    def seconds(self) -> float | None:
        """Seconds the last attempt took, or has taken by now."""
        if self.started_at is None:
            return None
        return max(0.0, ((self.ended_at or timezone.now()) - self.started_at).total_seconds())


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationFigures:
    """What validation found in a job.

    Attributes:
        levels: level → {"images", "valid", "invalid"}.
        issues: kind → number of images that have it.
        remarks: the kinds that leave an image valid.
        seconds: how long the last run took; None where it has not ended.
    """

    images: int
    valid: int
    invalid: int
    unchecked: int
    levels: dict[str, dict[str, int]]
    issues: dict[str, int]
    remarks: frozenset[str]
    seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFigures:
    """A job with its chunks; ``validation`` is None where no image was looked at."""

    job: CrawlJob
    status: JobStatus
    chunks: list[ChunkFigures]
    verdicts: dict[int, tuple[int, int]]
    rows: int
    bytes: int
    shared: int
    validation: ValidationFigures | None
    seconds: float

    @property
    def stored(self) -> int:
        """New images of all chunks."""
        return sum(chunk.stored for chunk in self.chunks)

    @property
    def duplicates(self) -> int:
        """Candidates whose bytes were in the job already."""
        return sum(chunk.duplicates for chunk in self.chunks)

    @property
    def failed(self) -> dict[str, int]:
        """Failures of all chunks, by class."""
        total: Counter[str] = Counter()
        for chunk in self.chunks:
            total.update(chunk.failed)
        return dict(sorted(total.items()))

    @property
    def found(self) -> int:
        """Candidates of all chunks whose fate is known."""
        return sum(chunk.found for chunk in self.chunks)

    @property
    def images_per_second(self) -> float:
        """New images per second of the crawl."""
        return self.stored / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        validation = self.validation
        return {
            "job": {
                "id": self.job.pk,
                "name": self.job.name,
                "project": self.job.project.slug,
                "status": self.status.value,
                "keywords": self.job.keywords,
                "engines": self.job.engines,
                "max_images": self.job.max_images,
                "rebalance": self.job.rebalance,
            },
            "chunks": [
                {
                    "keyword": chunk.keyword,
                    "query": chunk.query,
                    "engine": chunk.engine,
                    "backend": chunk.backend,
                    "status": chunk.status.value,
                    "target": chunk.target,
                    "found": chunk.found,
                    "stored": chunk.stored,
                    "duplicates": chunk.duplicates,
                    "failed": chunk.failed,
                    "valid": self.verdicts.get(chunk.id, (0, 0))[0],
                    "invalid": self.verdicts.get(chunk.id, (0, 0))[1],
                    "seconds": None if chunk.seconds is None else round(chunk.seconds, 2),
                    "error": chunk.error or None,
                }
                for chunk in self.chunks
            ],
            "totals": {
                "found": self.found,
                "stored": self.stored,
                "duplicates": self.duplicates,
                "failed": self.failed,
                "quarantined": self.job.quarantined_images,
                "rows": self.rows,
                "bytes": self.bytes,
                "shared_with_other_jobs": self.shared,
                "seconds": round(self.seconds, 2),
                "images_per_second": round(self.images_per_second, 1),
            },
            "validation": None
            if validation is None
            else {
                "images": validation.images,
                "valid": validation.valid,
                "invalid": validation.invalid,
                "unchecked": validation.unchecked,
                "levels": validation.levels,
                "issues": validation.issues,
                "seconds": None if validation.seconds is None else round(validation.seconds, 2),
            },
        }


def read_chunks(job_id: int) -> list[ChunkFigures]:
    """Return a job's chunks in the order of keyword × engine; one query, three where they share a task."""
    rows = Chunk.objects.filter(job_id=job_id).order_by("pk").values_list(
        "pk", "keyword", "template", "engine", "backend", "job__max_images", "target", "task__status", "task__progress",
        "task__started_at", "task__completed_at", "task__error_message", "task__type_name",
    )  # fmt: skip
    found = list(rows)
    shared = shared_figures([row[0] for row in found if row[-1] != DOWNLOAD])
    return [
        _chunk(
            pk, keyword, template, engine, backend, most if target is None else target, target is not None,
            State(status), shared.get(pk) or progress or {}, started, ended, error or "",
        )
        for pk, keyword, template, engine, backend, most, target, status, progress, started, ended, error, _ in found
    ]  # fmt: skip


def read_job(job_id: int) -> JobFigures:
    """Return a job with everything that its summary shows.

    Raises:
        CrawlJob.DoesNotExist: it was deleted.
    """
    job = CrawlJob.objects.with_group().get(pk=job_id)
    images = Image.objects.filter(job=job)
    totals = images.aggregate(rows=Count("pk"), bytes=Sum("bytes"))
    verdicts: dict[int, tuple[int, int]] = {}
    judged = images.filter(is_valid__isnull=False).order_by().values_list("chunk_id", "is_valid")
    for chunk_id, is_valid, number in judged.annotate(number=Count("pk")):
        valid, invalid = verdicts.get(chunk_id, (0, 0))
        verdicts[chunk_id] = (valid + number, invalid) if is_valid else (valid, invalid + number)
    elsewhere = Image.objects.exclude(job=job).filter(sha256__in=images.values("sha256"))
    return JobFigures(
        job=job,
        status=job.status,
        chunks=read_chunks(job.pk),
        verdicts=verdicts,
        rows=totals["rows"],
        bytes=totals["bytes"] or 0,
        shared=elsewhere.values("sha256").distinct().count(),
        validation=_validation(job),
        seconds=_seconds(job.started_at, job.group),
    )


def read_run(run: ValidationRun) -> tuple[TaskGroup, int]:
    """Return the group of a validation run, fresh, and how many images have been looked at."""
    group = TaskGroup.objects.get(pk=run.group_id)
    batches = Task.objects.filter(group=group, type_name=f"jobs.validate_images_{run.level}")
    return group, sum((progress or {}).get("done", 0) for progress in batches.values_list("progress", flat=True))


def failed_tasks(group_id: int) -> list[str]:
    """Return why the failed tasks of a group failed."""
    failed = Task.objects.filter(group_id=group_id, status=State.FAILED).order_by("pk")
    return [message or "no reason was given" for message in failed.values_list("error_message", flat=True)]


def _chunk(
    pk: int, keyword: str, template: str, engine: str, backend: str, target: int, moves: bool, status: State,
    progress: dict[str, Any], started: datetime | None, ended: datetime | None, error: str,
) -> ChunkFigures:  # fmt: skip
    outcomes: dict[str, int] = progress.get("outcomes", {})
    return ChunkFigures(
        id=pk,
        keyword=keyword,
        query=fill_template(template, keyword),
        engine=engine,
        backend=backend,
        status=status,
        target=target if moves else progress.get("target") or target,
        stored=progress.get("images", 0),
        duplicates=progress.get("duplicates", 0),
        failed={name: count for name, count in outcomes.items() if name not in KEPT_CLASSES},
        started_at=started,
        ended_at=None if status in ACTIVE else ended,
        error="" if status == State.COMPLETED else error,
    )


def _validation(job: CrawlJob) -> ValidationFigures | None:
    found = summary(job)
    if not found["levels"]:
        return None
    thresholds = Thresholds.from_settings()
    run = ValidationRun.objects.filter(job=job).select_related("group").order_by("-pk").first()
    ended = run is not None and run.group.settled_at is not None
    return ValidationFigures(
        images=found["images"],
        valid=found["valid"],
        invalid=found["invalid"],
        unchecked=found["unchecked"],
        levels=found["levels"],
        issues=found["issues"],
        remarks=frozenset(kind for kind in found["issues"] if thresholds.accepts({kind})),
        seconds=_seconds(run.created_at, run.group) if run is not None and ended else None,
    )


def _seconds(start: datetime | None, group: TaskGroup | None) -> float:
    if start is None:
        return 0.0
    end = group.settled_at if group is not None and group.settled_at is not None else timezone.now()
    return max(0.0, (end - start).total_seconds())
