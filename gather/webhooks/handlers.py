"""Work that follows from incoming progress: forwarding it, and forgetting it in the end."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gather.services import forwarding, incoming
from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied
from tasktypes.handlers import Context, Handler, register
from tasktypes.services.schedules import schedule


class ForwardParams(BaseModel):
    """One event that came in."""

    model_config = ConfigDict(extra="forbid")

    event_id: int = Field(strict=True, ge=1, le=2**63 - 1)


@register
class ForwardEvent(Handler[ForwardParams]):
    """Posts one event to WEBSOCKET_SERVER_URL."""

    name = forwarding.FORWARD
    description = "Hand an event on to the other WebSocket server (made by the product itself, one per event)."
    Params = ForwardParams
    time_limit = 60
    max_retries = 5
    backoff = 2
    backoff_limit = 60

    def check_caller(self, params: ForwardParams, user: User) -> None:
        """Refuse: the product makes these itself."""
        raise AccessDenied("Events are forwarded by the product itself")

    def run(self, params: ForwardParams, context: Context) -> dict[str, Any]:
        """Send it once."""
        return forwarding.send(params.event_id)


class NoParams(BaseModel):
    """Takes nothing."""

    model_config = ConfigDict(extra="forbid")


@schedule("forget received events", minute="23", hour="*/6")
@register
class ForgetEvents(Handler[NoParams]):
    """Drops the events that are old enough."""

    name = "gather.forget_events"
    description = "Delete events of the progress webhook that are older than PIXTASKS_RECEIVED_KEEP_DAYS."
    Params = NoParams
    time_limit = 600

    def check_caller(self, params: NoParams, user: User) -> None:
        """It is about everybody's tasks: staff only."""
        if not user.is_staff:
            raise AccessDenied

    def run(self, params: NoParams, context: Context) -> dict[str, Any]:
        """Return how many were dropped."""
        return {"events_forgotten": incoming.forget_events()}
