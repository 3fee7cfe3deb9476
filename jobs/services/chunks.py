"""A chunk's counts move into its job when its task ends, and out again when the task is reopened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.db.models.functions import Now

from jobs.models import CrawlJob
from tasktypes.handlers import EndedTask


def count_in(tasks: Sequence[EndedTask]) -> None:
    """Add the progress of ended chunks to their jobs' counters; inside the settling transaction."""
    _move(tasks, 1)


def count_out(tasks: Sequence[EndedTask]) -> None:
    """Take the progress of reopened chunks back out of their jobs' counters; inside the reopening transaction."""
    _move(tasks, -1)


def _move(tasks: Sequence[EndedTask], sign: int) -> None:
    per_job: dict[int, list[dict[str, Any]]] = {}
    for task in tasks:
        if task.progress:
            per_job.setdefault(task.parameters["job_id"], []).append(task.progress)
    # One row after the other in the order of their ids, as everywhere (RELIABILITY.md, lock order).
    for job in CrawlJob.objects.select_for_update().filter(pk__in=per_job).order_by("pk"):
        outcomes = Counter(job.outcomes)
        for progress in per_job[job.pk]:
            for outcome, count in progress.get("outcomes", {}).items():
                outcomes[outcome] += sign * count
        CrawlJob.objects.filter(pk=job.pk).update(
            images=job.images + sign * sum(progress.get("images", 0) for progress in per_job[job.pk]),
            duplicates=job.duplicates + sign * sum(progress.get("duplicates", 0) for progress in per_job[job.pk]),
            outcomes={outcome: count for outcome, count in sorted(outcomes.items()) if count},
            updated_at=Now(),
        )
