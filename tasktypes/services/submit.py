"""Submitting: pending rows, inserted in the caller's transaction. The row is the outbox."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from pydantic import ValidationError

from pixtasks.common.crash_points import crash_after_commit, crash_point
from pixtasks.common.errors import InvalidInput, NotFound
from pixtasks.common.sql import database_now
from pixtasks.common.wording import Loc, field_errors
from tasktypes.handlers import handlers
from tasktypes.models import DependencyFailure, Task, TaskEvent, TaskGroup, TaskType
from tasktypes.services import tally
from tasktypes.services.dispatch import dispatch_after_commit
from tasktypes.services.lanes import lane_of
from tasktypes.services.task_types import check_parameters, declared_retries
from tasktypes.states import EventType, State


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTask:
    """What to run, and when.

    Args:
        type_name: a registered handler's name, or the name of ``task_type``.
        task_type: the declared type, for tasks that outside workers run.
        parameters: what the handler's ``Params`` model, or the declared type's schema, takes.
        public_id: a uuid4 by default.
        priority: 1 to 1000, lower runs first.
        run_after: not before this time.
        max_retries: the handler's own by default.
        depends_on: ids of tasks that must complete first.
        held: do not run until :func:`release` is called.
        dedup_key: unique per owner; the insert fails where it is taken.
        retried_from_id: the task that this one repeats.
    """

    type_name: str
    task_type: TaskType | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    public_id: str | None = None
    priority: int = 100
    run_after: datetime | None = None
    max_retries: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    depends_on: Sequence[int] = ()
    on_dependency_failure: DependencyFailure = DependencyFailure.FAIL
    held: bool = False
    dedup_key: str | None = None
    retried_from_id: int | None = None


def create_group(kind: str) -> TaskGroup:
    """Create an empty group of one kind; submit() counts its tasks in."""
    return TaskGroup.objects.create(kind=kind)


def submit(
    new_tasks: Sequence[NewTask],
    *,
    owner_id: int | None,
    group: TaskGroup | None = None,
    loc: Loc = ("parameters",),
) -> list[Task]:
    """Insert tasks in one transaction and have them dispatched after it commits.

    Args:
        new_tasks: what to run.
        owner_id: whose tasks they are; None for the product's own housekeeping.
        group: what they belong to.
        loc: where the parameters stand in what the caller was given, for errors.

    Returns:
        The rows, in the order given, with their ids, as they were inserted: one whose prerequisite has ended badly is
        failed in the same transaction (CONTRACT X70).

    Raises:
        InvalidInput: parameters are not valid; ``loc`` starts with the task's index where there are several.
        NotFound: the name or a prerequisite does not exist.
        IntegrityError: a ``dedup_key`` is taken.
    """
    now = database_now()
    with transaction.atomic():
        several = len(new_tasks) > 1
        rows = [
            _row(new, (index, *loc) if several else loc, owner_id, group, now) for index, new in enumerate(new_tasks)
        ]
        unmet = _lock_prerequisites(new_tasks)
        for row, new in zip(rows, new_tasks, strict=True):
            row.unmet = len(unmet & set(new.depends_on))
            if not new.held and not row.unmet:
                row.due_at = max(now, new.run_after) if new.run_after else now
        Task.objects.bulk_create(rows, batch_size=500)
        TaskEvent.objects.bulk_create(
            [TaskEvent(task=row, seq=1, type=EventType.SUBMITTED, created_at=now) for row in rows], batch_size=1000
        )
        _link_prerequisites(rows, new_tasks)
        tally.record((owner_id, row.type_name, None, State.PENDING) for row in rows)
        if group is not None:
            TaskGroup.objects.filter(pk=group.pk).update(total=F("total") + len(rows), updated_at=Now())
        for type_name in sorted({row.type_name for row in rows}):
            handler = handlers.get(type_name)
            if handler is not None:
                handler.on_submitted([row for row in rows if row.type_name == type_name])
        if unmet:
            # Down here, as settling submits the tasks that send webhooks.
            from tasktypes.services.dependencies import fail_unmeetable

            fail_unmeetable(unmet)
        crash_after_commit("submit.after_commit")
        dispatch_after_commit()
        crash_point("submit.before_commit")
    return rows


def release(task_id: int) -> bool:
    """Let a held task run (``held=True`` at submit). Call it inside a transaction; say whether it was held."""
    changed = Task.objects.filter(pk=task_id, status=State.PENDING, due_at__isnull=True, unmet=0).update(
        due_at=Now(), updated_at=Now()
    )
    if changed:
        dispatch_after_commit()
    return bool(changed)


def _row(new: NewTask, loc: Loc, owner_id: int | None, group: TaskGroup | None, now: datetime) -> Task:
    task = Task(
        type_name=new.type_name,
        task_type=new.task_type,
        parameters=dict(new.parameters),
        priority=new.priority,
        metadata=dict(new.metadata),
        run_after=new.run_after,
        on_dependency_failure=new.on_dependency_failure,
        created_by_id=owner_id,
        group=group,
        dedup_key=new.dedup_key,
        retried_from_id=new.retried_from_id,
        event_seq=1,
        created_at=now,
        updated_at=now,
    )
    if new.public_id is not None:
        task.public_id = new.public_id
    if new.task_type is None:
        _for_handler(task, new, loc)
    else:
        check_parameters(new.task_type, new.parameters, loc=loc)
        task.max_retries = declared_retries(new.task_type) if new.max_retries is None else new.max_retries
    task.lane = lane_of(task)
    return task


def _for_handler(task: Task, new: NewTask, loc: Loc) -> None:
    handler = handlers.get(new.type_name)
    if handler is None:
        raise NotFound(f"Unknown task type: {new.type_name}; known are: {', '.join(handlers.names())}")
    try:
        params = handler.Params.model_validate(dict(new.parameters))
    except ValidationError as error:
        raise InvalidInput(field_errors(error, loc)) from error
    task.max_retries = handler.max_retries if new.max_retries is None else new.max_retries
    task.rate_key = handler.rate_key(params)


def _lock_prerequisites(new_tasks: Sequence[NewTask]) -> set[int]:
    """Lock the prerequisites, so that none settles unseen, and return the ids of those that have not completed."""
    wanted = {task_id for new in new_tasks for task_id in new.depends_on}
    if not wanted:
        return set()
    found = dict(
        Task.objects.filter(pk__in=wanted).order_by("pk").select_for_update(no_key=True).values_list("pk", "status")
    )
    if missing := sorted(wanted - set(found)):
        raise NotFound(f"depends_on names tasks that do not exist: {missing}")
    return {task_id for task_id, status in found.items() if status != State.COMPLETED}


def _link_prerequisites(rows: list[Task], new_tasks: Sequence[NewTask]) -> None:
    through = Task.depends_on.through
    links = [
        through(from_task_id=row.pk, to_task_id=task_id)
        for row, new in zip(rows, new_tasks, strict=True)
        for task_id in dict.fromkeys(new.depends_on)
    ]
    if links:
        through._default_manager.bulk_create(links, batch_size=1000)
