"""What dialect C answers (CONTRACT section 4)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field, RootModel

from tasktypes.services.celery_states import TaskStatus


class TaskParameter(BaseModel):
    """One parameter of a task type."""

    type: str = Field(description="string, integer, number, boolean, array, object, null or any.")
    required: bool
    default: Any = None
    description: str
    min: float | None = Field(description="Smallest value, or shortest length of a text or list.")
    max: float | None = Field(description="Largest value, or longest length of a text or list.")


class AvailableTask(BaseModel):
    """A task type that can be launched."""

    task_type: str
    name: str
    description: str
    parameters: dict[str, TaskParameter]
    parameters_schema: dict[str, Any] = Field(description="The same as a JSON Schema, with every detail.")


class AvailableTasks(RootModel[list[AvailableTask]]):
    """Everything that can be launched."""


class TaskLaunchResponse(BaseModel):
    """A task that was launched."""

    success: Literal[True] = True
    task_id: str
    task_type: str
    status: TaskStatus = TaskStatus.PENDING
    message: str


class Launched(RootModel[TaskLaunchResponse | list[TaskLaunchResponse]]):
    """One answer, or a list where a list was sent."""


class TaskStatusResponse(BaseModel):
    """Where a task stands."""

    task_id: str
    status: TaskStatus | str = Field(description="Plain Celery code may use words of its own.")
    result: Any = Field(description="What the task returned, once it is SUCCESS.")
    error: str | None = Field(description="What went wrong, where it is FAILURE, RETRY or REVOKED.")
    traceback: str | None
    meta: dict[str, Any] | None = Field(description="How far it is, while it is PROGRESS.")
    task_type: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    attempts: int | None = Field(description="How often it was started; null for tasks of plain Celery code.")
    retried_from: str | None = Field(description="The failed task that this one repeats.")


class TaskRevoked(BaseModel):
    """What became of a revoke."""

    task_id: str
    status: TaskStatus = Field(description="REVOKED, or the true status of a task that had already finished.")
    terminate: bool
    message: str


class TaskRetried(BaseModel):
    """The new task that repeats a failed one."""

    task_id: str
    retried_from: str
    status: TaskStatus = TaskStatus.PENDING
    message: str


class Execution(BaseModel):
    """One line of the history."""

    task_id: str
    task_type: str | None
    status: TaskStatus | str
    source: Literal["ledger", "celery"] = Field(description="celery: sent by plain Celery code, not through here.")
    error: str | None
    attempts: int | None
    retried_from: str | None
    worker: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


class Executions(RootModel[list[Execution]]):
    """A page of the history."""


class WorkerTask(BaseModel):
    """A task that a worker runs, or that waits for its time."""

    id: str | None = Field(description="The id of its Celery message.")
    task_id: str | None
    name: str | None
    priority: int | None
    attempts: int | None
    eta: datetime | str | None
    time_start: datetime | None


class CeleryStats(BaseModel):
    """What the workers do now."""

    active_tasks: dict[str, list[WorkerTask]] = Field(description="By worker.")
    scheduled_tasks: dict[str, list[WorkerTask]] = Field(description="By worker; `ledger` holds what waits there.")
    registered_tasks: list[str]
    worker_stats: dict[str, dict[str, Any]] = Field(description="By worker.")
