"""What an operator does to tasks by hand: cancel, retry, run now, change the priority; one, some, or a slice of many.

Each verb is a guarded UPDATE over the rows that are in a state for it. The others are left alone, and counted by the
reason. A single task that is left alone is an error that says why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.db import transaction
from django.db.models import CharField, Value
from django.db.models.functions import Concat, Now, Substr

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import NotFound, RuleViolation
from pixtasks.common.sql import update_returning
from tasktypes.handlers import handlers
from tasktypes.models import DependencyFailure, Task
from tasktypes.services.cancel import cancel_tasks
from tasktypes.services.dependencies import wait_again
from tasktypes.services.dispatch import dispatch_after_commit
from tasktypes.services.retry import reopen
from tasktypes.services.status_cache import forget_after_commit
from tasktypes.states import ACTIVE, TERMINAL, State


class Verb(StrEnum):
    """What can be done to a task by hand."""

    CANCEL = "cancel"
    RETRY = "retry"
    RUN_NOW = "run_now"
    PRIORITY = "priority"


STATES: dict[Verb, frozenset[State]] = {
    Verb.CANCEL: ACTIVE,
    Verb.RETRY: frozenset({State.FAILED, State.CANCELLED}),
    Verb.RUN_NOW: frozenset({State.PENDING}),
    Verb.PRIORITY: ACTIVE,
}
"""In which states a verb can change anything."""
_AUDITED = {
    Verb.CANCEL: "task.cancelled",
    Verb.RETRY: "task.retried",
    Verb.RUN_NOW: "task.run_now",
    Verb.PRIORITY: "task.prioritised",
}


@dataclass(slots=True)
class Outcome:
    """What became of tasks.

    Attributes:
        changed: ids of the tasks that were changed.
        left_alone: how many were not, by the reason.
    """

    changed: list[int] = field(default_factory=list)
    left_alone: Counter[str] = field(default_factory=Counter)


def act(
    verb: Verb, ids: Sequence[int], *, actor: User, address: str | None = None, priority: int | None = None
) -> Outcome:
    """Do one thing to some tasks, in one transaction; audited for each task that was changed.

    Args:
        ids: the tasks' numbers; at most some hundred.
        priority: the new one, for the verb ``PRIORITY``; 1 to 1000.
    """
    with transaction.atomic():
        outcome = act_unaudited(verb, ids, by=actor.email, priority=priority)
        names = dict(Task.objects.filter(pk__in=outcome.changed).values_list("pk", "public_id"))
        for pk in outcome.changed:
            detail: dict[str, Any] = {"task": names.get(pk, "")}
            if verb == Verb.PRIORITY:
                detail["priority"] = priority
            audit(
                _AUDITED[verb],
                actor=actor,
                object_type=Task._meta.label_lower,
                object_id=pk,
                detail=detail,
                address=address,
            )
    return outcome


def act_on_one(
    verb: Verb, task_id: int, *, actor: User, address: str | None = None, priority: int | None = None
) -> Task:
    """Do one thing to one task and return it as it is then.

    Raises:
        NotFound: there is none.
        RuleViolation: the task is in no state for it; the message says why.
    """
    if not Task.objects.filter(pk=task_id).exists():
        raise NotFound(f"Task {task_id} not found")
    outcome = act(verb, [task_id], actor=actor, address=address, priority=priority)
    if not outcome.changed:
        raise RuleViolation(f"Left alone: this task {next(iter(outcome.left_alone), 'was changed by somebody else')}.")
    return Task.objects.get(pk=task_id)


def act_unaudited(verb: Verb, ids: Sequence[int], *, by: str, priority: int | None = None) -> Outcome:
    """Do one thing to some tasks; whoever calls has recorded that it was asked for.

    Args:
        by: who asked, for the tasks' histories.
    """
    with transaction.atomic():
        if verb == Verb.CANCEL:
            return _cancel(ids, by)
        if verb == Verb.RETRY:
            return _retry(ids, by)
        if verb == Verb.RUN_NOW:
            return _run_now(ids)
        if priority is None:
            raise TypeError("the verb PRIORITY needs a priority")
        return _set_priority(ids, priority)


def _cancel(ids: Sequence[int], by: str) -> Outcome:
    changed = cancel_tasks(ids, by=by)
    return Outcome(changed, _ended(set(ids) - set(changed)))


def _retry(ids: Sequence[int], by: str) -> Outcome:
    outcome = Outcome()
    linked, stuck = _prerequisites(ids)
    allowed = []
    columns = ("pk", "status", "type_name", "task_type_id", "group_id", "group__cancelled_at", "group__settled_at")
    for pk, status, name, declared, group, cancelled_at, settled_at in (
        Task.objects.filter(pk__in=ids).order_by("pk").values_list(*columns)
    ):
        handler = handlers.get(name)
        if status not in STATES[Verb.RETRY]:
            outcome.left_alone[f"is {status}: only failed and cancelled tasks can be retried"] += 1
        elif declared is None and handler is None:
            outcome.left_alone["is of a type whose handler is not installed any more"] += 1
        elif group is not None and not (handler is not None and handler.retried_alone):
            outcome.left_alone["belongs to a job or run: retry that one instead"] += 1
        elif cancelled_at is not None and settled_at is None:
            outcome.left_alone["belongs to a job that is still stopping: retry in a few seconds"] += 1
        elif pk in stuck:
            outcome.left_alone["waits for a task that ended badly: retry that one first"] += 1
        else:
            allowed.append(pk)
    outcome.changed = reopen(allowed, by=by) if allowed else []
    if missed := len(allowed) - len(outcome.changed):
        outcome.left_alone["was changed by somebody else at that moment"] += missed
    for pk in outcome.changed:
        if pk in linked:
            wait_again(pk)
    return outcome


def _prerequisites(ids: Sequence[int]) -> tuple[set[int], set[int]]:
    """Return which of the tasks wait for others, and which of those would fail again at once."""
    links = Task.depends_on.through._default_manager.filter(from_task_id__in=ids)
    linked = set(links.values_list("from_task_id", flat=True))
    stuck = links.filter(
        to_task__status__in=[State.FAILED, State.CANCELLED],
        from_task__on_dependency_failure=DependencyFailure.FAIL,
    )
    return linked, set(stuck.values_list("from_task_id", flat=True)) if linked else set()


def _run_now(ids: Sequence[int]) -> Outcome:
    won = update_returning(
        Task.objects.filter(pk__in=ids, status=State.PENDING, due_at__gt=Now(), unmet=0),
        {"due_at": Now(), "run_after": None, "updated_at": Now()},
        ["id", "public_id"],
    )
    outcome = _won(won)
    for status, due_at, unmet in Task.objects.filter(pk__in=set(ids) - set(outcome.changed)).values_list(
        "status", "due_at", "unmet"
    ):
        if status != State.PENDING:
            outcome.left_alone[f"is {status}: only pending tasks can be run now"] += 1
        elif unmet or due_at is None:
            outcome.left_alone["waits for other tasks"] += 1
        else:
            outcome.left_alone["is due already: it runs as soon as a worker is free"] += 1
    return outcome


def _set_priority(ids: Sequence[int], priority: int) -> Outcome:
    # A lane's name holds the priority behind its first letter, as lanes.lane_name writes it.
    lane = Concat(Substr("lane", 1, 1), Value(f"{priority:04d}"), Substr("lane", 6), output_field=CharField())
    won = update_returning(
        Task.objects.filter(pk__in=ids, status__in=ACTIVE).exclude(priority=priority),
        {"priority": priority, "lane": lane, "updated_at": Now()},
        ["id", "public_id"],
    )
    outcome = _won(won)
    rest = set(ids) - set(outcome.changed)
    outcome.left_alone = _ended(rest)
    if same := Task.objects.filter(pk__in=rest, status__in=ACTIVE).count():
        outcome.left_alone[f"has the priority {priority} already"] += same
    return outcome


def _won(rows: Sequence[dict[str, Any]]) -> Outcome:
    forget_after_commit(row["public_id"] for row in rows)
    if rows:
        dispatch_after_commit()
    return Outcome(sorted(row["id"] for row in rows))


def _ended(ids: set[int]) -> Counter[str]:
    found = Task.objects.filter(pk__in=ids, status__in=TERMINAL).order_by().values_list("status", flat=True)
    return Counter(f"has ended as {status}" for status in found)


__all__ = ["STATES", "Outcome", "Verb", "act", "act_on_one", "act_unaudited"]
