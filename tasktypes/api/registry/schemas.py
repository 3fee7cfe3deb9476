"""What dialect R answers; ``rendering`` builds it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.drainage import set_override
from pydantic import BaseModel, Field, RootModel

from tasktypes.models import DependencyFailure
from tasktypes.states import State


class Answer(BaseModel):
    """A body of a response."""


# A model may stand in an operation's answer and within a list of another one: it is the same component.
set_override(Answer, "suppress_collision_warning", True)


class RegisteredTaskType(Answer):
    """A declared task type."""

    id: int
    name: str
    description: str
    parameters_schema: dict[str, Any]
    metadata: dict[str, Any]
    is_active: bool
    created_at: datetime
    updated_at: datetime | None = Field(description="Null until it is changed.")


class RegisteredTaskTypes(RootModel[list[RegisteredTaskType]]):
    """Task types, oldest first."""


class RegistryTask(Answer):
    """A task."""

    id: int
    task_type_id: int | None = Field(description="Null for tasks that this product runs itself.")
    status: State
    parameters: dict[str, Any]
    priority: int
    metadata: dict[str, Any]
    result: dict[str, Any] | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime | None = Field(description="Null until it is changed.")
    started_at: datetime | None
    completed_at: datetime | None
    task_type: str = Field(description="The name of its type.")
    public_id: str = Field(description="The id that other interfaces of this product show.")
    run_after: datetime | None
    depends_on: list[int]
    on_dependency_failure: DependencyFailure
    retries: int = Field(description="Automatic retries so far.")
    max_retries: int
    progress: dict[str, Any] | None
    cancel_requested: bool = Field(description="Somebody has asked for its cancellation.")


class RegistryTasks(RootModel[list[RegistryTask]]):
    """Tasks, newest first."""


class ClaimedTask(RegistryTask):
    """A task in the caller's hands."""

    attempt: int
    lease_token: str = Field(description="Fits this attempt only.")
    lease_expires_at: datetime


class ClaimedTasks(RootModel[list[ClaimedTask]]):
    """Tasks in the order in which they shall be worked off; empty where there is nothing to do."""


class Heartbeat(Answer):
    """The lease is renewed."""

    id: int
    status: State
    attempt: int
    lease_expires_at: datetime
    cancel: bool = Field(description="Stop working on it, and say so with /fail.")


class Seconds(Answer):
    """Durations of the latest tasks that ended; null where none has."""

    mean: float | None
    p50: float | None
    p95: float | None


class RegistryTypeStats(Answer):
    """The figures of one type."""

    total: int
    by_status: dict[State, int]
    success_rate: float | None = Field(description="completed / (completed + failed)")
    wait_seconds: Seconds = Field(description="From when it might run until it started.")
    run_seconds: Seconds
    sample_size: int = Field(description="How many tasks the durations are of, at most the latest 1000.")


class RegistryStats(RegistryTypeStats):
    """The figures of all tasks, and of each type."""

    by_type: dict[str, RegistryTypeStats]
