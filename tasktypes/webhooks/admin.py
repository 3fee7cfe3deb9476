"""Console pages of webhooks: endpoints without their secrets, and the delivery log with its button to send again."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from pixtasks.accounts.console import ReadOnlyAdmin
from pixtasks.accounts.console.lists import LargeTable
from pixtasks.accounts.console.pages import CONFIRMED, actor_of, confirmed, done, page
from pixtasks.common.errors import PixtasksError
from pixtasks.common.json import load_json
from pixtasks.common.markup import badge, link, when
from tasktypes.console.filters import WINDOWS, window_start
from tasktypes.models import WebhookDelivery, WebhookEndpoint
from tasktypes.webhooks.models import DeliveryState, WebhookEvent
from tasktypes.webhooks.services.deliveries import redeliver

_MOST_TICKED: Final = 200
_MOST_TRIES: Final = 20


class DeliveryStates(admin.SimpleListFilter):
    """Deliveries by where they stand."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [(state.value, state.value) for state in DeliveryState]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the deliveries of the choice."""
        return queryset.filter(state=self.value()) if self.value() else queryset


class DeliveryEvents(admin.SimpleListFilter):
    """Deliveries by what they tell."""

    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the events."""
        return [(event.value, event.value) for event in WebhookEvent]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the deliveries of the choice."""
        return queryset.filter(event=self.value()) if self.value() else queryset


