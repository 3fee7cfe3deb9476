"""Periodic tasks: django-celery-beat keeps the times, the ledger runs the work, once per slot."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from django.db import IntegrityError, transaction
from pydantic import ValidationError

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import InvalidInput, PixtasksError, RuleViolation
from pixtasks.common.sql import database_now
from pixtasks.common.wording import field_errors
from tasktypes.handlers import Handler, handlers
from tasktypes.models import ScheduledSlot, Task
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State

if TYPE_CHECKING:
    from django_celery_beat.models import PeriodicTask

logger = structlog.get_logger(__name__)
HandlerClass = TypeVar("HandlerClass", bound="type[Handler[Any]]")

SUBMIT_SCHEDULED = "tasktypes.submit_scheduled"
"""Name of the Celery task that beat sends."""
METADATA_KEY = "schedule"
"""Where a task says which schedule it came from."""
OBJECT_TYPE = "django_celery_beat.periodictask"
"""Under which the audit log speaks of schedules."""

_wanted: dict[str, tuple[str, dict[str, str]]] = {}


def schedule(name: str, **crontab: str) -> Callable[[HandlerClass], HandlerClass]:
    """Have a handler run by the clock (decorator): ``@schedule("sweep files", minute="5")``.

    Args:
        name: of the row in the console; permanent.
        crontab: fields of a crontab in UTC: minute, hour, day_of_week, day_of_month, month_of_year.
    """

    def decorate(cls: HandlerClass) -> HandlerClass:
        _wanted[name] = (cls.name, crontab)
        return cls

    return decorate


def scheduled_handlers() -> dict[str, str]:
    """Return the handler's name of every schedule that the code asks for, by the schedule's name."""
    return {name: handler_name for name, (handler_name, _) in sorted(_wanted.items())}


def create_schedules(**_: Any) -> None:
    """Create the rows that are missing, by name; what an operator has changed is left alone."""
    from django_celery_beat.models import CrontabSchedule, PeriodicTask

    for name, (handler_name, crontab) in _wanted.items():
        if not PeriodicTask.objects.filter(name=name).exists():
            when, _created = CrontabSchedule.objects.get_or_create(timezone="UTC", **crontab)
            PeriodicTask.objects.create(
                name=name, task=SUBMIT_SCHEDULED, args=f'["{name}", "{handler_name}"]', crontab=when, queue="default"
            )


def submit_scheduled(
    name: str, handler_name: str, parameters: Mapping[str, Any] | None = None, owner_id: int | None = None
) -> int | None:
    """Submit a scheduled handler's task, unless another scheduler has done it for this minute.

    Nothing is submitted either while the task of the schedule's previous run has not ended, or where the handler
    refuses; both stand in the audit log under the schedule (``schedule.skipped``, ``schedule.refused``). The broker is
    not asked: the row is the outbox.

    Args:
        name: of the schedule; the task's metadata carries it as ``schedule``.
        parameters: what the handler takes.
        owner_id: whose task it is; None for the product's own housekeeping.

    Returns:
        The task's id, or None where nothing was submitted.
    """
    slot = database_now().replace(second=0, microsecond=0)
    with transaction.atomic():
        try:
            with transaction.atomic():
                taken = ScheduledSlot.objects.create(name=name, slot=slot)
        except IntegrityError:
            return None
        row = row_of(name, handler_name, lock=True)
        if row is None and owner_id is not None:
            # Its message waited for a worker while somebody removed it.
            logger.warning("schedule is gone", schedule=name)
            return None
        reason = _unfinished(name, handler_name, owner_id)
        if reason:
            _note(row, taken, "schedule.skipped", reason)
            return None
        try:
            with transaction.atomic():
                task = _submit(name, handler_name, parameters or {}, owner_id)
        except PixtasksError as error:
            _note(row, taken, "schedule.refused", error.message)
            return None
        ScheduledSlot.objects.filter(pk=taken.pk).update(task_number=task.pk)
        return task.pk


def run_now(row: PeriodicTask, *, actor: User | None = None, address: str | None = None) -> Task:
    """Submit a schedule's task at once, for its owner; the times at which it is due stay as they are.

    Args:
        actor: who asks. Here and below.
        address: where the request came from. Here and below.

    Raises:
        RuleViolation: it is none of the ledger's, the task of its previous run has not ended, or its owner is gone.
        InvalidInput, AccessDenied: its parameters are not accepted any more.
    """
    with transaction.atomic():
        name, handler_name, parameters, owner_id = told(row)
        locked = row_of(name, handler_name, lock=True)
        reason = _unfinished(name, handler_name, owner_id)
        if locked is None or reason:
            raise RuleViolation(reason[:1].upper() + reason[1:] if reason else "The schedule is gone")
        task = _submit(name, handler_name, parameters, owner_id)
        ScheduledSlot.objects.create(name=name, slot=database_now(), task_number=task.pk)
        detail = {"schedule": name, "task": task.public_id}
        audit("schedule.run_now", actor=actor, target=row, detail=detail, address=address)
    return task


def switch(row: PeriodicTask, *, enabled: bool, actor: User | None = None, address: str | None = None) -> bool:
    """Let a schedule run or not; what was missed meanwhile is not made up for. Return whether that changed anything."""
    if row.enabled == enabled:
        return False
    with transaction.atomic():
        row.enabled = enabled
        if enabled:
            row.last_run_at = None  # Else the scheduler makes up for what was missed, at once.
        row.save()
        word = "schedule.resumed" if enabled else "schedule.paused"
        audit(word, actor=actor, target=row, detail={"schedule": row.name}, address=address)
    return True


def told(row: PeriodicTask) -> tuple[str, str, dict[str, Any], int | None]:
    """Return a row's name, handler, parameters and owner's number.

    Raises:
        RuleViolation: it is none of the ledger's, or somebody wrote what cannot be read.
    """
    known = arguments(row)
    try:
        more = json.loads(row.kwargs or "{}")
    except ValueError:
        more = None
    if row.task != SUBMIT_SCHEDULED or len(known) != 2 or not isinstance(more, dict):
        raise RuleViolation("This schedule sends a message of Celery's own; the ledger does not run it")
    parameters, owner_id = more.get("parameters") or {}, more.get("owner_id")
    return str(known[0]), str(known[1]), dict(parameters), owner_id if isinstance(owner_id, int) else None


def row_of(name: str, handler_name: str, *, lock: bool = False) -> PeriodicTask | None:
    """Return the scheduler's row of a schedule; None where there is none (any more).

    It is looked for by its arguments, as an operator may have given the row another name.

    Args:
        lock: hold the row until the transaction ends, so that two messages of one schedule are not handled at once.
    """
    from django_celery_beat.models import PeriodicTask

    rows = PeriodicTask.objects.filter(task=SUBMIT_SCHEDULED, args__contains=handler_name)
    if lock:
        rows = rows.order_by("pk").select_for_update()
    return next((row for row in rows if arguments(row) == [name, handler_name]), None)


def arguments(row: PeriodicTask) -> list[Any]:
    """Return the schedule's name and handler from a row; empty where somebody wrote what is no JSON list."""
    try:
        found = json.loads(row.args)
    except ValueError:
        return []
    return found if isinstance(found, list) else []


