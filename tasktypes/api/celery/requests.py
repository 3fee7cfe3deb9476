"""What dialect C is asked: bodies, which refuse unknown fields, and queries."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, RootModel, model_validator
from pydantic_core import PydanticCustomError

from pixtasks.common.times import parse_time
from pixtasks.common.wording import BAD_DATETIME, NOT_A_STRING
from tasktypes.handlers import handlers
from tasktypes.services.celery_states import TaskStatus
from tasktypes.services.launch import known_handler

MOST_LAUNCHES = 1000
_TEN_YEARS = 315_576_000

# Made when the routes are loaded, after every app has registered its handlers. They describe; what counts at run time
# is the registry itself.
TaskType = Enum("TaskType", [(name, name) for name in handlers.names()], type=str)  # type: ignore[misc]
TaskType.__doc__ = "A registered handler."
Params: Any = reduce(or_, dict.fromkeys(handler.Params for handler in handlers))


def _registered(value: Any) -> str:
    if not isinstance(value, str):
        raise PydanticCustomError(NOT_A_STRING[1], NOT_A_STRING[0])
    known_handler(value)
    return value


def _moment(value: Any) -> datetime:
    """Return the time that an ISO 8601 text names; a number would be seconds to one reader and milliseconds to another.

    Raises:
        PydanticCustomError: it is no such text.
    """
    try:
        if not isinstance(value, str) or len(value) < len("2030-01-01T00:00"):
            raise ValueError
        return parse_time(value)
    except (ValueError, OverflowError):
        raise PydanticCustomError(BAD_DATETIME[1], BAD_DATETIME[0]) from None


def _given(value: Any) -> Any:
    return value


class TaskLaunchRequest(BaseModel):
    """What to launch, and when."""

    model_config = ConfigDict(extra="forbid")

    task_type: Annotated[str, PlainValidator(_registered, json_schema_input_type=TaskType)] = Field(
        description="A type of GET /api/celery/tasks."
    )
    params: Annotated[dict[str, Any], BeforeValidator(_given, json_schema_input_type=Params)] = Field(
        default_factory=dict, description="What the type takes; GET /api/celery/tasks lists it."
    )
    priority: int = Field(default=100, strict=True, ge=1, le=1000, description="Lower runs first.")
    run_after: Annotated[
        datetime | None,
        PlainValidator(lambda value: None if value is None else _moment(value), json_schema_input_type=datetime | None),
    ] = Field(default=None, description="Not before this time (ISO 8601; UTC where it has no offset).")
    countdown: float | None = Field(
        default=None, strict=True, ge=0, le=_TEN_YEARS, description="Not before so many seconds from now."
    )

    @model_validator(mode="after")
    def _one_time(self) -> TaskLaunchRequest:
        if self.run_after is not None and self.countdown is not None:
            raise ValueError("give run_after or countdown, not both")
        return self


class LaunchBodyRequest(RootModel[TaskLaunchRequest | list[TaskLaunchRequest]]):
    """One launch, or a list of up to 1000: all of them are launched, or none."""

    root: TaskLaunchRequest | Annotated[list[TaskLaunchRequest], Field(min_length=1, max_length=MOST_LAUNCHES)]


class RevokeQuery(BaseModel):
    """How to revoke."""

    terminate: Literal["true", "false", "True", "False", "1", "0"] = Field(
        default="false", description="Kill the process that runs it now, instead of asking the task to stop."
    )


class HistoryQuery(BaseModel):
    """Which executions."""

    status: TaskStatus | None = None
    task_type: str | None = Field(default=None, max_length=200)
    source: Literal["ledger", "celery"] | None = Field(
        default=None, description="ledger: this product's tasks; celery: those that plain Celery code has sent."
    )
    cursor: str | None = Field(default=None, max_length=500, description="From the Link header of the page before.")
    limit: int = Field(default=50, ge=1, le=500, description="Rows per page.")
