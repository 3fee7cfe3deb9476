"""Console pages of webhooks: endpoints without their secrets, and the delivery log with its button to send again."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from pixtasks.accounts.console import ReadOnlyAdmin
from pixtasks.accounts.models import User
from pixtasks.common.errors import PixtasksError
from pixtasks.common.throttles import caller_address
from tasktypes.models import WebhookDelivery
from tasktypes.webhooks.models import DeliveryState
from tasktypes.webhooks.services.deliveries import redeliver

STATE_COLOURS = {
    DeliveryState.PENDING.value: "info",
    DeliveryState.DELIVERED.value: "success",
    DeliveryState.DEAD.value: "danger",
}


class WebhookEndpointAdmin(ReadOnlyAdmin):
    """Who hears of what."""

    list_display = ("id", "owner", "url", "type_name", "task_number", "is_active", "created_at", "deleted_at")
    list_filter = ("is_active",)
    list_select_related = ("owner",)
    search_fields = ("url", "description", "owner__email")
    exclude = ("secret", "previous_secret")


class WebhookDeliveryAdmin(ReadOnlyAdmin):
    """What was sent, and what became of it."""

    list_display = ("event_id", "endpoint", "event", "task_public_id", "state_word", "tries", "created_at", "ended_at")
    list_filter = ("state", "event")
    list_select_related = ("endpoint",)
    search_fields = ("task_public_id", "endpoint__url", "endpoint__owner__email")
    show_full_result_count = False
    raw_id_fields = ("sender",)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer the one thing that can be done here."""
        return {"send_again": (type(self).send_again, "send_again", "Send again")}

    def send_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        """Send these deliveries again; those that are still being tried are named and left alone."""
        assert isinstance(request.user, User)
        sent = 0
        for event_id in queryset.order_by("id").values_list("event_id", flat=True):
            try:
                redeliver(event_id, actor=request.user, address=caller_address(request))
                sent += 1
            except PixtasksError as error:
                self.message_user(request, f"{event_id}: {error.message}", messages.WARNING)
        self.message_user(request, f"{sent} delivery(s) will be sent again.", messages.SUCCESS)

    @display(description="State", label=STATE_COLOURS)
    def state_word(self, obj: WebhookDelivery) -> str:
        """Return where the delivery stands."""
        return str(obj.state)

    @display(description="Tries")
    def tries(self, obj: WebhookDelivery) -> int:
        """Return how often it was tried."""
        return len(obj.attempts)