class MadeSince(admin.SimpleListFilter):
    """Deliveries by when they were made."""

    title = "made"
    parameter_name = "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the windows."""
        return [(word, name) for word, (name, _) in WINDOWS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the deliveries since the window began."""
        start = window_start(self.value())
        return queryset.filter(created_at__gte=start) if start is not None else queryset


class WebhookEndpointAdmin(ReadOnlyAdmin):
    """Who hears of what."""

    list_display = ("where", "standing", "owner", "hears", "about", "deliveries", "made")
    list_filter = ("is_active",)
    list_select_related = ("owner",)
    list_before_template = "tasktypes/console/style.html"
    search_fields = ("url", "description", "scope", "owner__email")
    sortable_by = ()
    exclude = ("secret", "previous_secret")

    @display(description="Endpoint")
    def where(self, obj: WebhookEndpoint) -> SafeString:
        """Return the host that hears, and the path below it."""
        parts = urlsplit(obj.url)
        return format_html(
            '<span class="tt-what" title="{}"><span class="tt-type">{}</span><span class="px-soft">{}</span></span>',
            obj.url, parts.netloc.rpartition("@")[2], (obj.description or parts.path)[:60],
        )  # fmt: skip

    @display(description="Standing")
    def standing(self, obj: WebhookEndpoint) -> SafeString:
        """Return whether it is told."""
        if obj.deleted_at is not None:
            return badge("deleted")
        return badge("active", colour="success") if obj.is_active else badge("switched off", colour="warning")

    @display(description="Events")
    def hears(self, obj: WebhookEndpoint) -> str:
        """Return what it hears of; a long list is shortened."""
        names = [str(name) for name in obj.events]
        return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")

    @display(description="About")
    def about(self, obj: WebhookEndpoint) -> str:
        """Return which tasks it hears of."""
        if obj.task_number is not None:
            return f"task {obj.task_number}"
        return obj.type_name or obj.scope or "everything of its owner"

    @display(description="Log")
    def deliveries(self, obj: WebhookEndpoint) -> SafeString:
        """Return the way to what it was sent."""
        url = reverse("admin:tasktypes_webhookdelivery_changelist")
        return link(f"{url}?endpoint__id__exact={obj.pk}", "its deliveries")

    @display(description="Made")
    def made(self, obj: WebhookEndpoint) -> SafeString:
        """Return when it was made."""
        return when(obj.created_at)


class WebhookDeliveryAdmin(LargeTable, ReadOnlyAdmin):
    """What was sent, and what became of it."""

    list_display = ("what", "standing", "endpoint_link", "subject_link", "tries", "made", "ended")
    list_filter = (DeliveryStates, DeliveryEvents, MadeSince)
    list_select_related = ("endpoint",)
    list_disable_select_all = True
    list_before_template = "tasktypes/console/style.html"
    search_fields = ("=event_id", "=subject", "endpoint__url")
    ordering = ("-id",)
    change_form_template = "tasktypes/console/delivery.html"
    fields = ("event",)
    actions = ("send_again",)  # type: ignore[assignment]
    actions_row = ("send_one_again",)
    actions_detail = ("send_one_again",)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Let the endpoints' pages lead to their deliveries."""
        return lookup == "endpoint__id__exact" or bool(super().lookup_allowed(lookup, value, request))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show what was sent, and each try."""
        delivery = self.get_object(request, object_id)
        context: dict[str, Any] = {}
        if delivery is not None:
            tries = delivery.attempts if isinstance(delivery.attempts, list) else []
            context = {
                "title": f"{delivery.event} {delivery.event_id}",
                "delivery": delivery,
                "standing": self.standing(delivery),
                "subject": self.subject_link(delivery),
                "body": _body(delivery.body),
                "tries": [_try(one) for one in reversed(tries[-_MOST_TRIES:]) if isinstance(one, dict)],
                "number": len(tries),
            }
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})
        return answer

    @action(description="Send again…", permissions=["operate"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> HttpResponse | None:
        """Ask, then send these deliveries again; those that are still being tried are named and left alone."""
        chosen = queryset.order_by("id")[:_MOST_TICKED]
        if not confirmed(request):
            context = {
                "deliveries": chosen,
                "ids": request.POST.getlist(ACTION_CHECKBOX_NAME)[:_MOST_TICKED],
                "checkbox": ACTION_CHECKBOX_NAME,
                "confirm_field": CONFIRMED,
                "back": request.get_full_path(),
            }
            return page(self, request, "tasktypes/console/send_again.html", "Send again", context)
        sent = 0
        for event_id in chosen.values_list("event_id", flat=True):
            try:
                redeliver(event_id, **actor_of(request))
                sent += 1
            except PixtasksError as error:
                self.message_user(request, f"{event_id}: {error.message}", messages.WARNING)
        self.message_user(request, f"{sent} delivery(s) will be sent again.", messages.SUCCESS)
        return redirect(request.get_full_path())

    @action(
        description="Send again…",
        url_path="send-again",
        permissions=["operate"],
        icon="redo",
        # With a dialog unfold asks first and acts on a POST alone; without one a GET would do.
        dialog={
            "title": "Send this delivery again?",
            "description": "The receiver gets the same id and body once more, with eight tries.",
            "form_class": None,
            "form_submit_text": "Send again",
        },
    )
    def send_one_again(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Send one delivery again; audited as over HTTP."""
        delivery = self.get_object(request, object_id)
        if delivery is None:
            raise Http404
        try:
            redeliver(delivery.event_id, **actor_of(request))
            self.message_user(request, f"{delivery.event_id} will be sent again.", messages.SUCCESS)
        except PixtasksError as error:
            self.message_user(request, f"{delivery.event_id}: {error.message}", messages.WARNING)
        return done(reverse(f"{self.admin_site.name}:tasktypes_webhookdelivery_change", args=[delivery.pk]))

    @display(description="Delivery")
    def what(self, obj: WebhookDelivery) -> SafeString:
        """Return what it tells, and the beginning of its id."""
        return format_html(
            '<span class="tt-what"><span class="tt-type">{}</span><span class="px-mono px-soft">{}</span></span>',
            obj.event, str(obj.event_id)[:8],
        )  # fmt: skip

    @display(description="State")
    def standing(self, obj: WebhookDelivery) -> SafeString:
        """Return where the delivery stands."""
        return badge(obj.state)

    @display(description="Endpoint")
    def endpoint_link(self, obj: WebhookDelivery) -> SafeString:
        """Return who is told."""
        url = reverse("admin:tasktypes_webhookendpoint_change", args=[obj.endpoint_id])
        return link(url, urlsplit(obj.endpoint.url).netloc.rpartition("@")[2] or obj.endpoint)

    @display(description="About")
    def subject_link(self, obj: WebhookDelivery) -> SafeString | str:
        """Return what it tells of; a task's leads to the task."""
        if not obj.task_public_id:
            return obj.subject
        url = f"{reverse('admin:tasktypes_task_changelist')}?q={obj.task_public_id}"
        return link(url, f"task {obj.task_public_id[:8]}")

    @display(description="Tries")
    def tries(self, obj: WebhookDelivery) -> int:
        """Return how often it was tried."""
        return len(obj.attempts)

    @display(description="Made")
    def made(self, obj: WebhookDelivery) -> SafeString:
        """Return when it was made."""
        return when(obj.created_at)

    @display(description="Ended")
    def ended(self, obj: WebhookDelivery) -> SafeString:
        """Return when it was delivered or given up."""
        return when(obj.ended_at)


def _try(kept: dict[str, Any]) -> dict[str, Any]:
    """Return what was kept of a try, with its time as one."""
    try:
        return kept | {"at": parse_datetime(str(kept.get("at")))}
    except ValueError:
        return kept | {"at": None}


def _body(text: str) -> Any:
    try:
        return load_json(text.encode())
    except PixtasksError:
        return text


__all__ = ["WebhookDeliveryAdmin", "WebhookEndpointAdmin"]
