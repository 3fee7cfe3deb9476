"""Gathers by the clock: rows of the scheduler that submit a gather's task, never overwritten unless asked to."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError as RefusedByModel
from django.db import IntegrityError, transaction
from django.db.models import Max, QuerySet
from django_celery_beat.models import PeriodicTask
from pydantic import ValidationError

from gather.models import GatherRun
from gather.params import TYPE_NAME, GatherParams
from gather.services.plans import plan_of
from jobs.models import Project
from pixtasks.accounts.models import AuditEntry, User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import Conflict, FieldError, InvalidInput, NotFound
from pixtasks.common.wording import field_errors
from tasktypes.services.cron import Cron, cron_of, due_times, parse_cron
from tasktypes.services.schedules import OBJECT_TYPE, SUBMIT_SCHEDULED, arguments

NAME_LENGTH: Final = 200
_OUTCOMES: Final = ("schedule.skipped", "schedule.refused")


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What :func:`schedule_gather` did: ``outcome`` is created, unchanged or updated."""

    row: PeriodicTask
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GatherSchedule:
    """A schedule as people see it.

    Attributes:
        name: what its runs carry as ``schedule``.
        project: None where somebody wrote a project into it that is not there.
        parameters: of the gather.
        owner: the address of whom its runs belong to.
        cron: None where an operator gave it another kind of schedule.
        next_times: the next three in UTC; none while it is paused.
        last_run: the newest run that came from it.
        last_miss: the newest time at which nothing was submitted, with the reason; None if it never happened.
    """

    row: PeriodicTask
    name: str
    project: Project | None
    parameters: dict[str, Any]
    owner: str
    cron: Cron | None
    next_times: list[datetime]
    last_run: GatherRun | None
    last_miss: AuditEntry | None

    @property
    def words(self) -> str:
        """When it runs, as a sentence."""
        return self.cron.words if self.cron is not None else str(self.row.scheduler or "never")

    @property
    def last(self) -> str:
        """What happened last: the newest run's status, or why there was none."""
        run, miss = self.last_run, self.last_miss
        if miss is not None and (run is None or miss.created_at > run.created_at):
            return f"{miss.action.removeprefix('schedule.')}: {miss.detail.get('reason', '')}"
        return (
            f"{run.task.status}, {run.completed_iterations} of {run.gather_count}" if run is not None else "never ran"
        )


def default_name(project: Project) -> str:
    """Return the name of a project's own schedule."""
    name = f"gather: {project.slug}"
    return name if len(name) <= NAME_LENGTH else f"gather: project {project.pk}"


def schedule_gather(
    project: Project,
    *,
    cron: str,
    count: int,
    options: Mapping[str, Any] | None = None,
    timezone: str = "UTC",
    name: str | None = None,
    update: bool = False,
    actor: User | None = None,
    address: str | None = None,
) -> Scheduled:
    """Have a project gathered by the clock, for its owner.

    Running it again with the same values changes nothing; what an operator has edited counts as it stands now.

    Args:
        cron: five fields, see :func:`tasktypes.services.cron.parse_cron`.
        count: iterations of each run, 1 to 100.
        options: as in dialect G.
        timezone: an IANA name.
        name: of the schedule; ``gather: <slug>`` by default.
        update: bring an existing schedule to these values; whether it is paused stays as it is.
        actor: who asks; None is the command line. Here and below.
        address: where the request came from. Here and below.

    Raises:
        InvalidInput: the expression, the zone, the name or the gather's parameters are not valid.
        RuleViolation: an engine cannot be used.
        Conflict: the name is another schedule's, or that schedule has other values; the message names them.
    """
    name = _checked_name(name or default_name(project))
    wanted = parse_cron(cron, zone=timezone)
    parameters = _parameters(project, count, options or {})
    row = _row(name)
    if row is None:
        return Scheduled(_create(name, project, wanted, parameters, actor, address), "created")
    if _project_id(row) not in (project.slug, str(project.pk)):
        raise Conflict(f"The schedule {name!r} is there and not one of this project; choose another name")
    differences = _differences(row, project, wanted, parameters)
    if not differences:
        return Scheduled(row, "unchanged")
    if not update:
        raise Conflict(
            f"The schedule {name!r} is there with other values: {'; '.join(differences)}. Nothing was changed; "
            "ask for an update to change it"
        )
    with transaction.atomic():
        row.crontab = wanted.row()
        row.interval = row.solar = row.clocked = None
        row.kwargs = _kwargs(project, parameters)
        row.last_run_at = None  # Else a time that is already past today would be made up for, at once.
        row.save()
        detail = {"schedule": name, "changed": differences}
        audit("schedule.updated", actor=actor, target=row, detail=detail, address=address)
    return Scheduled(row, "updated")


