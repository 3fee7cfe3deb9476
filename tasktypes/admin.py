"""Console pages of the ledger. Every row belongs to a service, so the pages show and change nothing."""

from __future__ import annotations

from django.contrib import admin
from unfold.decorators import display

from pixtasks.accounts.console import ReadOnlyAdmin
from tasktypes.models import (
    Bucket,
    BucketStart,
    ScheduledSlot,
    TallyDelta,
    Task,
    TaskEvent,
    TaskGroup,
    TaskType,
    WebhookDelivery,
    WebhookEndpoint,
    Worker,
)
from tasktypes.states import State
from tasktypes.webhooks.admin import WebhookDeliveryAdmin, WebhookEndpointAdmin

STATE_COLOURS = {
    State.PENDING.value: "info",
    State.RUNNING.value: "warning",
    State.COMPLETED.value: "success",
    State.FAILED.value: "danger",
    State.CANCELLED.value: "default",
}


@admin.register(Task)
class TaskAdmin(ReadOnlyAdmin):
    """Tasks."""

    list_display = (
        "id", "type_name", "public_id", "state", "priority", "attempt", "retries", "created_by", "worker", "created_at",
        "started_at", "completed_at",
    )  # fmt: skip
    list_display_links = ("id", "public_id")
    list_filter = ("status", "type_name")
    list_select_related = ("created_by",)
    search_fields = ("public_id", "type_name", "created_by__email")
    show_full_result_count = False

    @display(description="Status", label=STATE_COLOURS)
    def state(self, obj: Task) -> str:
        """Return where the task stands."""
        return str(obj.status)


@admin.register(TaskGroup)
class TaskGroupAdmin(ReadOnlyAdmin):
    """What tasks belong to."""

    list_display = ("id", "kind", "total", "completed", "failed", "cancelled", "cancelled_at", "settled_at")
    list_filter = ("kind",)
    show_full_result_count = False


@admin.register(TaskEvent)
class TaskEventAdmin(ReadOnlyAdmin):
    """The history of tasks."""

    list_display = ("id", "task", "seq", "type", "created_at")
    list_filter = ("type",)
    list_select_related = ("task",)
    search_fields = ("task__public_id",)
    show_full_result_count = False


@admin.register(TaskType)
class TaskTypeAdmin(ReadOnlyAdmin):
    """Types that users declared."""

    list_display = ("id", "name", "is_active", "created_by", "created_at", "updated_at")
    list_filter = ("is_active",)
    list_select_related = ("created_by",)
    search_fields = ("name", "description")


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    """Workers, by their own word."""

    list_display = ("name", "pid", "slots", "queues", "started_at", "heartbeat_at", "stopped_at")
    search_fields = ("name",)


@admin.register(Bucket)
class BucketAdmin(ReadOnlyAdmin):
    """Rate limits in use."""

    list_display = ("key", "next_at")
    search_fields = ("key",)


@admin.register(BucketStart)
class BucketStartAdmin(ReadOnlyAdmin):
    """Starts that count against a rate limit."""

    list_display = ("id", "bucket", "started_at")
    list_select_related = ("bucket",)
    search_fields = ("bucket__key",)
    show_full_result_count = False


@admin.register(TallyDelta)
class TallyDeltaAdmin(ReadOnlyAdmin):
    """What the totals of lists are made of."""

    list_display = ("id", "owner_id", "type_name", "status", "delta")
    list_filter = ("status",)


@admin.register(ScheduledSlot)
class ScheduledSlotAdmin(ReadOnlyAdmin):
    """Periods of which the task was submitted."""

    list_display = ("name", "slot", "created_at")
    list_filter = ("name",)
    search_fields = ("name",)
    show_full_result_count = False


admin.site.register(WebhookEndpoint, WebhookEndpointAdmin)
admin.site.register(WebhookDelivery, WebhookDeliveryAdmin)
