"""Counting again: a job's counters compared with its chunks and its images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.db.models.functions import Now

from jobs.models import Chunk, CrawlJob, Image
from jobs.services.crawl_jobs import DOWNLOAD
from pixtasks.accounts.services.audit import audit
from tasktypes.models import Task
from tasktypes.states import TERMINAL

_COUNTERS = ("images", "duplicates", "outcomes", "valid_images", "invalid_images", "quarantined_images")


@dataclass(frozen=True, slots=True)
class JobMismatch:
    """A job whose counters differ from what there is: both by name, only those that differ."""

    job_id: int
    counters: dict[str, Any]
    counted: dict[str, Any]


def job_mismatches(*, days: int | None) -> Iterator[JobMismatch]:
    """Yield the jobs whose counters differ from their ended chunks and their image rows.

    Args:
        days: of the jobs changed within so many; None = of all.
    """
    jobs = CrawlJob.objects.filter(group__isnull=False)
    if days is not None:
        jobs = jobs.filter(updated_at__gt=Now() - timedelta(days=days))
    for job in jobs.order_by("pk").iterator():
        # Without a lock first: most are in order, and a lock would hold up whoever settles.
        if _compare(job, _chunks(job.pk)) is not None and (mismatch := recount_job(job.pk, fix=False)) is not None:
            yield mismatch


def recount_job(job_id: int, *, fix: bool) -> JobMismatch | None:
    """Compare a job's counters with what there is, under the lock that settling takes.

    Stored images are counted by their rows. Where an ended chunk's task says another number, that number is corrected,
    too: it is what a retry takes back out of the job.

    Args:
        fix: set the counters to what was counted, in one transaction with an audit entry.

    Returns:
        What differed, or None.
    """
    with transaction.atomic():
        tasks = Task.objects.filter(chunks__job=job_id, type_name=DOWNLOAD, status__in=TERMINAL)
        if fix:  # The lock order: tasks, then the job.
            list(tasks.order_by("id").select_for_update(no_key=True, of=("self",)).values_list("id", flat=True))
        job = CrawlJob.objects.select_for_update(no_key=True, of=("self",)).filter(pk=job_id).first()
        if job is None:
            return None
        chunks = _chunks(job_id)
        mismatch = _compare(job, chunks)
        if mismatch is None or not fix:
            return mismatch
        for chunk in chunks or ():
            if chunk.progress.get("images", 0) != chunk.images:
                Task.objects.filter(pk=chunk.task_id, status__in=TERMINAL).update(
                    progress={**chunk.progress, "images": chunk.images}, updated_at=Now()
                )
        CrawlJob.objects.filter(pk=job_id).update(**mismatch.counted, updated_at=Now())
        audit("crawl_job.recounted", target=job, detail={"counters": mismatch.counters, "counted": mismatch.counted})
        return mismatch


@dataclass(frozen=True, slots=True)
class _EndedChunk:
    task_id: int
    progress: dict[str, Any]
    images: int


def _chunks(job_id: int) -> list[_EndedChunk] | None:
    """Return a job's chunks that have ended; None where other handlers than the crawl's do them."""
    rows = list(
        Chunk.objects.filter(job_id=job_id).values_list(
            "id", "task_id", "task__type_name", "task__status", "task__progress"
        )
    )
    if any(type_name != DOWNLOAD for _, _, type_name, _, _ in rows):
        return None
    images = dict(Image.objects.filter(job_id=job_id).order_by().values_list("chunk_id").annotate(number=Count("id")))
    return [
        _EndedChunk(task_id, progress or {}, images.get(chunk_id, 0))
        for chunk_id, task_id, _, status, progress in rows
        if status in TERMINAL
    ]


def _compare(job: CrawlJob, chunks: list[_EndedChunk] | None) -> JobMismatch | None:
    verdicts = dict(
        Image.objects.filter(job=job, is_valid__isnull=False)
        .order_by()
        .values_list("is_valid")
        .annotate(number=Count("id"))
    )
    counted: dict[str, Any] = {
        "valid_images": verdicts.get(True, 0),
        "invalid_images": verdicts.get(False, 0),
        "quarantined_images": Image.objects.filter(job=job).exclude(quarantine="").count(),
    }
    if chunks is not None:
        outcomes: Counter[str] = Counter()
        for chunk in chunks:
            outcomes.update(chunk.progress.get("outcomes", {}))
        counted |= {
            "images": sum(chunk.images for chunk in chunks),
            "duplicates": sum(chunk.progress.get("duplicates", 0) for chunk in chunks),
            "outcomes": {name: number for name, number in sorted(outcomes.items()) if number},
        }
    counters = {name: getattr(job, name) for name in _COUNTERS if name in counted}
    differs = [name for name in counters if counters[name] != counted[name]]
    if not differs:
        return None
    return JobMismatch(job.pk, {name: counters[name] for name in differs}, {name: counted[name] for name in differs})