def pause(name: str, *, actor: User | None = None, address: str | None = None) -> bool:
    """Stop a schedule until :func:`resume`; a run that is under way goes on. Return whether it was running.

    Raises:
        NotFound: there is no such gather schedule.
    """
    return _enable(name, False, actor, address)


def resume(name: str, *, actor: User | None = None, address: str | None = None) -> bool:
    """Let a paused schedule go on; what was missed is not made up for. Return whether it was paused.

    Raises:
        NotFound: there is no such gather schedule.
    """
    return _enable(name, True, actor, address)


def remove(name: str, *, actor: User | None = None, address: str | None = None) -> None:
    """Remove a schedule; its runs stay.

    Raises:
        NotFound: there is no such gather schedule.
    """
    with transaction.atomic():
        row = _existing(name)
        audit("schedule.removed", actor=actor, target=row, detail={"schedule": name}, address=address)
        row.delete()


def forget_deleted(instance: Project, **_: Any) -> None:
    """Remove the schedules of a project that is being deleted, in that transaction: they would make it anew."""
    for row in rows():
        if _project_id(row) in (instance.slug, str(instance.pk)):
            audit("schedule.removed", target=row, detail={"schedule": schedule_name(row), "reason": "project deleted"})
            row.delete()


def rows() -> QuerySet[PeriodicTask]:
    """Return the scheduler's rows that gather, by name."""
    found: QuerySet[PeriodicTask] = (
        PeriodicTask.objects.filter(task=SUBMIT_SCHEDULED, args__contains=f'"{TYPE_NAME}"')
        .select_related("crontab", "interval", "solar", "clocked")
        .order_by("name")
    )
    return found


def schedules(project: Project | None = None) -> list[GatherSchedule]:
    """Return all gather schedules, or those of a project; the number of queries does not grow with them."""
    found = [row for row in rows() if project is None or _project_id(row) in (project.slug, str(project.pk))]
    by_slug = {each.slug: each for each in Project.objects.filter(slug__in=[_project_id(row) for row in found])}
    owners = dict(User.objects.filter(pk__in=[_owner_id(row) for row in found]).values_list("pk", "email"))
    runs = _last_runs(by_slug.values())
    misses = _last_misses(found)
    return [
        GatherSchedule(
            row=row,
            name=schedule_name(row),
            project=by_slug.get(_project_id(row)),
            parameters=_stored(row).get("parameters") or {},
            owner=owners.get(_owner_id(row), ""),
            cron=cron_of(row.crontab) if row.crontab is not None else None,
            next_times=due_times(row.crontab) if row.crontab is not None and row.enabled else [],
            last_run=runs.get((_project_id(row), schedule_name(row))),
            last_miss=misses.get(str(row.pk)),
        )
        for row in found
    ]


def schedule_name(row: PeriodicTask) -> str:
    """Return the name that a schedule's runs carry; an operator may have given the row another one."""
    return str((arguments(row) or [row.name])[0])


def _checked_name(name: str) -> str:
    clean = " ".join(name.split())
    if not 1 <= len(clean) <= NAME_LENGTH or "\0" in clean:
        raise InvalidInput(FieldError(("name",), f"give the schedule a name of 1 to {NAME_LENGTH} characters"))
    return clean


def _parameters(project: Project, count: int, options: Mapping[str, Any]) -> dict[str, Any]:
    try:
        params = GatherParams.model_validate(
            {
                "projectId": project.slug,
                "gatherCount": count,
                "options": {k: v for k, v in options.items() if v is not None},
            }
        )
    except ValidationError as error:
        raise InvalidInput(field_errors(error, ())) from error
    plan_of(params, project.owner)
    return params.model_dump(mode="json", exclude_none=True)


def _kwargs(project: Project, parameters: Mapping[str, Any]) -> str:
    return json.dumps({"parameters": parameters, "owner_id": project.owner_id}, ensure_ascii=False)