def _submit(name: str, handler_name: str, parameters: Mapping[str, Any], owner_id: int | None) -> Task:
    if owner_id is not None:
        owner = User.objects.filter(pk=owner_id, is_active=True).first()
        if owner is None:
            raise RuleViolation("the schedule's owner is gone or switched off")
        handler = handlers.get(handler_name)
        if handler is not None:
            try:
                params = handler.Params.model_validate(dict(parameters))
            except ValidationError as error:
                raise InvalidInput(field_errors(error, ("parameters",))) from error
            handler.check_caller(params, owner)
    new = NewTask(type_name=handler_name, parameters=parameters, metadata={METADATA_KEY: name})
    return submit([new], owner_id=owner_id)[0]


def _unfinished(name: str, handler_name: str, owner_id: int | None) -> str:
    """Return why a schedule is not to run now; empty where its previous task has ended."""
    task = Task.objects.filter(
        type_name=handler_name,
        status__in=[State.PENDING, State.RUNNING],
        created_by_id=owner_id,
        **{f"metadata__{METADATA_KEY}": name},
    ).first()
    return f"the task of its previous run, {task.public_id}, is still {task.status}" if task is not None else ""


def _note(row: PeriodicTask | None, slot: ScheduledSlot, action: str, reason: str) -> None:
    name = slot.name
    logger.warning(action, schedule=name, reason=reason)
    ScheduledSlot.objects.filter(pk=slot.pk).update(reason=reason)
    audit(action, target=row, object_type=OBJECT_TYPE, detail={"schedule": name, "reason": reason})
