"""A run's counts move into its job when its task ends, and out again when it is reopened."""

from __future__ import annotations

from collections.abc import Sequence

from gather.models import GatherRun
from jobs.services.chunks import move_counts
from tasktypes.handlers import EndedTask
from tasktypes.models import Task


def count_in(tasks: Sequence[EndedTask]) -> None:
    """Add what ended runs have saved to their jobs' counters; inside the settling transaction."""
    _move(tasks, 1)


def count_out(tasks: Sequence[EndedTask]) -> None:
    """Take what reopened runs have saved back out of their jobs' counters; inside the reopening transaction."""
    _move(tasks, -1)


def _move(tasks: Sequence[EndedTask], sign: int) -> None:
    # Not the progress, which is ahead of the last save where a worker was killed.
    saved = dict(Task.objects.filter(pk__in=[task.id for task in tasks]).values_list("pk", "state"))
    jobs = GatherRun.objects.filter(task__in=list(saved)).values_list("job_id", "task_id")
    move_counts({job_id: [(saved[task_id] or {}).get("counts", {})] for job_id, task_id in jobs}, sign)
