"""Launching registered handlers, now or later, one or many, and launching a failed task again (CONTRACT C02, C05)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from pydantic import BaseModel, ValidationError

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.broker import check_broker
from pixtasks.common.errors import FieldError, InvalidInput, NotFound, PixtasksError, RuleViolation, Unavailable
from pixtasks.common.sql import database_now
from pixtasks.common.wording import Loc, field_errors
from tasktypes.handlers import Handler, handlers
from tasktypes.models import DependencyFailure, Task
from tasktypes.services.access import allow
from tasktypes.services.celery_states import TaskStatus, celery_status
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State

_NAMED = 20
"""Numbers of tasks that one entry of the audit log holds."""


class LaunchFailed(PixtasksError):
    """Failed to launch task; please retry later."""

    status = 500  # As documented; 503 would be better HTTP (CONTRACT C10, X60).

    def __init__(self, message: str | None = None, *, retry_after: float = 5.0) -> None:
        self.retry_after = retry_after
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """What to launch, and when.

    Args:
        task_type: a registered handler's name.
        params: what its model takes.
        priority: 1 to 1000, lower runs first.
        run_after: not before this time.
        countdown: not before so many seconds from now.
    """

    task_type: str
    params: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 100
    run_after: datetime | None = None
    countdown: float | None = None


def require_broker() -> None:
    """Return when the broker answers, after at most a second. Call it outside of transactions.

    Raises:
        LaunchFailed: it does not; the message names the cause (CONTRACT C10).
    """
    try:
        check_broker()
    except Unavailable as error:
        raise LaunchFailed(f"Failed to launch task: {error.message}", retry_after=error.retry_after) from error


def launch(wanted: Launch, *, caller: User, owner: User | None = None, loc: Loc = ("body", "params")) -> Task:
    """Submit one task of a registered handler.

    Args:
        owner: whose task it will be; by default the caller's. The handler is asked about both.

    Raises:
        RuleViolation: there is no such handler, or the params name what does not exist.
        InvalidInput: the params do not fit the handler's model; each fault below ``loc``.
        AccessDenied: the params name what is somebody else's.
    """
    return _submit([wanted], [loc], caller, owner)[0]


def launch_many(wanted: Sequence[Launch], *, caller: User) -> list[Task]:
    """Submit many tasks in one transaction and a handful of statements: all of them, or none.

    Raises:
        RuleViolation, AccessDenied: as for :func:`launch`.
        InvalidInput: every fault of every launch, each below ``("body", index, "params")``.
    """
    return _submit(wanted, [("body", index, "params") for index in range(len(wanted))], caller)


def retry_as_new(task: Task, *, caller: User) -> Task:
    """Launch a failed task again as a new one; the old one stays as it is (CONTRACT X30).

    The new task belongs to the same owner and starts with a fresh budget, as soon as it can.

    Raises:
        AccessDenied: it is somebody else's.
        RuleViolation: it has not failed; it belongs to a job or run; its type is not active any more; or something
            that it depends on has not completed and will not.
    """
    allow(caller, task)
    status = celery_status(task)
    if status != TaskStatus.FAILURE:
        raise RuleViolation(f"Cannot retry task in state: {status}. Only FAILURE tasks can be retried.")
    if task.group_id is not None:
        raise RuleViolation(_ask_the_owner_object(task))
    if task.task_type is not None and not task.task_type.is_active:
        raise RuleViolation(f"Task type '{task.type_name}' is not active")
    prerequisites = list(task.depends_on.order_by("id"))
    for one in prerequisites:
        if one.status in (State.FAILED, State.CANCELLED):
            raise RuleViolation(f"Task {task.public_id} depends on {one.public_id}, which {one.status}; retry that one")
    again = NewTask(
        type_name=task.type_name,
        task_type=task.task_type,
        parameters=task.parameters,
        priority=task.priority,
        metadata=task.metadata,
        depends_on=[one.pk for one in prerequisites],
        on_dependency_failure=DependencyFailure(task.on_dependency_failure),
        retried_from_id=task.pk,
    )
    try:
        with transaction.atomic():
            new = submit([again], owner_id=task.created_by_id)[0]
            facts = {"task": new.public_id, "type": new.type_name, "again": task.public_id}
            audit("task.launched", actor=caller, target=new, detail=facts)
        return new
    except NotFound as error:
        raise RuleViolation(error.message) from error


def known_handler(task_type: str) -> Handler[Any]:
    """Return a registered handler.

    Raises:
        RuleViolation: there is none of that name (CONTRACT X10).
    """
    handler = handlers.get(task_type)
    if handler is None:
        raise RuleViolation(f"Unknown task type: {task_type}")
    return handler


def _submit(wanted: Sequence[Launch], locs: Sequence[Loc], caller: User, owner: User | None = None) -> list[Task]:
    faults: list[FieldError] = []
    checked: list[tuple[Handler[Any], BaseModel]] = []
    for one, loc in zip(wanted, locs, strict=True):
        handler = known_handler(one.task_type)
        try:
            checked.append((handler, handler.Params.model_validate(dict(one.params))))
        except ValidationError as error:
            faults += field_errors(error, loc)
    if faults:
        raise InvalidInput(faults)
    for handler, params in checked:
        handler.check_caller(params, caller)
        if owner is not None and owner.pk != caller.pk:
            handler.check_caller(params, owner)
    now = database_now()
    with transaction.atomic():
        tasks = submit([_new_task(one, now) for one in wanted], owner_id=(owner or caller).pk)
        facts = {"type": ", ".join(sorted({one.task_type for one in wanted})), "owner": (owner or caller).email}
        if len(tasks) == 1:
            audit("task.launched", actor=caller, target=tasks[0], detail={"task": tasks[0].public_id, **facts})
        else:
            ids = [task.pk for task in tasks[:_NAMED]]
            audit("task.launched", actor=caller, detail={"tasks": len(tasks), "first": ids, **facts})
    return tasks


def _new_task(one: Launch, now: datetime) -> NewTask:
    run_after = one.run_after
    if one.countdown is not None:
        run_after = now + timedelta(seconds=one.countdown)
    return NewTask(type_name=one.task_type, parameters=one.params, priority=one.priority, run_after=run_after)


def _ask_the_owner_object(task: Task) -> str:
    handler = handlers.get(task.type_name)
    way = ""
    if handler is not None:
        try:
            way = handler.retried_by(handler.Params.model_validate(task.parameters))
        except ValidationError:
            way = ""  # It was submitted to an older version of the handler.
    advice = f"use {way} instead" if way else "retry the job or run instead"
    return f"Task {task.public_id} belongs to a job or run and cannot be retried alone: {advice}"
