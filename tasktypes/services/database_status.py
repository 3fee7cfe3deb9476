"""Dialect D's three words for a task's state, its pages by them, and its retry (CONTRACT 1.1, D08, D18, X43)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from enum import StrEnum
from itertools import islice

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now

from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import RuleViolation
from pixtasks.common.pagination import PageRequest
from tasktypes.models import Task
from tasktypes.services import tally
from tasktypes.services.retry import reopen
from tasktypes.states import State

_MERGED = 10_100
"""Pages that end within so many rows are merged from one index per state; further ones are counted off."""


class DatabaseStatus(StrEnum):
    """How dialect D says where a task stands."""

    NOT_STARTED = "not_started"
    SUCCESS = "success"
    ERROR = "error"


STATES: dict[DatabaseStatus, tuple[State, ...]] = {
    DatabaseStatus.NOT_STARTED: (State.PENDING, State.RUNNING),
    DatabaseStatus.SUCCESS: (State.COMPLETED,),
    DatabaseStatus.ERROR: (State.FAILED, State.CANCELLED),
}
_WORDS = {state: word for word, states in STATES.items() for state in states}


def status_word(state: State | str) -> DatabaseStatus:
    """Return D's word for a state."""
    return _WORDS[State(state)]


def page_of_tasks(
    page: PageRequest, *, owner_id: int | None, type_name: str | None = None, status: DatabaseStatus | None = None
) -> tuple[list[Task], int]:
    """Return the tasks of a page, newest first, and how many there are over all pages.

    The total comes from the tally, so that nothing counts the table. A word that stands for two states is answered by
    one walk along the index per state: asking for both at once would read past every row of other states.

    Args:
        owner_id: whose tasks; None = everybody's.
        type_name: of one handler or declared type.
        status: of one word.
    """
    states = tuple(State) if status is None else STATES[status]
    counts = tally.counts(owner_id=owner_id, type_name=type_name)
    rows = Task.objects.order_by("-id")
    if owner_id is not None:
        rows = rows.filter(created_by_id=owner_id)
    if type_name is not None:
        rows = rows.filter(type_name=type_name)
    end = page.offset + page.page_size
    if status is None or end > _MERGED:
        ids = list((rows if status is None else rows.filter(status__in=states)).values_list("id", flat=True)[
            page.offset : end
        ])  # fmt: skip
    else:
        walks = [rows.filter(status=state).values_list("id", flat=True)[:end] for state in states]
        ids = list(islice(heapq.merge(*walks, reverse=True), page.offset, end))
    return _in_order(ids), sum(counts[state] for state in states)


def retry_in_place(task: Task) -> Task:
    """Let a failed or cancelled task run again under its own id; that counts as one retry (CONTRACT X30).

    Raises:
        RuleViolation: it stands otherwise, or belongs to a job or run, which has a retry of its own.
    """
    if task.group_id is not None:
        raise RuleViolation(
            f"Task {task.pk} belongs to a job or run; retry that instead, such as POST /api/v1/jobs/{{job_id}}/retry"
        )
    with transaction.atomic():
        row = Task.objects.select_for_update(no_key=True, of=("self",)).get(pk=task.pk)
        if status_word(row.status) != DatabaseStatus.ERROR:
            raise RuleViolation(
                f"Cannot retry task {row.pk} with status '{status_word(row.status)}'. "
                f"Only tasks with status 'error' can be retried."
            )
        reopen([row.pk])
        # reopen() gives a fresh budget; here the count of retries goes on, and the budget is never below it.
        Task.objects.filter(pk=row.pk).update(
            retries=row.retries + 1, max_retries=Greatest(F("max_retries"), row.retries + 1), updated_at=Now()
        )
        audit("task.retried", target=row, detail={"task": row.public_id})
    task.refresh_from_db()
    return task


def _in_order(ids: Sequence[int]) -> list[Task]:
    # What no client of these lists is shown may be large.
    found = Task.objects.defer("state", "traceback", "metadata").in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]
