"""Changing tasks by hand: what R's PUT and DELETE do (CONTRACT X29, X36, R16–R19)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import Conflict, FieldError, InvalidInput, NotFound
from tasktypes.handlers import handlers
from tasktypes.models import Task, TaskGroup
from tasktypes.services import tally
from tasktypes.services.access import allow
from tasktypes.services.cancel import cancel_task
from tasktypes.services.claim import start_by_hand
from tasktypes.services.dispatch import dispatch_after_commit
from tasktypes.services.lanes import lane_of
from tasktypes.services.settle import Settlement, close, ended_task, settle, settle_dependents
from tasktypes.services.status_cache import forget_after_commit
from tasktypes.services.task_types import check_parameters
from tasktypes.states import TERMINAL, State

_FACTS = ("priority", "parameters", "metadata", "result", "error_message")


def update_task(task: Task, *, actor: User, status: State | None = None, **facts: Any) -> Task:
    """Change facts of a task, its status, or both (one body may carry all, CONTRACT R18).

    Args:
        status: running sets ``started_at``, an end sets ``completed_at``; ``cancelled`` cancels.
        facts: any of priority, parameters, metadata, result, error_message.

    Raises:
        AccessDenied: it is somebody else's.
        Conflict: the task has ended and another status was asked for; or it belongs to a job or run, or a handler
            runs it, and anything but its priority, metadata or a cancel was asked for.
        InvalidInput: parameters do not fit the type's schema.
    """
    allow(actor, task)
    with transaction.atomic():
        task = Task.objects.select_related("task_type").select_for_update(of=("self",)).get(pk=task.pk)
        _refuse(task, status, facts)
        if "parameters" in facts and task.task_type is not None:
            check_parameters(task.task_type, facts["parameters"], loc=("body", "parameters"))
        if status is not None and status != task.status:
            _move(task, status, facts)
        _write(task.pk, facts)
        said = {"task": task.public_id, "changed": sorted(facts)} | ({"status": status.value} if status else {})
        audit("task.changed", actor=actor, target=task, detail=said)
        forget_after_commit([task.public_id])
        dispatch_after_commit()
    task.refresh_from_db()
    return task


def delete_task(task: Task, *, actor: User) -> None:
    """Remove a task for ever; its dependents fail and say so (CONTRACT X29, X70).

    Raises:
        AccessDenied: it is somebody else's.
        Conflict: it belongs to a job or run, or a handler runs it.
        NotFound: somebody else was first.
    """
    allow(actor, task)
    with transaction.atomic():
        row = Task.objects.select_for_update(of=("self",)).filter(pk=task.pk).first()
        if row is None:
            raise NotFound(f"Task {task.pk} not found")
        if row.group_id is not None or row.task_type_id is None:
            raise Conflict(f"Task {row.pk} {_keeper(row)}; cancel it instead")
        _forget([row], how="was deleted")
        audit("task.deleted", actor=actor, target=row, detail={"task": row.public_id, "type": row.type_name})
        row.delete()
        dispatch_after_commit()


def delete_groups(group_ids: Sequence[int]) -> None:
    """Remove groups with all their tasks; what they belonged to is being deleted."""
    with transaction.atomic():
        rows = list(Task.objects.filter(group_id__in=group_ids).order_by("id").select_for_update(of=("self",)))
        _forget(rows, how="was deleted")
        TaskGroup.objects.filter(pk__in=group_ids).delete()


def _forget(rows: list[Task], *, how: str) -> None:
    """Take rows that are about to be deleted out of the tally, and fail what waits for them."""
    tally.record((row.created_by_id, row.type_name, State(row.status), None) for row in rows)
    forget_after_commit(row.public_id for row in rows)
    waiting = [row for row in rows if row.status != State.COMPLETED]
    close(
        settle_dependents(
            [ended_task({**_columns(row), "status": State.CANCELLED}) for row in waiting],
            how=how,
        )
    )


def _columns(row: Task) -> dict[str, Any]:
    names = (
        "id", "public_id", "type_name", "group_id", "created_by_id", "parameters", "progress", "result",
        "error_message",
    )  # fmt: skip
    return {name: getattr(row, name) for name in names}


def _refuse(task: Task, status: State | None, facts: dict[str, Any]) -> None:
    if status is not None and status != task.status and task.status in TERMINAL:
        raise Conflict(f"Task {task.pk} has ended as {task.status}; it cannot become {status.value}")
    if task.group_id is None and task.task_type_id is not None:
        return
    asked = set(facts) - {"priority", "metadata"}
    if status is not None and status not in (task.status, State.CANCELLED):
        asked.add("status")
    if asked:
        raise Conflict(f"Task {task.pk} {_keeper(task)}; its {', '.join(sorted(asked))} cannot be set by hand")


def _keeper(task: Task) -> str:
    if task.group_id is not None:
        return "belongs to a job or run"
    return f"is run by the handler {task.type_name}" if task.type_name in handlers else "is run by a handler"


def _move(task: Task, status: State, facts: dict[str, Any]) -> None:
    if status == State.CANCELLED:
        cancel_task(task.pk)
        return
    if status == State.PENDING:
        raise InvalidInput(FieldError(("body", "status"), "a running task goes back to pending only by its lease"))
    if task.status == State.PENDING:
        Task.objects.filter(pk=task.pk, due_at__isnull=True).update(unmet=0)  # Whoever sets it by hand does not wait.
        if start_by_hand(task.pk) is None:
            raise Conflict(f"Task {task.pk} was taken by somebody else at this moment; look again")
        task.refresh_from_db()
    if status in TERMINAL:
        settle(
            [
                Settlement(
                    task_id=task.pk,
                    attempt=task.attempt,
                    status=status,
                    result=facts.get("result", task.result),
                    error_message=facts.get("error_message", task.error_message),
                )
            ]
        )


def _write(task_id: int, facts: dict[str, Any]) -> None:
    if unknown := set(facts) - set(_FACTS):
        raise TypeError(f"cannot change {sorted(unknown)}")
    if not facts:
        Task.objects.filter(pk=task_id).update(updated_at=Now())
        return
    Task.objects.filter(pk=task_id).update(**facts, updated_at=Now())
    if "priority" in facts:
        row = Task.objects.get(pk=task_id)
        Task.objects.filter(pk=task_id).update(lane=lane_of(row))
