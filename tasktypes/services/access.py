"""Whose task is it? Lists start from the caller; objects by id are checked (CONTRACT X23)."""

from __future__ import annotations

from django.db.models import QuerySet

from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied, NotFound
from tasktypes.models import Task

_MOST_DIGITS = 9


def tasks_of(user: User) -> QuerySet[Task]:
    """Return the caller's tasks; staff see all."""
    tasks = Task.objects.all()
    return tasks if user.is_staff else tasks.filter(created_by=user)


def owner_scope(user: User) -> int | None:
    """Return whose tasks the caller's counts and lists are about; None = everybody's."""
    return None if user.is_staff else user.pk


def task_for(user: User, task_id: int) -> Task:
    """Return a task by its number.

    Raises:
        NotFound: there is none.
        AccessDenied: it is somebody else's.
    """
    task = any_task(task_id)
    allow(user, task)
    return task


def any_task(task_id: int) -> Task:
    """Return a task by its number, whosever it is: for workers that may take everybody's (CONTRACT X23).

    Raises:
        NotFound: there is none.
    """
    task = Task.objects.select_related("task_type").filter(pk=task_id).first() if task_id < 2**63 else None
    if task is None:
        raise NotFound(f"Task {task_id} not found")
    return task


def task_by_public_id(user: User, name: str) -> Task:
    """Return a task by its public id or by the id of one of its Celery messages (CONTRACT X30).

    Raises:
        NotFound: there is none (CONTRACT X12).
        AccessDenied: it is somebody else's.
    """
    public_id, ring = split_celery_id(name)
    task = Task.objects.select_related("task_type", "retried_from").filter(public_id=public_id, rings__gte=ring).first()
    if task is None:
        raise NotFound(f"Task {name} not found")
    allow(user, task)
    return task


def split_celery_id(name: str) -> tuple[str, int]:
    """Return the public id and the message's number, which is 0 where the name is a public id itself."""
    public_id, dot, ring = name.rpartition(".")
    if dot and ring.isascii() and ring.isdecimal() and ring == str(int(ring[:_MOST_DIGITS])) and ring != "0":
        return public_id, int(ring)
    return name, 0


def allow(user: User, task: Task) -> None:
    """Let the owner and staff pass.

    Raises:
        AccessDenied: everybody else.
    """
    if not user.is_staff and task.created_by_id != user.pk:
        raise AccessDenied
