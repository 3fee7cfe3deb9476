"""Acting on all tasks that match a filter: asked for once, carried out by a task of the ledger in slices."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Self

from django.db import transaction
from django.db.models import Max, QuerySet
from pydantic import BaseModel, ConfigDict, Field, model_validator

from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.errors import AccessDenied
from tasktypes.models import Task
from tasktypes.services.operate import STATES, Verb
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State

BATCH: Final = "tasktypes.batch"
OPERATE: Final = "accounts.operate"
MOST_COUNTED: Final = 10_000
"""A filter that matches more is said to match "more than" so many: nobody waits for a count of a million."""
_PRIORITY: Final = 10
"""Somebody is waiting for it."""
_LARGEST: Final = 2**63 - 1


class TaskFilter(BaseModel):
    """Which tasks; whatever is left out matches all."""

    model_config = ConfigDict(extra="forbid")

    state: State | None = Field(default=None, description="Where they stand.")
    type_name: str | None = Field(default=None, max_length=200, description="Name of a handler or declared type.")
    owner: int | None = Field(default=None, ge=0, le=_LARGEST, description="Number of their owner; 0: nobody's.")
    group: int | None = Field(default=None, ge=1, le=_LARGEST, description="Number of the group they belong to.")
    created_from: datetime | None = Field(default=None, description="Submitted at or after this time.")
    created_to: datetime | None = Field(default=None, description="Submitted before this time.")

    def rows(self, tasks: QuerySet[Task] | None = None) -> QuerySet[Task]:
        """Return the tasks that match now, of these or of all."""
        rows = Task.objects.all() if tasks is None else tasks
        if self.state is not None:
            rows = rows.filter(status=self.state)
        if self.type_name is not None:
            rows = rows.filter(type_name=self.type_name)
        if self.owner is not None:
            rows = rows.filter(created_by=self.owner) if self.owner else rows.filter(created_by__isnull=True)
        if self.group is not None:
            rows = rows.filter(group=self.group)
        if self.created_from is not None:
            rows = rows.filter(created_at__gte=self.created_from)
        if self.created_to is not None:
            rows = rows.filter(created_at__lt=self.created_to)
        return rows


class BatchParams(BaseModel):
    """What to do to which tasks."""

    model_config = ConfigDict(extra="forbid")

    verb: Verb = Field(description="What to do to each of them.")
    filter: TaskFilter = Field(default_factory=TaskFilter, description="Which tasks.")
    up_to: int = Field(
        default=_LARGEST, ge=0, le=_LARGEST, description="The newest task that counts: later ones were not asked for."
    )
    priority: int | None = Field(default=None, ge=1, le=1000, description="The new priority, for the verb priority.")

    @model_validator(mode="after")
    def _priority_where_needed(self) -> Self:
        if (self.verb == Verb.PRIORITY) != (self.priority is not None):
            raise ValueError("priority belongs to the verb priority, and to no other")
        return self

    def rows(self) -> QuerySet[Task]:
        """Return the tasks that match now and that the verb can change; never other batches: they hold their rows."""
        rows = self.filter.rows().filter(pk__lte=self.up_to).exclude(type_name=BATCH)
        return rows.filter(status__in=sorted(STATES[self.verb]))


def matching(params: BatchParams) -> int:
    """Return how many tasks a batch would be about, counted up to ``MOST_COUNTED`` and one."""
    return params.rows().order_by()[: MOST_COUNTED + 1].count()


def newest_task() -> int:
    """Return the number of the newest task: what is submitted later is not part of what somebody has seen."""
    newest: dict[str, Any] = Task.objects.aggregate(newest=Max("pk"))
    return newest["newest"] or 0


def check_operator(user: User) -> None:
    """Let operators pass.

    Raises:
        AccessDenied: everybody else.
    """
    if not user.has_perm(OPERATE):
        raise AccessDenied


def start_batch(params: BatchParams, *, actor: User, address: str | None = None) -> Task:
    """Submit the task that acts on all tasks that match; audited with what was asked for.

    Raises:
        AccessDenied: the caller is no operator.
    """
    check_operator(actor)
    with transaction.atomic():
        parameters = params.model_dump(mode="json", exclude_none=True)
        new = NewTask(type_name=BATCH, parameters=parameters, priority=_PRIORITY)
        (task,) = submit([new], owner_id=actor.pk)
        audit(
            "task.batch_started", actor=actor, target=task, detail={"task": task.public_id, **parameters},
            address=address,
        )  # fmt: skip
    return task
