"""Crawl jobs: create, change, delete, start, cancel, retry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from jobs.engines import UnknownEngine, find, parse_options, resolve
from jobs.models import Chunk, CrawlJob, JobStatus, Project
from jobs.models.job import PLAIN_TEMPLATE
from jobs.services.cassettes import is_replay
from jobs.services.telling import tell_job
from jobs.services.templates import checked_templates
from jobs.services.validate_later import drop_validation
from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import FieldError, InvalidInput, RuleViolation
from tasktypes.models import Task, TaskGroup
from tasktypes.services.cancel import cancel_group
from tasktypes.services.retry import reopen
from tasktypes.services.submit import NewTask, create_group, submit
from tasktypes.services.update import delete_groups
from tasktypes.states import State

GROUP_KIND = "crawl_job"
DOWNLOAD = "jobs.download_images"
"""Name of the handler that does a chunk (CONTRACT J33)."""


@dataclass(frozen=True, slots=True)
class Started:
    """A job that has been started: its tasks' public ids, in the order keyword × template × engine."""

    job: CrawlJob
    task_ids: list[str]


def create_job(
    *,
    project: Project,
    name: str,
    keywords: Sequence[str],
    engines: Sequence[str],
    max_images: int,
    options: Mapping[str, Any] | None = None,
    keyword_templates: Sequence[str] = (PLAIN_TEMPLATE,),
    rebalance: bool = False,
    actor: User | None = None,
    address: str | None = None,
) -> CrawlJob:
    """Create a pending job.

    Args:
        keywords: duplicates are dropped, without regard to case (CONTRACT J46).
        engines: names or aliases; duplicates are dropped.
        max_images: new images to store per chunk.
        options: per engine name, what that engine's own model takes.
        keyword_templates: what engines are asked, with "{keyword}" for the keyword.
        rebalance: what a dry chunk cannot bring is asked of others (:mod:`jobs.services.rebalance`).
        actor, address: who asks, and from where, for the audit log; here and below.

    Raises:
        InvalidInput: an engine does not exist, its options are not valid, or a template is not.
    """
    unique: dict[str, str] = {}
    for keyword in keywords:
        unique.setdefault(" ".join(keyword.split()).casefold(), " ".join(keyword.split()))
    checked = _checked_options(engines, options or {})
    templates = checked_templates(keyword_templates, keywords=list(unique.values()), engines=engines)
    with transaction.atomic():
        job = CrawlJob.objects.create(
            project=project,
            name=name,
            keywords=list(unique.values()),
            keyword_templates=templates,
            engines=list(dict.fromkeys(engines)),
            max_images=max_images,
            options=checked,
            rebalance=rebalance,
        )
        audit("crawl_job.created", actor=actor, target=job, detail={"name": name}, address=address)
    return job


def update_job(job: CrawlJob, **changes: Any) -> CrawlJob:
    """Change a job's name at any time, and what it crawls while it is pending.

    Raises:
        RuleViolation: the job has started and more than its name was to change.
        InvalidInput: as :func:`create_job`.
    """
    with transaction.atomic():
        job = CrawlJob.objects.with_group().select_for_update(of=("self",)).get(pk=job.pk)
        if set(changes) - {"name"} and job.status != JobStatus.PENDING:
            raise RuleViolation(
                f"Cannot change {', '.join(sorted(set(changes) - {'name'}))} of a job with status: {job.status.value}"
            )
        if "options" in changes or "engines" in changes:
            engines = changes.get("engines", job.engines)
            options = changes.get("options", {k: v for k, v in job.options.items() if k in engines})
            changes["options"] = _checked_options(engines, options)
        changed = sorted(changes)
        if {"keyword_templates", "keywords", "engines"} & set(changes):
            changes["keyword_templates"] = checked_templates(
                changes.get("keyword_templates", job.keyword_templates),
                keywords=changes.get("keywords", job.keywords),
                engines=changes.get("engines", job.engines),
            )
        for field, value in changes.items():
            setattr(job, field, value)
        job.save()
        audit("crawl_job.changed", target=job, detail={"changed": changed})
    return job


def start_job(job: CrawlJob, *, actor: User | None = None, address: str | None = None) -> Started:
    """Start a pending job: one task per keyword × template × engine (CONTRACT J07, J09).

    Raises:
        RuleViolation: the job is not pending (CONTRACT J10), or an engine has no backend and which setting it misses.
    """
    with transaction.atomic():
        job = CrawlJob.objects.with_group().select_for_update(of=("self",)).get(pk=job.pk)
        if job.status != JobStatus.PENDING:
            raise RuleViolation(f"Cannot start job with status '{job.status.value}'. Only pending jobs can be started.")
        offline = is_replay(job)
        backends = {name: _backend(name, offline=offline) for name in job.engines}
        group = create_group(GROUP_KIND)
        parts = [
            (keyword, template, engine)
            for keyword in job.keywords
            for template in job.keyword_templates
            for engine in job.engines
        ]
        tasks = submit(
            [
                NewTask(
                    type_name=DOWNLOAD,
                    parameters={
                        "keyword": keyword,
                        "engine": engine,
                        "max_images": job.max_images,
                        "job_id": job.pk,
                        # Only where there is one: so workers of the release before do plain chunks, too.
                        **({} if template == PLAIN_TEMPLATE else {"template": template}),
                        **({"offline": True} if offline else {}),
                    },
                )
                for keyword, template, engine in parts
            ],
            owner_id=job.project.owner_id,
            group=group,
        )
        Chunk.objects.bulk_create(
            [
                Chunk(
                    job=job,
                    keyword=keyword,
                    template=template,
                    engine=engine,
                    backend=backends[engine],
                    task=task,
                    target=job.max_images if job.rebalance else None,
                )
                for (keyword, template, engine), task in zip(parts, tasks, strict=True)
            ]
        )
        CrawlJob.objects.filter(pk=job.pk).update(group=group, started_at=Now(), updated_at=Now())
        audit("crawl_job.started", actor=actor, target=job, detail={"chunks": len(tasks)}, address=address)
    job.refresh_from_db()
    return Started(job, [task.public_id for task in tasks])


