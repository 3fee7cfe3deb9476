"""The handlers of gathering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gather.models import GatherRun
from gather.params import TYPE_NAME, GatherParams
from gather.services import counts, iterate, plans, runs
from jobs.services import telling
from pixtasks.accounts.models import User
from tasktypes.handlers import AnyTask, Context, EndedTask, Handler, Scope, register, register_group_hook

if TYPE_CHECKING:
    from tasktypes.models import Task


@register
class AutomatedGather(Handler[GatherParams]):
    """Gathers for a project, iteration by iteration."""

    name = TYPE_NAME
    description = "Gather what is new for a project, in so many iterations."
    Params = GatherParams
    time_limit = 3600

    def check_caller(self, params: GatherParams, user: User) -> None:
        """Ask for the caller's own project, or one that nobody has, and for engines that can be used."""
        plans.plan_of(params, user)

    def retried_by(self, params: GatherParams) -> str:
        """Name the retry of the run's job, which stands in the console and in the list of the project's jobs."""
        return "POST /api/v1/jobs/{job_id}/retry with the run's job"

    def on_submitted(self, tasks: Sequence[Task]) -> None:
        """Create the run of each task."""
        runs.create_runs(tasks)

    def run(self, params: GatherParams, context: Context) -> dict[str, Any]:
        """Gather, and return which iterations left data."""
        return iterate.gather(context)

    def scopes(self, tasks: Sequence[AnyTask]) -> dict[int, Scope]:
        """Name the projects that are gathered for."""
        rows = GatherRun.objects.filter(task__in=[task.id for task in tasks])
        found = rows.values_list("task_id", "project_id", "project__owner_id")
        return {task_id: telling.project_scope(project_id, owner_id) for task_id, project_id, owner_id in found}

    def on_settled(self, tasks: Sequence[EndedTask]) -> None:
        """Add what the runs saved to their jobs."""
        counts.count_in(tasks)

    def on_reopened(self, tasks: Sequence[EndedTask]) -> None:
        """Take it out again: it is in their tasks' progress."""
        counts.count_out(tasks)


@register_group_hook
class GatherJobEnds:
    """Hears when a run has ended, and its job with it."""

    name = runs.GROUP_KIND

    def on_settled(self, group_id: int) -> None:
        """Tell the webhooks."""
        telling.tell_job(group_id)
