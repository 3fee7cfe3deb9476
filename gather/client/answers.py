"""What the task service answers, as typed values (CONTRACT D02–D09, X43)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal, TypeVar

from gather.client.errors import TaskServiceError

Status = Literal["not_started", "success", "error"]
Kind = TypeVar("Kind", bound="TaskState")
_TIMES = frozenset({"created_at", "last_run_at", "started_at", "completed_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskState:
    """A task as the service knows it.

    Attributes:
        id: the task's number; ``get_task_status`` and ``cancel_task`` take it.
        status: ``not_started`` while it waits or runs, then ``success`` or ``error``.
        result_data: what it brought; holds ``cancelled: true`` where it was cancelled.
    """

    id: int
    task_name: str
    task_payload: dict[str, Any]
    status: Status
    created_at: datetime
    last_run_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    retries: int
    max_retries: int
    error_message: str | None
    result_data: dict[str, Any] | None

    @property
    def ended(self) -> bool:
        """Whether it is over, well or badly."""
        return self.status != "not_started"

    @property
    def running(self) -> bool:
        """Whether a worker has it now."""
        return not self.ended and self.started_at is not None

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.status == "success"

    @property
    def cancelled(self) -> bool:
        """Whether it ended because somebody asked for it."""
        return self.status == "error" and bool((self.result_data or {}).get("cancelled"))

    @property
    def result(self) -> dict[str, Any]:
        """What it brought; empty while there is nothing."""
        return self.result_data or {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Submitted(TaskState):
    """A task that was submitted, and whether it was there already.

    Attributes:
        is_duplicate: the same payload had been submitted before, and this is that task.
        message: says what happens with it.
    """

    is_duplicate: bool
    message: str


def read(kind: type[Kind], body: object) -> Kind:
    """Return an answer as a value of that kind; keys that it does not know are left out.

    Raises:
        TaskServiceError: the answer has another form, so whatever answers there is no task service.
    """
    try:
        if not isinstance(body, Mapping):
            raise TypeError("no object")
        values = {field.name: body[field.name] for field in fields(kind)}
        for name in _TIMES & values.keys():
            values[name] = None if values[name] is None else datetime.fromisoformat(values[name])
        if not isinstance(values["id"], int) or values["status"] not in ("not_started", "success", "error"):
            raise ValueError("id or status")
        return kind(**values)
    except (KeyError, TypeError, ValueError) as error:
        raise TaskServiceError(f"The answer is not that of a task service ({error!r}); check the address") from error