def cancel_job(job: CrawlJob, *, actor: User | None = None, address: str | None = None) -> int:
    """Cancel a pending or running job and all its unfinished tasks (CONTRACT J14, J15).

    Returns:
        How many tasks were revoked, that is, had not yet ended.

    Raises:
        RuleViolation: the job has ended (CONTRACT J16).
    """
    with transaction.atomic():
        job = CrawlJob.objects.with_group().select_for_update(of=("self",)).get(pk=job.pk)
        if job.status not in (JobStatus.PENDING, JobStatus.RUNNING):
            raise RuleViolation(f"Cannot cancel job with status: {job.status.value}")
        audit("crawl_job.cancelled", actor=actor, target=job, address=address)
        if job.group_id is None:
            group = create_group(GROUP_KIND)
            TaskGroup.objects.filter(pk=group.pk).update(cancelled_at=Now(), settled_at=Now())
            CrawlJob.objects.filter(pk=job.pk).update(group=group, updated_at=Now())
            tell_job(group.pk)
            return 0
        group_id = job.group_id
    # Not under the job's lock: settling takes the group first and the job's counters after it.
    return cancel_group(group_id)


def retry_job(job: CrawlJob, *, actor: User | None = None, address: str | None = None) -> int:
    """Run the failed and cancelled chunks of an ended job again, from what they stored.

    A job that was cancelled before it started is pending again.

    Returns:
        How many chunks will run again.

    Raises:
        RuleViolation: the job has not ended, its last tasks are still stopping, or nothing of it failed.
    """
    if job.status in (JobStatus.PENDING, JobStatus.RUNNING):
        raise RuleViolation(f"Cannot retry job with status: {job.status.value}")
    assert job.group is not None
    if job.group.settled_at is None:
        raise RuleViolation("The job is still stopping; retry in a few seconds")
    if job.group.total == 0:
        group = job.group
        with transaction.atomic():
            CrawlJob.objects.filter(pk=job.pk, group=group).update(group=None, updated_at=Now())
            group.delete()
            audit("crawl_job.retried", actor=actor, target=job, detail={"chunks": 0}, address=address)
        return 0
    ids = list(
        Task.objects.filter(group_id=job.group_id, status__in=[State.FAILED, State.CANCELLED]).values_list(
            "id", flat=True
        )
    )
    if not ids:
        raise RuleViolation("No chunk of this job failed or was cancelled; there is nothing to retry")
    with transaction.atomic():
        reopened = len(reopen(ids))
        audit("crawl_job.retried", actor=actor, target=job, detail={"chunks": reopened}, address=address)
    return reopened


def delete_job(job: CrawlJob, *, actor: User | None = None, address: str | None = None) -> None:
    """Delete a job with its chunks, tasks and image rows; running tasks lose their lease and stop.

    Files that no other row points to are dropped later, by the sweep of :mod:`jobs.services.files`.
    """
    groups = [run.group_id for run in job.validation_runs.all()]
    groups += [run.group_id for run in job.refetch_runs.all()]
    if job.group_id is not None:
        groups.append(job.group_id)
    for group_id in groups:
        cancel_group(group_id)
    # Before the row has lost its key; a deletion that fails half-way was asked for all the same.
    audit("crawl_job.deleted", actor=actor, target=job, detail={"name": job.name}, address=address)
    drop_validation(job.pk)
    job.delete()
    delete_groups(groups)


def _backend(name: str, *, offline: bool) -> str:
    """Return the engine that answers; one that nobody is going to ask needs no key."""
    try:
        engine = find(name) if offline else None
        return engine.name if engine is not None else resolve(name).name
    except UnknownEngine as error:
        raise RuleViolation(error.message) from error


def _checked_options(engines: Sequence[str], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options as they are to be stored, each validated by its engine's own model."""
    errors: list[FieldError] = []
    for index, name in enumerate(engines):
        try:
            # One that misses a setting is known all the same: start says so (CONTRACT X61).
            parse_options(find(name), options.get(name), loc=("body", "options", name))
        except UnknownEngine as error:
            errors.append(FieldError(("body", "engines", index), error.message))
        except InvalidInput as error:
            errors += error.errors
    for name in options:
        if name not in engines:
            errors.append(FieldError(("body", "options", name), "no engine of this job has that name"))
    if errors:
        raise InvalidInput(errors)
    return dict(options)
