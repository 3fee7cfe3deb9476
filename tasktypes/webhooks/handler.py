"""The handler that sends deliveries: the ledger gives it its retries, its back-off and its end."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied
from tasktypes.handlers import Context, EndedTask, Handler, register
from tasktypes.webhooks.services import deliveries, events, sending

DELAYS = (5, 30, 120, 600, 3600, 21_600, 86_400)
"""Seconds before each further try: 5 s to 24 h; after eight tries a delivery is dead."""
assert len(DELAYS) == events.MAX_RETRIES


class DeliverParams(BaseModel):
    """One delivery."""

    model_config = ConfigDict(extra="forbid")

    delivery_id: uuid.UUID


@register
class Deliver(Handler[DeliverParams]):
    """Sends one webhook."""

    name = events.DELIVER
    description = "Tell an endpoint that a task has ended (made by the product itself, one per delivery)."
    Params = DeliverParams
    time_limit = 60
    max_retries = events.MAX_RETRIES

    def check_caller(self, params: DeliverParams, user: User) -> None:
        """Refuse: the product makes these itself; a delivery that is dead is sent again by its own request."""
        raise AccessDenied("Webhook deliveries are made by the product; send one again by its redeliver request")

    def run(self, params: DeliverParams, context: Context) -> dict[str, Any]:
        """Send it once."""
        return sending.deliver(params.delivery_id, sender_id=context.task.id)

    def retry_delay(self, retries: int) -> float:
        """Return the seconds before try number ``retries`` + 1, with up to 20 % of jitter."""
        return DELAYS[min(retries, len(DELAYS)) - 1] * random.uniform(0.8, 1.0)

    def on_settled(self, tasks: Sequence[EndedTask]) -> None:
        """Give up what was not delivered, and let the next delivery go."""
        deliveries.senders_ended(tasks)

    def on_reopened(self, tasks: Sequence[EndedTask]) -> None:
        """Deliveries whose tasks are retried are pending again."""
        deliveries.senders_reopened(tasks)
