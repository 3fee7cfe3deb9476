"""Registers the console pages of the ledger; the larger ones are in :mod:`tasktypes.console`."""

from __future__ import annotations

from django.contrib import admin

from pixtasks.accounts.console import IndexedValues, LargeTable, ReadOnlyAdmin
from tasktypes.console.processes import ProcessAdmin, WorkerAdmin
from tasktypes.console.tasks import TaskAdmin
from tasktypes.console.types import TaskTypeAdmin
from tasktypes.models import (
    Bucket,
    BucketStart,
    Process,
    ScheduledSlot,
    SourceFault,
    TallyDelta,
    Task,
    TaskEvent,
    TaskGroup,
    TaskType,
    Throughput,
    WebhookDelivery,
    WebhookEndpoint,
    Worker,
)
from tasktypes.webhooks.admin import WebhookDeliveryAdmin, WebhookEndpointAdmin

admin.site.register(Task, TaskAdmin)
admin.site.register(TaskType, TaskTypeAdmin)
admin.site.register(Worker, WorkerAdmin)
admin.site.register(Process, ProcessAdmin)


@admin.register(TaskGroup)
class TaskGroupAdmin(ReadOnlyAdmin):
    """What tasks belong to."""

    list_display = ("id", "kind", "total", "completed", "failed", "cancelled", "cancelled_at", "settled_at")
    list_filter = ("kind",)


@admin.register(TaskEvent)
class TaskEventAdmin(LargeTable, ReadOnlyAdmin):
    """The history of tasks."""

    list_display = ("id", "task", "seq", "type", "created_at")
    list_select_related = ("task",)
    search_fields = ("=task__public_id",)
    search_help_text = "The id of a task"
    ordering = ("-id",)


@admin.register(Bucket)
class BucketAdmin(ReadOnlyAdmin):
    """Rate limits in use."""

    list_display = ("key", "next_at")
    search_fields = ("key",)


@admin.register(BucketStart)
class BucketStartAdmin(LargeTable, ReadOnlyAdmin):
    """Starts that count against a rate limit."""

    list_display = ("id", "bucket", "started_at")
    list_select_related = ("bucket",)
    search_fields = ("bucket__key",)


@admin.register(TallyDelta)
class TallyDeltaAdmin(ReadOnlyAdmin):
    """What the totals of lists are made of."""

    list_display = ("id", "owner_id", "type_name", "status", "delta")
    list_filter = ("status",)


@admin.register(ScheduledSlot)
class ScheduledSlotAdmin(LargeTable, ReadOnlyAdmin):
    """Periods of which the task was submitted."""

    list_display = ("name", "slot", "created_at")
    list_filter = (("name", IndexedValues),)
    ordering = ("-id",)


@admin.register(Throughput)
class ThroughputAdmin(LargeTable, ReadOnlyAdmin):
    """What the dashboard's charts are made of."""

    list_display = ("id", "begins_at", "span", "measure", "source", "amount")
    ordering = ("-id",)


@admin.register(SourceFault)
class SourceFaultAdmin(LargeTable, ReadOnlyAdmin):
    """What outside sources said when they failed; the newest of each are kept."""

    list_display = ("id", "source", "message", "created_at")
    ordering = ("-id",)


admin.site.register(WebhookEndpoint, WebhookEndpointAdmin)
admin.site.register(WebhookDelivery, WebhookDeliveryAdmin)
