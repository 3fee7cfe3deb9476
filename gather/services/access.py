"""Whose run is it? Lists start from the caller; runs by id are checked (CONTRACT X23)."""

from __future__ import annotations

from typing import ClassVar

from django.db.models import QuerySet

from gather.models import GatherRun
from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied, NotFound


class TaskNotFound(NotFound):
    """Task not found"""

    code: ClassVar[str] = "TASK_NOT_FOUND"


def runs_of(caller: User) -> QuerySet[GatherRun]:
    """Return the runs of the caller's projects with what a list shows of them; staff see all."""
    runs = GatherRun.objects.select_related("project", "task", "job")
    return runs if caller.is_staff else runs.filter(project__owner=caller)


def run_for(caller: User, task_id: str) -> GatherRun:
    """Return the run of a task, with its project, task and job.

    Args:
        task_id: the task's public id.

    Raises:
        TaskNotFound: no gather has that id (CONTRACT G21, G25).
        AccessDenied: it is somebody else's.
    """
    run = GatherRun.objects.select_related("project", "task", "job").filter(task__public_id=task_id).first()
    if run is None:
        raise TaskNotFound
    if not caller.is_staff and run.project.owner_id != caller.pk:
        raise AccessDenied
    return run
