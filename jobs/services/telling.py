"""What webhooks tell of jobs and validation runs, and which project a task belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jobs.models import CrawlJob, JobStatus, Project, ValidationRun
from jobs.services.access import project_for
from pixtasks.accounts.models import User
from pixtasks.common.times import wire_time
from tasktypes.handlers import AnyTask, Scope
from tasktypes.models import Task, TaskGroup
from tasktypes.webhooks.models import WebhookEvent
from tasktypes.webhooks.services.events import announce

_JOB_EVENTS = {
    JobStatus.COMPLETED: WebhookEvent.JOB_COMPLETED,
    JobStatus.FAILED: WebhookEvent.JOB_FAILED,
    JobStatus.CANCELLED: WebhookEvent.JOB_CANCELLED,
}
_VALIDATION_EVENTS = {
    JobStatus.COMPLETED: WebhookEvent.VALIDATION_COMPLETED,
    JobStatus.FAILED: WebhookEvent.VALIDATION_FAILED,
    JobStatus.CANCELLED: WebhookEvent.VALIDATION_CANCELLED,
}


class ProjectScope:
    """Lets webhook endpoints be narrowed to a project."""

    name = "project"

    def check(self, user: User, number: int) -> None:
        """Ask for the caller's own project; staff may name anybody's."""
        project_for(user, number)


def project_scope(project_id: int, owner_id: int) -> Scope:
    """Return the scope that a project is to the ledger."""
    return Scope(f"{ProjectScope.name}:{project_id}", owner_id)


def scopes_of_jobs(tasks: Sequence[AnyTask]) -> dict[int, Scope]:
    """Return the projects of tasks whose parameters name a job; in one query."""
    jobs = {task.id: task.parameters["job_id"] for task in tasks}
    rows = CrawlJob.objects.filter(pk__in=set(jobs.values())).values_list("pk", "project_id", "project__owner_id")
    scopes = {job_id: project_scope(project_id, owner_id) for job_id, project_id, owner_id in rows}
    return {task_id: scopes[job_id] for task_id, job_id in jobs.items() if job_id in scopes}


def scopes_of_projects(tasks: Sequence[AnyTask]) -> dict[int, Scope]:
    """Return the projects of tasks whose parameters name one; in one query."""
    wanted = {task.id: task.parameters["project_id"] for task in tasks}
    owners = dict(Project.objects.filter(pk__in=set(wanted.values())).values_list("pk", "owner_id"))
    return {task_id: project_scope(pk, owners[pk]) for task_id, pk in wanted.items() if pk in owners}


def tell_job(group_id: int) -> None:
    """Tell that a job has ended; inside the transaction that settled its group, once per settling."""
    job = CrawlJob.objects.with_group().filter(group_id=group_id).first()
    if job is None or job.group is None:
        return
    facts = {
        "id": job.pk,
        "name": job.name,
        "project_id": job.project_id,
        "status": job.status.value,
        "images": job.images,
        "duplicates": job.duplicates,
        "outcomes": job.outcomes,
        **_chunks(job.group),
        "started_at": wire_time(job.started_at),
        "completed_at": wire_time(job.group.settled_at),
    }
    owner_id = job.project.owner_id
    announce(
        _JOB_EVENTS[job.status],
        f"job:{job.pk}",
        {"job": facts},
        owner_id=owner_id,
        scope=project_scope(job.project_id, owner_id),
    )


def tell_validation(group_id: int) -> None:
    """Tell that a validation run has ended; inside the transaction that settled its group, once per settling."""
    run = ValidationRun.objects.select_related("group", "job__project").filter(group_id=group_id).first()
    if run is None:
        return
    status = _reads_as(run.group)
    found = _judged(group_id)
    facts = {
        "id": run.pk,
        "job_id": run.job_id,
        "project_id": run.job.project_id,
        "level": run.level,
        "status": status.value,
        "images": run.images_count,
        "valid": sum(counts.get("valid", 0) for counts in found),
        "invalid": sum(counts.get("invalid", 0) for counts in found),
        "total_tasks": run.group.total,
        "completed_tasks": run.group.completed,
        "failed_tasks": run.group.failed,
        "cancelled_tasks": run.group.cancelled,
        "started_at": wire_time(run.created_at),
        "completed_at": wire_time(run.group.settled_at),
    }
    owner_id = run.job.project.owner_id
    announce(
        _VALIDATION_EVENTS[status],
        f"validation:{run.pk}",
        {"validation": facts},
        owner_id=owner_id,
        scope=project_scope(run.job.project_id, owner_id),
    )


def _chunks(group: TaskGroup) -> dict[str, int]:
    return {
        "total_chunks": group.total,
        "completed_chunks": group.completed,
        "failed_chunks": group.failed,
        "cancelled_chunks": group.cancelled,
    }


def _reads_as(group: TaskGroup) -> JobStatus:
    """Return what a settled run reads as, by the rule for jobs (CONTRACT X02)."""
    if group.cancelled_at is not None:
        return JobStatus.CANCELLED
    if group.completed:
        return JobStatus.COMPLETED
    return JobStatus.FAILED if group.failed else JobStatus.CANCELLED


def _judged(group_id: int) -> list[dict[str, Any]]:
    """Return each task's counts: its result, or what it had stored when it failed or was cancelled."""
    rows = Task.objects.filter(group_id=group_id).values_list("result", "progress")
    return [result or progress or {} for result, progress in rows]
