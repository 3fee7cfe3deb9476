"""What the progress webhook is sent and what it answers (CONTRACT G28–G30)."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from pixtasks.common.times import parse_time

_LARGEST = 1_000_000


class ProgressEvent(StrEnum):
    """What is reported."""

    PROGRESS = "progress"
    COMPLETE = "complete"
    ERROR = "error"
    CANCELLED = "cancelled"


def _moment(value: object) -> datetime:
    if isinstance(value, str):
        try:
            return parse_time(value)
        except (ValueError, OverflowError):
            pass
    raise PydanticCustomError("value_error.datetime", "invalid datetime format")


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]
Count = Annotated[int, Field(strict=True, ge=0, le=_LARGEST)]
Percentage = Annotated[Annotated[int, Field(strict=True)] | Annotated[float, Field(strict=True)], Field(ge=0, le=100)]


class ProgressData(BaseModel):
    """How far the task is; more keys may stand beside these. An event of progress needs all four."""

    model_config = ConfigDict(extra="allow")

    current_iteration: Count | None = Field(default=None, alias="currentIteration")
    total_iterations: Count | None = Field(default=None, alias="totalIterations")
    percentage: Percentage | None = None
    message: Annotated[str, Field(strict=True)] | None = None


_DOCUMENTED = ("currentIteration", "totalIterations", "percentage", "message")


class AutomatedGatherProgress(BaseModel):
    """An event of a task."""

    model_config = ConfigDict(extra="forbid")

    task_id: Annotated[str, Field(strict=True, min_length=1, max_length=64, alias="taskId")]
    event: ProgressEvent
    data: ProgressData
    timestamp: Moment = Field(description="When it happened, as the sender says; ISO 8601.")
    signature: Annotated[str, Field(strict=True)] | None = Field(
        default=None, description="Counts only where the X-Webhook-Signature header is absent."
    )

    @model_validator(mode="after")
    def _progress_says_how_far(self) -> AutomatedGatherProgress:
        if self.event == ProgressEvent.PROGRESS:
            present = self.data.model_dump(by_alias=True)
            if missing := [name for name in _DOCUMENTED if present[name] is None]:
                raise PydanticCustomError(
                    "value_error.missing", "data of a progress event needs {names}", {"names": ", ".join(missing)}
                )
        return self

    def facts(self) -> dict[str, Any]:
        """Return ``data`` as it was sent."""
        return self.data.model_dump(by_alias=True, exclude_unset=True)


class AutomatedGatherProgressAccepted(BaseModel):
    """It was accepted."""

    success: bool
    message: str
    taskId: str  # noqa: N815 -- the documented key
    event: ProgressEvent
