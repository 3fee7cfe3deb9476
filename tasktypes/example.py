"""The example of a handler: the least that makes a task appear in every list, form and command (CONTRACT C13, D10)."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tasktypes.handlers import Context, Handler, register

logger = logging.getLogger(__name__)


class ExamplePayload(BaseModel):
    """A message, and how often it is said."""

    model_config = ConfigDict(extra="forbid")

    message: str = Field(max_length=10_000)
    count: int = Field(ge=0, le=1000)


@register
class ExampleDatabaseTask(Handler[ExamplePayload]):
    """Says its message."""

    name = "ExampleDatabaseTask"
    description = "Say a message some times; it shows how a task is written, submitted and followed."
    Params = ExamplePayload
    time_limit = 60

    def run(self, params: ExamplePayload, context: Context) -> dict[str, Any]:
        """Return the message, repeated."""
        logger.info("Processing task with message='%s', count=%d", params.message, params.count)
        said = []
        for number in range(params.count):
            context.progress({"current": number, "total": params.count})
            said.append(params.message)
        return {"message": params.message, "count": params.count, "said": said}
