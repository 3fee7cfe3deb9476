"""Tasks of declared types: made by callers, run by outside workers (CONTRACT R10–R12, R33–R35)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import RuleViolation
from tasktypes.models import DependencyFailure, Task
from tasktypes.services.access import allow
from tasktypes.services.dependencies import check_prerequisites, refuse_unmeetable, wait_again
from tasktypes.services.retry import reopen
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.task_types import type_for


def create_task(
    *,
    actor: User,
    task_type_id: int,
    parameters: Mapping[str, Any],
    priority: int = 100,
    metadata: Mapping[str, Any] | None = None,
    run_after: datetime | None = None,
    depends_on: Sequence[int] = (),
    on_dependency_failure: DependencyFailure = DependencyFailure.FAIL,
    max_retries: int | None = None,
    owner: User | None = None,
) -> Task:
    """Insert a task of a declared type.

    Args:
        depends_on: ids of tasks that must complete first; where one has ended badly already, the task fails at once.
        max_retries: None = the type's own.
        owner: whose task it will be; by default the actor's.

    Raises:
        NotFound: there is no such type (CONTRACT R11).
        RuleViolation: the type is inactive, or a prerequisite does not exist.
        AccessDenied: a prerequisite is somebody else's.
        InvalidInput: the parameters do not fit the type's schema.
    """
    task_type = type_for(task_type_id)
    if not task_type.is_active:
        raise RuleViolation(f"Task type {task_type_id} is inactive; activate it to create tasks of it")
    check_prerequisites(actor, depends_on)
    new = NewTask(
        type_name=task_type.name,
        task_type=task_type,
        parameters=parameters,
        priority=priority,
        metadata=metadata or {},
        run_after=run_after,
        depends_on=depends_on,
        on_dependency_failure=on_dependency_failure,
        max_retries=max_retries,
    )
    with transaction.atomic():
        task = submit([new], owner_id=(owner or actor).pk, loc=("body", "parameters"))[0]
        facts = {"task": task.public_id, "type": task.type_name, "owner": (owner or actor).email}
        audit("task.launched", actor=actor, target=task, detail=facts)
    if depends_on:
        task.refresh_from_db()
    return task


def retry_task(task: Task, *, actor: User) -> Task:
    """Let a task that failed or was cancelled run again, under its id.

    Raises:
        AccessDenied: it is somebody else's.
        RuleViolation: it has not ended badly, it belongs to a job or run, or a prerequisite ended badly.
    """
    allow(actor, task)
    if task.group_id is not None:
        raise RuleViolation(f"Task {task.pk} belongs to a job or run; retry that one instead")
    refuse_unmeetable(task)
    with transaction.atomic():
        if not reopen([task.pk]):
            task.refresh_from_db()
            raise RuleViolation(
                f"Cannot retry task in state: {task.status}. Only failed and cancelled tasks can be retried."
            )
        wait_again(task.pk)
        audit("task.retried", actor=actor, target=task, detail={"task": task.public_id})
    task.refresh_from_db()
    return task
