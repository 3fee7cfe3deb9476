"""Runs the ledger's tasks inside the test's own process: the same claim, run and settle, without Celery."""

from __future__ import annotations

from django.db import transaction

from tasktypes.handlers import handlers
from tasktypes.models import Task
from tasktypes.services import execute
from tasktypes.services.inspect import beat_worker
from tasktypes.services.pick import pick
from tasktypes.states import State


def run_all(*, most: int = 10_000) -> int:
    """Run what may run now, and what that makes runnable, until nothing is left; return how many were run."""
    done = 0
    while done < most:
        with transaction.atomic():
            candidates = pick(1)
        if not candidates:
            return done
        task = Task.objects.get(pk=candidates[0].id)
        ran = execute.run_message(task.type_name, task.pk, task.attempt, worker="tests", carrier=f"test-{done}")
        if not ran:
            return done
        done += ran
    return done


def run_task(task: Task) -> Task:
    """Run one attempt of one task and return the row as it is then."""
    task.refresh_from_db()
    assert task.status == State.PENDING
    assert task.type_name in handlers
    execute.run_message(task.type_name, task.pk, task.attempt, worker="tests", carrier=f"test-{task.pk}")
    task.refresh_from_db()
    return task


def live_worker(slots: int = 2, name: str = "worker@tests") -> None:
    """Let the ledger believe that a worker with so many slots is alive."""
    beat_worker(name=name, pid=1, slots=slots, queues=["default"], first=True)
