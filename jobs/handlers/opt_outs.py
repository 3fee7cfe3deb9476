"""The handler that removes what is on the opt-out list."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from jobs.services.opt_out_removal import remove_opted_out
from jobs.services.opt_outs import AT_ONCE, REMOVE, latest_opt_outs
from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied
from tasktypes.handlers import Context, Handler, register
from tasktypes.services.schedules import schedule


class RemovalParams(BaseModel):
    """Entries of the opt-out list."""

    model_config = ConfigDict(extra="forbid")

    opt_out_ids: list[int] = Field(
        default_factory=list, max_length=AT_ONCE, description="None at all are those of the last two days."
    )


@schedule("remove what is on the opt-out list", minute="11")
@register
class RemoveOptedOut(Handler[RemovalParams]):
    """Removes the images that entries name; hourly those again that were being stored while an entry was new."""

    name = REMOVE
    description = "Remove stored images that are on the opt-out list."
    Params = RemovalParams
    time_limit = 3600

    def check_caller(self, params: RemovalParams, user: User) -> None:
        """It goes over everybody's images: staff only."""
        if not user.is_staff:
            raise AccessDenied

    def run(self, params: RemovalParams, context: Context) -> dict[str, Any]:
        """Remove, and return how many images and files went."""
        return remove_opted_out(params.opt_out_ids or latest_opt_outs(), context)
