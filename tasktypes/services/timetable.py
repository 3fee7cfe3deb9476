"""Schedules as people see and edit them: what runs, when, what came of it last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError as RefusedByModel
from django.db import IntegrityError, transaction
from django.db.models import Max
from pydantic import ValidationError

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import Conflict, FieldError, InvalidInput, RuleViolation
from pixtasks.common.wording import field_errors
from tasktypes.handlers import handlers
from tasktypes.models import ScheduledSlot, Task
from tasktypes.services.cron import Cron, cron_of, due_times
from tasktypes.services.schedules import SUBMIT_SCHEDULED, arguments, told

if TYPE_CHECKING:
    from django_celery_beat.models import PeriodicTask

LONGEST_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A schedule's line in the list.

    Attributes:
        runs: the handler's name, or that of a Celery task.
        ours: whether the ledger runs it.
        next_time: when it is due next; None while it is switched off, and where that cannot be told.
        slot: the newest time at which it was due or was run by hand; None: never, or longer ago than slots are kept.
        task: what that made; None where nothing was made, or it was deleted.
    """

    runs: str
    ours: bool
    words: str
    next_time: datetime | None
    slot: ScheduledSlot | None
    task: Task | None


def lines(rows: Sequence[PeriodicTask]) -> dict[int, Line]:
    """Return the lines of some schedules by their numbers, in two queries however many there are.

    Args:
        rows: with ``crontab``, ``interval``, ``solar`` and ``clocked`` selected.
    """
    names = {row.pk: (arguments(row) or [row.name])[0] for row in rows if row.task == SUBMIT_SCHEDULED}
    newest = (
        ScheduledSlot.objects.filter(name__in=[str(name) for name in names.values()])
        .order_by()
        .values("name")
        .annotate(newest=Max("slot"))
    )
    wanted = {each["name"]: each["newest"] for each in newest}
    slots = {
        slot.name: slot
        for slot in ScheduledSlot.objects.filter(name__in=list(wanted), slot__in=list(wanted.values()))
        if wanted[slot.name] == slot.slot
    }
    tasks = Task.objects.only("pk", "public_id", "status", "type_name", "started_at", "completed_at").in_bulk(
        [slot.task_number for slot in slots.values() if slot.task_number is not None]
    )
    found = {}
    for row in rows:
        slot = slots.get(str(names.get(row.pk, "")))
        known = arguments(row)
        ours = row.task == SUBMIT_SCHEDULED and len(known) == 2
        found[row.pk] = Line(
            runs=str(known[1]) if ours else row.task,
            ours=ours,
            words=words(row),
            next_time=next_time(row),
            slot=slot,
            task=tasks.get(slot.task_number) if slot is not None and slot.task_number is not None else None,
        )
    return found


def words(row: PeriodicTask) -> str:
    """Return when a schedule runs, as a sentence."""
    return cron_of(row.crontab).words if row.crontab is not None else str(row.scheduler or "never")


def next_time(row: PeriodicTask) -> datetime | None:
    """Return when a schedule is due next; None while it is switched off, and where that cannot be told."""
    if not row.enabled:
        return None
    if row.crontab is not None:
        return next(iter(due_times(row.crontab, 1)), None)
    if row.clocked is not None:
        moment: datetime = row.clocked.clocked_time
        return moment
    if row.interval is not None and row.last_run_at is not None:
        last: datetime = row.last_run_at
        return last + timedelta(seconds=row.interval.schedule.run_every.total_seconds())
    return None


def check_work(handler_name: str, parameters: Mapping[str, Any], owner: User | None) -> dict[str, Any]:
    """Return the parameters as the handler reads them.

    Raises:
        InvalidInput: there is no such handler, or the parameters do not fit; each fault below ``("parameters",)``.
        AccessDenied, RuleViolation: the owner may not run that.
    """
    handler = handlers.get(handler_name)
    if handler is None:
        raise InvalidInput(FieldError(("handler",), f"there is no handler {handler_name!r}"))
    try:
        params = handler.Params.model_validate(dict(parameters))
    except ValidationError as error:
        raise InvalidInput(field_errors(error, ("parameters",))) from error
    if owner is not None:
        handler.check_caller(params, owner)
    return dict(parameters)


def save_schedule(
    row: PeriodicTask | None,
    *,
    name: str,
    handler_name: str,
    parameters: Mapping[str, Any],
    owner: User | None,
    cron: Cron,
    enabled: bool,
    description: str = "",
    actor: User | None = None,
    address: str | None = None,
) -> PeriodicTask:
    """Make a schedule of the ledger, or change one.

    Args:
        row: None for a new one. The name under which an existing one's tasks are known stays, whatever it is called.
        handler_name: what it runs.
        owner: whose its tasks are; None for the product's own.
        actor: who asks.
        address: where the request came from.

    Raises:
        Conflict: another schedule has this name.
        RuleViolation: the row is none of the ledger's.
        InvalidInput, AccessDenied: as :func:`check_work`.
    """
    from django_celery_beat.models import PeriodicTask

    parameters = check_work(handler_name, parameters, owner)
    key = name if row is None else told(row)[0]
    facts: dict[str, Any] = {"parameters": parameters} if parameters else {}
    if owner is not None:
        facts["owner_id"] = owner.pk
    new = row is None
    target = row if row is not None else PeriodicTask(task=SUBMIT_SCHEDULED, queue="default")
    before = None if new else (target.name, target.args, target.kwargs, target.crontab_id, target.enabled)
    if row is not None and row.crontab is None:
        raise RuleViolation("This schedule has no cron expression; edit it as a Celery schedule")
    try:
        with transaction.atomic():
            moved = new or not cron.same_as(target.crontab)
            target.name, target.description, target.enabled = name, description, enabled
            target.args = json.dumps([key, handler_name], ensure_ascii=False)
            target.kwargs = json.dumps(facts, ensure_ascii=False)
            if moved:
                target.crontab = cron.row()
                target.last_run_at = None  # Else a time that is past already would be made up for, at once.
            target.save()
            after = (target.name, target.args, target.kwargs, target.crontab_id, target.enabled)
            columns = ("name", "handler", "parameters", "time", "enabled")
            changed = [] if before is None else [w for w, a, b in zip(columns, before, after, strict=True) if a != b]
            detail: dict[str, Any] = {"schedule": name, "runs": handler_name, "cron": cron.text}
            if changed:
                detail["changed"] = changed
            if new or changed:
                word = "schedule.created" if new else "schedule.updated"
                audit(word, actor=actor, target=target, detail=detail, address=address)
    except (IntegrityError, RefusedByModel) as error:
        raise Conflict(f"The name {name!r} is another schedule's; choose another") from error
    return target
