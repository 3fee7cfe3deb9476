"""A long task."""

from __future__ import annotations

import time
from typing import Any

from pydantic import BaseModel, Field

from tasktypes.handlers import Context, Handler, register


class SleepParams(BaseModel):
    """How long."""

    seconds: int = Field(ge=1, le=600)
    deaf: bool = Field(default=False, description="Never look at the cancel mark.")


@register
class Sleep(Handler[SleepParams]):
    """Sleeps, and says how far it is."""

    name = "tests.sleep"
    description = "Sleep."
    Params = SleepParams

    def run(self, params: SleepParams, context: Context) -> dict[str, Any]:
        context.checkpoint(progress={"current": 0, "total": params.seconds})
        for second in range(params.seconds * 10):
            time.sleep(0.1)
            if not params.deaf:
                context.progress({"current": second // 10, "total": params.seconds})
        return {"slept": params.seconds}
