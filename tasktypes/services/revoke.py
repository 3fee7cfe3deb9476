"""Revoking one task: the durable mark, and at once the kill where the caller asks for it (CONTRACT C04, X27, X71)."""

from __future__ import annotations

from django.db import transaction

from pixtasks.accounts.services.audit import audit
from tasktypes.models import Task
from tasktypes.services.cancel import cancel_task, revoke
from tasktypes.services.settle import Settlement, settle
from tasktypes.states import State


def revoke_task(task: Task, *, terminate: bool = False) -> bool:
    """Ask a task to stop, and say whether it had not yet ended; ``task`` is as the database has it afterwards.

    Args:
        terminate: do not wait for a running handler to see the mark: kill the process that runs it, now. Rows that
            the same message carries are run again.
    """
    with transaction.atomic():
        asked = cancel_task(task.pk)
        if asked:
            detail = {"task": task.public_id} | ({"terminate": True} if terminate else {})
            audit("task.cancelled", target=task, detail=detail)
    if asked and terminate:
        _kill(task.pk)
    task.refresh_from_db()
    return asked


def _kill(task_id: int) -> None:
    # Outside workers are no processes of ours: they hear the mark at their next heartbeat.
    running = Task.objects.filter(
        pk=task_id, status=State.RUNNING, task_type__isnull=True, cancel_requested_at__isnull=False
    )
    for attempt, carrier in list(running.values_list("attempt", "carrier")):
        if carrier:
            revoke([carrier], terminate=True)
        settle([Settlement(task_id=task_id, attempt=attempt, status=State.CANCELLED)])
