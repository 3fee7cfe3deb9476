"""Which runs a list holds."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from gather.models import GatherRun
from gather.services.access import runs_of
from gather.services.plans import find_project
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tasktypes.services.celery_states import TaskStatus, conditions
from tasktypes.states import State

# As services.status reads a run: one that waits between two attempts is in progress, and there is no RETRY.
_BETWEEN = Q(status=State.PENDING, progress__isnull=False)
_WAITING = Q(status=State.PENDING, progress__isnull=True)


def runs_list(caller: User, *, status: TaskStatus | None = None, project_id: str | None = None) -> QuerySet[GatherRun]:
    """Return the caller's runs with their task and project; staff see everybody's.

    Args:
        status: one of the words of dialect G (CONTRACT G20).
        project_id: a project's slug, or its id as text where no project has that slug (CONTRACT X56).
    """
    runs = runs_of(caller)
    if project_id is not None:
        runs = runs.filter(project=find_project(project_id))
    if status is not None:
        runs = runs.filter(task__in=Task.objects.filter(_condition(status)))
    return runs


def _condition(status: TaskStatus) -> Q:
    if status == TaskStatus.PENDING:
        return _WAITING
    wanted = _BETWEEN if status == TaskStatus.PROGRESS else Q()
    for condition in conditions(status):
        wanted |= condition
    return wanted