def _create(
    name: str,
    project: Project,
    cron: Cron,
    parameters: Mapping[str, Any],
    actor: User | None,
    address: str | None,
) -> PeriodicTask:
    try:
        with transaction.atomic():
            row = PeriodicTask.objects.create(
                name=name,
                task=SUBMIT_SCHEDULED,
                args=json.dumps([name, TYPE_NAME], ensure_ascii=False),
                kwargs=_kwargs(project, parameters),
                crontab=cron.row(),
                queue="default",
            )
            detail = {"schedule": name, "project": project.slug, "cron": cron.text, "timezone": cron.timezone}
            audit("schedule.created", actor=actor, target=row, detail=detail, address=address)
    except (IntegrityError, RefusedByModel) as error:
        raise Conflict(f"The name {name!r} is another schedule's; choose another") from error
    return row


def _row(name: str) -> PeriodicTask | None:
    return next((row for row in rows() if name in (row.name, schedule_name(row))), None)


def _existing(name: str) -> PeriodicTask:
    row = _row(name)
    if row is None:
        known = ", ".join(repr(schedule_name(each)) for each in rows()[:10])
        raise NotFound(f"There is no gather schedule {name!r}; " + (f"there are {known}" if known else "there is none"))
    return row


def _enable(name: str, enabled: bool, actor: User | None, address: str | None) -> bool:
    with transaction.atomic():
        row = _existing(name)
        if row.enabled == enabled:
            return False
        row.enabled = enabled
        if enabled:
            row.last_run_at = None  # Else the scheduler makes up for what was missed, at once.
        row.save()
        word = "schedule.resumed" if enabled else "schedule.paused"
        audit(word, actor=actor, target=row, detail={"schedule": name}, address=address)
    return True


def _differences(row: PeriodicTask, project: Project, cron: Cron, parameters: Mapping[str, Any]) -> list[str]:
    """Return what differs, each as "count 10, not 5": what is stored, and what was asked for."""
    stored = _stored(row)
    before = stored.get("parameters") or {}
    pairs: list[tuple[str, Any, Any]] = []
    now = cron_of(row.crontab) if row.crontab is not None else None
    pairs.append(("cron", now.text if now else str(row.scheduler), cron.text))
    pairs.append(("time zone", now.timezone if now else None, cron.timezone))
    pairs.append(("owner", stored.get("owner_id"), project.owner_id))
    pairs.append(("count", before.get("gatherCount"), parameters["gatherCount"]))
    was, wanted = before.get("options") or {}, parameters["options"]
    pairs += [(key, was.get(key), wanted.get(key)) for key in sorted({*was, *wanted})]
    return [f"{word} {_shown(old)}, not {_shown(new)}" for word, old, new in pairs if old != new]


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _stored(row: PeriodicTask) -> dict[str, Any]:
    """Return a row's keyword arguments; empty where somebody wrote what is no JSON object."""
    try:
        found = json.loads(row.kwargs)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _project_id(row: PeriodicTask) -> str:
    parameters = _stored(row).get("parameters")
    return str(parameters.get("projectId", "")) if isinstance(parameters, dict) else ""


def _owner_id(row: PeriodicTask) -> int:
    owner_id = _stored(row).get("owner_id")
    return owner_id if isinstance(owner_id, int) else 0


def _last_runs(projects: Iterable[Project]) -> dict[tuple[str, str], GatherRun]:
    newest = (
        GatherRun.objects.filter(project__in=list(projects))
        .exclude(schedule="")
        .order_by()
        .values("project_id", "schedule")
        .annotate(newest=Max("pk"))
        .values_list("newest", flat=True)
    )
    runs = GatherRun.objects.select_related("task", "project").filter(pk__in=list(newest))
    return {(run.project.slug, run.schedule): run for run in runs}


def _last_misses(found: list[PeriodicTask]) -> dict[str, AuditEntry]:
    newest = (
        AuditEntry.objects.filter(
            object_type=OBJECT_TYPE, object_id__in=[str(row.pk) for row in found], action__in=_OUTCOMES
        )
        .order_by()
        .values("object_id")
        .annotate(newest=Max("pk"))
        .values_list("newest", flat=True)
    )
    return {entry.object_id: entry for entry in AuditEntry.objects.filter(pk__in=list(newest))}
