"""What dialect D answers; ``rendering`` builds it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from drf_spectacular.drainage import set_override
from pydantic import BaseModel, Field, GetJsonSchemaHandler, RootModel
from pydantic_core import CoreSchema

from pixtasks.common.openapi import FieldFault
from tasktypes.handlers import handlers
from tasktypes.services.database_status import DatabaseStatus

NameType = TypeVar("NameType")


class Answer(BaseModel):
    """A body of a response."""


# A model may stand in an operation's answer and within a list of another one: it is the same component.
set_override(Answer, "suppress_collision_warning", True)


class TaskNameEnum(RootModel[str]):
    """The handlers that are registered: what can be submitted (CONTRACT D01)."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return the names as they are now."""
        return {"type": "string", "enum": handlers.names(), "title": cls.__name__, "description": cls.__doc__}


class TaskFacts(Answer, Generic[NameType]):
    """What every body of a task holds."""

    id: int
    task_name: NameType
    task_payload: dict[str, Any]
    task_payload_prefix: str = Field(description="The start of the payload's canonical JSON, to recognise it by.")
    status: DatabaseStatus
    created_at: datetime
    last_run_at: datetime | None = Field(description="When the latest attempt began.")
    started_at: datetime | None = Field(description="Set while it runs and once it has ended.")
    completed_at: datetime | None
    retries: int
    max_retries: int
    error_message: str | None
    result_data: dict[str, Any] | None = Field(description="What it brought; `cancelled: true` where it was cancelled.")


class DatabaseTask(TaskFacts[str]):
    """A task."""


class CreateTaskResponse(TaskFacts[TaskNameEnum]):
    """The task, and whether it was there already."""

    message: str
    is_duplicate: bool


class TaskListResponse(Answer):
    """A page of tasks, newest first."""

    tasks: list[DatabaseTask]
    total: int = Field(description="Over all pages; exact.")
    page: int
    page_size: int
    total_pages: int


class BatchItemResult(Answer):
    """What became of one payload."""

    index: int = Field(description="Its place in the list, from 0.")
    success: bool
    id: int | None = Field(description="The task's id; null where the payload is not valid.")
    message: str
    errors: list[FieldFault]


class BatchCreateTaskResponse(Answer):
    """What became of each payload."""

    results: list[BatchItemResult]
    created: int
    duplicates: int
    failed: int


class StatusCounts(Answer):
    """How many tasks are in each status; exact."""

    not_started: int
    success: int
    error: int


class TimeFigures(Answer):
    """Seconds, of the latest tasks that ended; null where none has."""

    mean: float | None
    p50: float | None
    p95: float | None


class TaskFigures(Answer):
    """What some tasks add up to."""

    total: int
    counts: StatusCounts
    success_rate: float | None = Field(description="Successes among tasks that succeeded or failed, 0 to 1.")
    wait_seconds: TimeFigures = Field(description="From when it could run to the start of its latest attempt.")
    run_seconds: TimeFigures = Field(description="From that start to the end: the processing time.")


class TaskStatsResponse(TaskFigures):
    """What the caller's tasks add up to, over all and for each name."""

    by_task_name: dict[str, TaskFigures]
