"""Runs: start, cancel, retry, and the rows that come with a gather's task, whoever submitted it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from gather.models import GatherRun
from gather.params import TYPE_NAME, GatherOptions, GatherParams, NotificationPreferences
from gather.services.access import run_for
from gather.services.plans import plan_of, project_for_run
from gather.services.status import partial_results
from jobs.models import Chunk, CrawlJob
from jobs.services.crawl_jobs import create_job
from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.broker import check_broker
from pixtasks.common.errors import Conflict, PixtasksError, RuleViolation, Unavailable
from pixtasks.common.sql import database_now
from tasktypes.models import Task, TaskGroup
from tasktypes.services.cancel import cancel_group
from tasktypes.services.retry import reopen
from tasktypes.services.submit import NewTask, create_group, submit
from tasktypes.states import TERMINAL, State
from tasktypes.webhooks.services.events import EVENTS_KEY

GROUP_KIND: Final = "gather_run"
_IMAGES_MOST: Final = 10_000
_POLL_SECONDS: Final = 0.05


class SubmissionFailed(PixtasksError):
    """The gather could not be submitted; please retry later."""

    status = 500  # As documented; 503 would be better HTTP (CONTRACT X56, X60).
    code: ClassVar[str] = "TASK_SUBMISSION_FAILED"

    def __init__(self, message: str | None = None, *, retry_after: float = 5.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class CancellationFailed(Conflict):
    """The gather has ended and cannot be cancelled."""

    code: ClassVar[str] = "CANCELLATION_FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelledRun:
    """What a cancelled run has kept (CONTRACT G23).

    Attributes:
        completed_iterations: finished and saved.
        results: iterationNumber and gatherDataId of those that left data.
    """

    task_id: str
    completed_iterations: int
    results: list[dict[str, Any]]


def start(
    *,
    caller: User,
    project_id: str,
    gather_count: int,
    options: GatherOptions,
    schedule: str = "",
    address: str | None = None,
) -> GatherRun:
    """Start a gather.

    Args:
        project_id: slug or number of a project as text; an unknown one is created (CONTRACT X56).
        gather_count: iterations, 1 to 100.
        schedule: name of the schedule that asks for it.
        address: where the request came from, for the audit log; here and below.

    Raises:
        AccessDenied: the project is somebody else's.
        RuleViolation: an engine cannot be used.
        SubmissionFailed: the broker does not answer; nothing was inserted (CONTRACT X60).
        ValidationError: pydantic's; ``project_id`` or ``gather_count`` is not valid.
    """
    params = GatherParams(projectId=project_id, gatherCount=gather_count, options=options)
    plan = plan_of(params, caller)
    require_broker()
    # Whose images it stores decides whose task it is: staff may start one for somebody else.
    owner_id = caller.pk if plan.project is None else plan.project.owner_id
    new = NewTask(
        type_name=TYPE_NAME,
        parameters=params.model_dump(mode="json", exclude_none=True),
        metadata={"schedule": schedule} if schedule else {},
    )
    with transaction.atomic():
        task = submit([new], owner_id=owner_id)[0]
        run = GatherRun.objects.select_related("project", "task", "job").get(task=task)
        audit(
            "gather_run.started",
            actor=caller,
            target=run,
            detail={"task": task.public_id, "project": run.project.slug, "gather_count": gather_count},
            address=address,
        )
    return run


def cancel(task_id: str, *, caller: User, address: str | None = None) -> CancelledRun:
    """Cancel a run and return what it keeps; every finished iteration is saved (CONTRACT G22, X55, X69).

    It waits for a running worker to save and close, for ``PIXTASKS_GATHER_CANCEL_SECONDS`` at most. A run that is
    cancelled already gives the same answer again.

    Raises:
        TaskNotFound: no gather has that id.
        AccessDenied: it is somebody else's.
        CancellationFailed: it has completed or failed.
    """
    run = run_for(caller, task_id)
    with transaction.atomic():
        task = Task.objects.select_for_update(of=("self",), no_key=True).get(pk=run.task_id)
        if task.status in (State.COMPLETED, State.FAILED):
            raise CancellationFailed(f"Cannot cancel a gather that has {task.status}")
        if task.status != State.CANCELLED and task.cancel_requested_at is None:
            audit("gather_run.cancelled", actor=caller, target=run, detail={"task": task_id}, address=address)
            assert task.group_id is not None
            cancel_group(task.group_id)
    if _await_end(run.task_id, float(settings.PIXTASKS_GATHER_CANCEL_SECONDS)) == State.COMPLETED:
        raise CancellationFailed("The gather completed at the moment at which it was cancelled")
    completed, results = partial_results(run)
    return CancelledRun(task_id=task_id, completed_iterations=completed, results=results)


def retry(task_id: str, *, caller: User, address: str | None = None) -> GatherRun:
    """Let a failed or cancelled run go on from its last save.

    Raises:
        TaskNotFound, AccessDenied: as for :func:`cancel`.
        RuleViolation: it has completed, has not ended, or is still stopping.
    """
    run = run_for(caller, task_id)
    with transaction.atomic():
        if not reopen([run.task_id]):
            task = Task.objects.get(pk=run.task_id)
            if task.status == State.RUNNING and task.cancel_requested_at is not None:
                raise RuleViolation("The gather is still stopping; retry in a few seconds")
            raise RuleViolation(f"Cannot retry a gather that is {task.status}; only failed and cancelled ones go on")
        audit("gather_run.retried", actor=caller, target=run, detail={"task": task_id}, address=address)
    return run_for(caller, task_id)


def create_runs(tasks: Sequence[Task]) -> None:
    """Create the run, the crawl job and the chunks of newly submitted gathers; inside the submitting transaction.

    Raises:
        AccessDenied: the project is somebody else's.
        RuleViolation: an engine cannot be used, or nobody owns the task.
    """
    for task in tasks:
        _create_run(task)


def _create_run(task: Task) -> None:
    owner = task.created_by
    if owner is None:
        raise RuleViolation("A gather belongs to somebody: start it as a user")
    params = GatherParams.model_validate(task.parameters)
    plan = plan_of(params, owner)
    project = project_for_run(plan, params, owner)
    now = database_now()
    job = create_job(
        project=project,
        name=f"Gather {now:%Y-%m-%d %H:%M}",
        keywords=plan.keywords,
        engines=plan.engines,
        max_images=_IMAGES_MOST,
        options=plan.options,
        actor=owner,
    )
    group = create_group(GROUP_KIND)
    TaskGroup.objects.filter(pk=group.pk).update(total=1)
    CrawlJob.objects.filter(pk=job.pk).update(group=group, started_at=Now(), updated_at=Now())
    task.group = group
    task.metadata = {**task.metadata, EVENTS_KEY: _events(params.options.notificationPreferences)}
    Task.objects.filter(pk=task.pk).update(group=group, metadata=task.metadata)
    Chunk.objects.bulk_create(
        [
            Chunk(job=job, keyword=keyword, engine=engine, backend=plan.backends[engine], task=task)
            for keyword in job.keywords
            for engine in job.engines
        ]
    )
    GatherRun.objects.create(
        project=project,
        task=task,
        job=job,
        gather_count=params.gatherCount,
        save_interval=params.options.saveInterval,
        error_recovery=params.options.errorRecovery,
        schedule=str(task.metadata.get("schedule", ""))[:200],
    )


def _events(preferences: NotificationPreferences) -> list[str]:
    """Return the names of the webhook events that the preferences let through (CONTRACT G08, X48)."""
    chosen = {
        "task.completed": preferences.onComplete,
        "task.failed": preferences.onError,
        "task.progress": preferences.onProgress,
        "task.cancelled": True,
    }
    return [name for name, wanted in chosen.items() if wanted]


def require_broker() -> None:
    """Return when the broker answers, after at most a second. :func:`start` asks; ask yourself before a transaction.

    Raises:
        SubmissionFailed: it does not; the message names the cause (CONTRACT X60).
    """
    try:
        check_broker()
    except Unavailable as error:
        raise SubmissionFailed(
            f"The gather could not be submitted: {error.message}", retry_after=error.retry_after
        ) from error


def _await_end(task_id: int, seconds: float) -> str:
    """Return a task's status once it has ended, or as it is after so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        status = Task.objects.values_list("status", flat=True).get(pk=task_id)
        if status in TERMINAL or time.monotonic() >= deadline:
            return status
        time.sleep(_POLL_SECONDS)
