"""How far a job is: its group's counters plus the progress of its active tasks (CONTRACT X01, J18–J22)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from django.utils import timezone

from jobs.models import CrawlJob, JobStatus
from tasktypes.models import Task
from tasktypes.states import ACTIVE, State

_RECENT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """A job's figures at one moment.

    Attributes:
        estimated_between: earliest and latest of the estimate, by how much the number of chunks that it is made from
            varies by chance (one standard deviation).
    """

    job_id: int
    status: JobStatus
    progress: int
    total_chunks: int
    active_chunks: int
    completed_chunks: int
    failed_chunks: int
    downloaded_images: int
    duplicate_images: int
    outcomes: dict[str, int]
    estimated_completion: datetime | None
    estimated_between: tuple[datetime, datetime] | None
    started_at: datetime | None
    updated_at: datetime

    @property
    def ended_chunks(self) -> int:
        """How many chunks have ended, however; none before the job was started."""
        return self.total_chunks - self.active_chunks if self.started_at is not None else 0


def percentage(*, total: int, completed: int, active: Iterable[tuple[int, int]]) -> int:
    """Return ``floor(100 × (completed + Σ min(1, images / target)) / total)`` (CONTRACT X01).

    Args:
        active: (images so far, target) of each active chunk that has reported; see :func:`share_of`.
    """
    if total == 0:
        return 0
    # Fractions: 0.1 + 0.2 in floats would floor to one percent less.
    parts = sum((min(Fraction(1), Fraction(images, target)) for images, target in active if target), Fraction(0))
    return math.floor(100 * (completed + parts) / total)


def share_of(progress: Mapping[str, Any]) -> tuple[int, int]:
    """Return how much of how much an active task has done, by what it reported: a percentage, or images."""
    if "percentage" in progress:
        return progress["percentage"], 100
    return progress.get("images", 0), progress.get("target", 0)


def job_progress(job: CrawlJob) -> JobProgress:
    """Return one job's figures; reads its group, and its active tasks that have reported."""
    return jobs_progress([job], estimates=True)[job.pk]


def jobs_progress(jobs: Sequence[CrawlJob], *, estimates: bool = False) -> dict[int, JobProgress]:
    """Return the figures of several jobs (fetched ``with_group()``) in one query for all.

    Args:
        estimates: say also when running jobs will end, which costs a query for each of them.
    """
    by_group: dict[int, list[tuple[dict[str, Any], datetime]]] = {}
    open_groups = [job.group_id for job in jobs if job.group is not None and job.group.settled_at is None]
    for group_id, progress, updated_at in (
        # Tasks that never reported are left to the counters: a thousand waiting chunks are not read.
        Task.objects.filter(group_id__in=open_groups, status__in=ACTIVE, progress__isnull=False).values_list(
            "group_id", "progress", "updated_at"
        )
        if open_groups
        else ()
    ):
        by_group.setdefault(group_id or 0, []).append((progress or {}, updated_at))
    return {job.pk: _figures(job, by_group.get(job.group_id or 0, []), estimates=estimates) for job in jobs}


def _figures(job: CrawlJob, active: list[tuple[dict[str, Any], datetime]], *, estimates: bool) -> JobProgress:
    group = job.group
    started = group is not None and group.total > 0
    total = group.total if group is not None and started else job.total_chunks
    outcomes: Counter[str] = Counter(job.outcomes)
    for progress, _ in active:
        outcomes.update(progress.get("outcomes", {}))
    estimate = _estimate(job) if estimates and job.status == JobStatus.RUNNING else None
    moments = [job.updated_at, *(updated_at for _, updated_at in active)]
    if group is not None:
        moments.append(group.updated_at)
    return JobProgress(
        job_id=job.pk,
        status=job.status,
        progress=percentage(
            total=total,
            completed=group.completed if group is not None else 0,
            active=[share_of(progress) for progress, _ in active],
        ),
        total_chunks=total,
        active_chunks=group.active if group is not None else 0,
        completed_chunks=group.completed if group is not None else 0,
        failed_chunks=group.failed if group is not None else 0,
        downloaded_images=job.images + sum(progress.get("images", 0) for progress, _ in active),
        duplicate_images=job.duplicates + sum(progress.get("duplicates", 0) for progress, _ in active),
        outcomes=dict(sorted(outcomes.items())),
        estimated_completion=estimate[0] if estimate is not None else None,
        estimated_between=estimate[1:] if estimate is not None else None,
        started_at=job.started_at,
        updated_at=max(moments),
    )


def _estimate(job: CrawlJob) -> tuple[datetime, datetime, datetime] | None:
    """Return when the job will end at the pace of the last five minutes, and between which times that may lie.

    None where nothing ended in them. That n chunks ended says as much of the pace as a count of n can: n ± √n.
    """
    group = job.group
    if group is None or job.started_at is None or not group.completed + group.failed:
        return None
    now = timezone.now()
    since = max(job.started_at, now - _RECENT)
    ended = Task.objects.filter(group=group, status__in=[State.COMPLETED, State.FAILED], completed_at__gt=since).count()
    if not ended:
        return None
    each = (now - since) * group.active
    spread = math.sqrt(ended)
    # Of one or two nothing better is known than that it may take twice as long.
    return now + each / ended, now + each / (ended + spread), now + each / max(ended - spread, ended / 2)
