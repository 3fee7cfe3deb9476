"""Lists of what gathering leaves: records of iterations, sources, and events of the progress webhook."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display

from gather.console.links import row_link
from gather.models import GatherRecord, GatherRun, GatherSource, ReceivedEvent
from jobs.models import Image
from pixtasks.accounts.console import ReadOnlyAdmin
from pixtasks.accounts.console.lists import LargeTable
from pixtasks.common.markup import badge, duration, link, moment, when
from tasktypes.console.filters import WINDOWS, window_start

_WORDS: Final = {"progress": "warning", "complete": "success", "error": "danger", "cancelled": "default"}


class LeftImages(admin.SimpleListFilter):
    """Records by whether the iteration found anything new."""

    title = "new images"
    parameter_name = "new"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the two choices."""
        return [("some", "some"), ("none", "none")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the records of the choice."""
        if self.value() == "some":
            return queryset.filter(images__gt=0)
        return queryset.filter(images=0) if self.value() == "none" else queryset


class EventWord(admin.SimpleListFilter):
    """Events by their word (CONTRACT G29), without asking the table which there are."""

    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the four words."""
        return [(word, word) for word in _WORDS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the events of the chosen word."""
        return queryset.filter(event=self.value()) if self.value() else queryset


class ReceivedSince(admin.SimpleListFilter):
    """Events by when they came."""

    title = "received"
    parameter_name = "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the windows."""
        return [(word, name) for word, (name, _) in WINDOWS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the events since the window began."""
        start = window_start(self.value())
        return queryset.filter(received_at__gte=start) if start is not None else queryset


class GatherRecordAdmin(LargeTable, ReadOnlyAdmin):
    """What iterations left."""

    list_display = (
        "data_id", "run_link", "project", "images_link", "duplicates", "found", "failed", "failed_sources", "took",
        "ended",
    )  # fmt: skip
    list_filter = (LeftImages,)
    list_select_related = ("run__project", "run__job")
    search_fields = ("=run__task__public_id", "run__project__slug")
    ordering = ("-id",)
    fields = (
        "data_id", "run_link", "iteration", "images_link", "duplicates", "found", "failed", "sources", "errors",
        "took", "ended_exactly",
    )  # fmt: skip
    readonly_fields = ("data_id", "run_link", "images_link", "took", "ended_exactly")

    @display(description="Record", ordering="iteration")
    def data_id(self, obj: GatherRecord) -> str:
        """Return the id that users see."""
        return obj.data_id

    @display(description="Run")
    def run_link(self, obj: GatherRecord) -> SafeString:
        """Return the way to its run."""
        return row_link(GatherRun, obj.run, obj.run_id)

    @display(description="Project")
    def project(self, obj: GatherRecord) -> str:
        """Return the project's name."""
        return obj.run.project.name

    @display(description="New images", ordering="images")
    def images_link(self, obj: GatherRecord) -> SafeString | str:
        """Return the way to its images."""
        if not obj.images:
            return "0"
        ids = {"id__gte": obj.first_image_id, "id__lte": obj.last_image_id}
        return row_link(Image, f"{obj.images:,}", job__id__exact=obj.run.job_id, **ids)

    @display(description="Sources that failed")
    def failed_sources(self, obj: GatherRecord) -> SafeString | str:
        """Return how many sources could not be asked."""
        return badge(len(obj.errors), colour="danger") if obj.errors else "–"

    @display(description="Took", ordering="seconds")
    def took(self, obj: GatherRecord) -> str:
        """Return how long the iteration took."""
        return duration(obj.seconds)

    @display(description="Ended")
    def ended(self, obj: GatherRecord) -> SafeString:
        """Return when the iteration ended."""
        return when(obj.created_at)

    @display(description="Ended")
    def ended_exactly(self, obj: GatherRecord) -> SafeString:
        """Return date and time when the iteration ended."""
        return moment(obj.created_at)


class GatherSourceAdmin(LargeTable, ReadOnlyAdmin):
    """Where a project's next run goes on."""

    list_display = ("id", "project", "keyword", "engine", "next_page", "changed")
    list_select_related = ("project",)
    search_fields = ("keyword", "engine", "project__slug")

    @display(description="Next page")
    def next_page(self, obj: GatherSource) -> str:
        """Return the cursor, shortened."""
        if obj.cursor is None:
            return "the first"
        return obj.cursor if len(obj.cursor) <= 40 else f"{obj.cursor[:40]}…"

    @display(description="Changed")
    def changed(self, obj: GatherSource) -> SafeString:
        """Return when a run last went on from here."""
        return when(obj.updated_at)


class ReceivedEventAdmin(LargeTable, ReadOnlyAdmin):
    """Events that came in through the progress webhook."""

    list_display = ("id", "word", "task_link", "sent", "received")
    list_filter = (EventWord, ReceivedSince)
    search_fields = ("=task_public_id",)
    ordering = ("-id",)

    @display(description="Event")
    def word(self, obj: ReceivedEvent) -> SafeString:
        """Return what it tells."""
        return badge(obj.event, colour=_WORDS.get(obj.event, "default"))

    @display(description="Task")
    def task_link(self, obj: ReceivedEvent) -> SafeString:
        """Return the way to the task, which need not be one of the ledger."""
        return link(f"{reverse('admin:tasktypes_task_changelist')}?q={obj.task_public_id}", obj.task_public_id)

    @display(description="Sent")
    def sent(self, obj: ReceivedEvent) -> SafeString:
        """Return when its sender says that it happened."""
        return when(obj.sent_at)

    @display(description="Received")
    def received(self, obj: ReceivedEvent) -> SafeString:
        """Return when it came."""
        return when(obj.received_at)
