"""Which task waits for which, and what follows when it cannot come to pass (CONTRACT R35, X70)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied, Conflict, FieldError, InvalidInput, RuleViolation
from pixtasks.common.sql import database_now
from tasktypes.models import Bucket, DependencyFailure, Task
from tasktypes.services.access import allow
from tasktypes.services.dispatch import dispatch_after_commit
from tasktypes.services.settle import ENDED_COLUMNS, close, ended_task, settle_dependents
from tasktypes.states import State

_BADLY = (State.FAILED, State.CANCELLED)
_GRAPH = "tasktypes.depends_on"
_SCHEDULE = {"run_after", "depends_on", "max_retries", "on_dependency_failure"}
_MOST_VISITED = 10_000


def check_prerequisites(actor: User, task_ids: Collection[int]) -> None:
    """Check that tasks are there and may be waited for by the caller.

    Raises:
        RuleViolation: one does not exist (CONTRACT X10).
        AccessDenied: one is somebody else's (CONTRACT X23).
    """
    if not task_ids:
        return
    owners = dict(Task.objects.filter(pk__in=task_ids).values_list("pk", "created_by_id"))
    if missing := sorted(set(task_ids) - set(owners)):
        raise RuleViolation(f"depends_on names tasks that do not exist: {', '.join(map(str, missing))}")
    if not actor.is_staff and any(owner != actor.pk for owner in owners.values()):
        raise AccessDenied


def fail_unmeetable(prerequisite_ids: Collection[int]) -> None:
    """Fail what waits for tasks that have ended badly already, as it would had they ended later (CONTRACT X70).

    Call it in the transaction that made the links and holds the prerequisites' rows.
    """
    if not prerequisite_ids:
        return
    ended = Task.objects.filter(pk__in=prerequisite_ids, status__in=_BADLY).order_by("pk").values(*ENDED_COLUMNS)
    close(settle_dependents([ended_task(row) for row in ended]))


def reschedule(task: Task, *, actor: User, **changes: Any) -> Task:
    """Change when a pending task may run, and what it waits for.

    Args:
        changes: any of run_after (None = at once), depends_on (ids), on_dependency_failure, max_retries.

    Raises:
        AccessDenied: the task, or a new prerequisite, is somebody else's.
        Conflict: the task is not pending any more, or this product runs it.
        InvalidInput: it would wait for itself.
        RuleViolation: a prerequisite does not exist.
    """
    if unknown := set(changes) - _SCHEDULE:
        raise TypeError(f"cannot change {sorted(unknown)}")
    allow(actor, task)
    wanted: Sequence[int] | None = changes.pop("depends_on", None)
    with transaction.atomic():
        if wanted is not None:
            # Two changes at once could each close the other's cycle; this row lets them pass one by one.
            Bucket.objects.get_or_create(pk=_GRAPH)
            Bucket.objects.select_for_update().get(pk=_GRAPH)
            check_prerequisites(actor, wanted)
        _lock(wanted if wanted is not None else ())
        row = Task.objects.select_for_update(of=("self",)).get(pk=task.pk)
        asked = sorted({*changes, *(["depends_on"] if wanted is not None else [])})
        if row.task_type_id is None or row.group_id is not None:
            raise Conflict(f"Task {row.pk} is run by this product; its {', '.join(asked)} cannot be set by hand")
        if row.status != State.PENDING:
            raise Conflict(f"Task {row.pk} is {row.status}; its {', '.join(asked)} can be set while it is pending only")
        if wanted is not None:
            _link(row, wanted)
        Task.objects.filter(pk=row.pk).update(**changes, updated_at=Now())
        if wanted is not None or "run_after" in changes:
            _hold_or_free(row.pk)
        fail_unmeetable(_links().filter(from_task_id=row.pk).values_list("to_task_id", flat=True))
        dispatch_after_commit()
    task.refresh_from_db()
    return task


def refuse_unmeetable(task: Task) -> None:
    """Refuse to run a task again whose prerequisite has ended badly: it would fail again at once.

    Raises:
        RuleViolation: naming the prerequisite.
    """
    bad = task.depends_on.filter(status__in=_BADLY).order_by("pk").first()
    if bad is not None and task.on_dependency_failure == DependencyFailure.FAIL:
        raise RuleViolation(
            f"Task {task.pk} waits for task {bad.pk}, which ended as {bad.status}; retry that one first"
        )


def wait_again(task_id: int) -> None:
    """Let a task that was just reopened wait for what has not completed of its prerequisites."""
    if _prerequisites(task_id):
        _hold_or_free(task_id)


def _lock(task_ids: Collection[int]) -> dict[int, str]:
    rows = Task.objects.filter(pk__in=task_ids).order_by("pk").select_for_update(no_key=True, of=("self",))
    return dict(rows.values_list("pk", "status"))


def _prerequisites(task_id: int) -> list[int]:
    return list(_links().filter(from_task_id=task_id).values_list("to_task_id", flat=True))


def _links() -> Any:
    return Task.depends_on.through._default_manager


def _hold_or_free(task_id: int) -> None:
    """Count the prerequisites that have not completed; with none left the task is due at its time."""
    # Locked, so that none settles between the count and its use.
    unmet = sum(1 for status in _lock(_prerequisites(task_id)).values() if status != State.COMPLETED)
    run_after = Task.objects.values_list("run_after", flat=True).get(pk=task_id)
    now = database_now()
    due_at = None if unmet else max(now, run_after) if run_after else now
    Task.objects.filter(pk=task_id, status=State.PENDING).update(unmet=unmet, due_at=due_at)


def _link(task: Task, prerequisite_ids: Sequence[int]) -> None:
    wanted = list(dict.fromkeys(prerequisite_ids))
    if path := _way(wanted, task.pk):
        chain = " → ".join(map(str, [task.pk, *path]))
        raise InvalidInput(FieldError(("body", "depends_on"), f"a cycle: {chain}", "value_error.cycle"))
    _links().filter(from_task_id=task.pk).delete()
    row = Task.depends_on.through
    _links().bulk_create([row(from_task_id=task.pk, to_task_id=task_id) for task_id in wanted])


def _way(starts: Sequence[int], target: int) -> list[int]:
    """Return a chain of prerequisites from one of ``starts`` to ``target``; empty where there is none.

    Raises:
        RuleViolation: the graph behind the starts is too large to search.
    """
    came_from: dict[int, int | None] = dict.fromkeys(starts)
    frontier = list(came_from)
    while frontier and target not in came_from:
        if len(came_from) > _MOST_VISITED:
            raise RuleViolation(f"More than {_MOST_VISITED} tasks stand behind depends_on; wait for fewer")
        links = _links().filter(from_task_id__in=frontier).order_by("id")
        frontier = []
        for task_id, prerequisite_id in links.values_list("from_task_id", "to_task_id"):
            if prerequisite_id not in came_from:
                came_from[prerequisite_id] = task_id
                frontier.append(prerequisite_id)
    if target not in came_from:
        return []
    path: list[int] = []
    step: int | None = target
    while step is not None:
        path.append(step)
        step = came_from[step]
    return path[::-1]
