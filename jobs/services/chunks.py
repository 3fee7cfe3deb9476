"""A chunk's counts: they move into its job when its task ends, and out again when the task is reopened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db.models import Count
from django.db.models.functions import Now

from jobs.models import CrawlJob, FetchFailure, Image
from tasktypes.handlers import EndedTask


def count_in(tasks: Sequence[EndedTask]) -> None:
    """Add the progress of ended chunks to their jobs' counters; inside the settling transaction."""
    _move(tasks, 1)


def count_out(tasks: Sequence[EndedTask]) -> None:
    """Take the progress of reopened chunks back out of their jobs' counters; inside the reopening transaction."""
    _move(tasks, -1)


def shared_figures(chunk_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Return what chunks have stored so far whose task does others besides, so that its progress is not theirs.

    Returns:
        By the chunk's id: images, duplicates, and outcomes by class. Two queries for all.
    """
    outcomes: dict[int, Counter[str]] = {chunk_id: Counter() for chunk_id in chunk_ids}
    if not outcomes:
        return {}
    images = Image.objects.filter(chunk__in=chunk_ids).order_by().values_list("chunk_id")
    for chunk_id, count in images.annotate(number=Count("pk")):
        outcomes[chunk_id]["stored"] = count
    failures = FetchFailure.objects.filter(chunk__in=chunk_ids).order_by().values_list("chunk_id", "outcome")
    for chunk_id, outcome, count in failures.annotate(number=Count("pk")):
        outcomes[chunk_id][outcome] = count
    return {
        chunk_id: {
            "images": counts["stored"],
            "duplicates": counts["duplicate"],
            "outcomes": {outcome: count for outcome, count in sorted(counts.items()) if count},
        }
        for chunk_id, counts in outcomes.items()
    }


def moved(counts: Mapping[str, Any], by: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of a chunk with others added; classes of which nothing is left are left out."""
    outcomes = Counter(counts.get("outcomes", {}))
    outcomes.update(by.get("outcomes", {}))
    return {
        **counts,
        "images": counts.get("images", 0) + by.get("images", 0),
        "duplicates": counts.get("duplicates", 0) + by.get("duplicates", 0),
        "outcomes": {name: number for name, number in sorted(outcomes.items()) if number},
    }


def _move(tasks: Sequence[EndedTask], sign: int) -> None:
    per_job: dict[int, list[dict[str, Any]]] = {}
    for task in tasks:
        if task.progress:
            per_job.setdefault(task.parameters["job_id"], []).append(task.progress)
    move_counts(per_job, sign)


def move_counts(per_job: Mapping[int, Sequence[Mapping[str, Any]]], sign: int) -> None:
    """Add counts to the counters of jobs, or take them out; inside the transaction that makes it so.

    Args:
        per_job: by the job's id, what is to be moved: images, duplicates, and outcomes by class.
        sign: 1 adds, -1 takes out.
    """
    # One row after the other in the order of their ids, as everywhere (RELIABILITY.md, lock order).
    for job in CrawlJob.objects.select_for_update().filter(pk__in=per_job).order_by("pk"):
        outcomes = Counter(job.outcomes)
        for counts in per_job[job.pk]:
            for outcome, count in counts.get("outcomes", {}).items():
                outcomes[outcome] += sign * count
        CrawlJob.objects.filter(pk=job.pk).update(
            images=job.images + sign * sum(counts.get("images", 0) for counts in per_job[job.pk]),
            duplicates=job.duplicates + sign * sum(counts.get("duplicates", 0) for counts in per_job[job.pk]),
            outcomes={outcome: count for outcome, count in sorted(outcomes.items()) if count},
            updated_at=Now(),
        )
