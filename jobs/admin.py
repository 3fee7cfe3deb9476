"""Console pages of image datasets. Every row belongs to a service, so the pages show and change nothing."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from jobs.models import (
    Chunk,
    CrawlJob,
    FetchFailure,
    Image,
    Issue,
    JobStatus,
    Project,
    ValidationRun,
    Verdict,
)
from jobs.models.job import CrawlJobQuerySet
from pixtasks.accounts.console import ReadOnlyAdmin

STATUS_COLOURS = {
    JobStatus.PENDING.value: "info",
    JobStatus.RUNNING.value: "warning",
    JobStatus.COMPLETED.value: "success",
    JobStatus.FAILED.value: "danger",
    JobStatus.CANCELLED.value: "default",
}


class ReadsAs(admin.SimpleListFilter):
    """Jobs by what they read as; the table has no column for it."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the five words."""
        return [(status.value, str(status.label)) for status in JobStatus]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the jobs of the chosen status."""
        assert isinstance(queryset, CrawlJobQuerySet)
        return queryset.of_status(self.value() or "") if self.value() else queryset


@admin.register(Project)
class ProjectAdmin(ReadOnlyAdmin):
    """Projects."""

    list_display = ("name", "slug", "owner", "created_at", "updated_at")
    list_select_related = ("owner",)
    search_fields = ("name", "slug", "owner__email")
    show_full_result_count = False


@admin.register(CrawlJob)
class CrawlJobAdmin(ReadOnlyAdmin):
    """Crawl jobs."""

    list_display = (
        "id", "name", "project", "state", "total_chunks", "max_images", "images", "duplicates", "valid_images",
        "invalid_images", "started_at",
    )  # fmt: skip
    list_display_links = ("id", "name")
    list_filter = (ReadsAs,)
    list_select_related = ("project", "group")
    search_fields = ("name", "project__name", "project__slug", "project__owner__email")
    show_full_result_count = False

    @display(description="Status", label=STATUS_COLOURS)
    def state(self, obj: CrawlJob) -> str:
        """Return what the job reads as."""
        return obj.status.value

    @display(description="Chunks")
    def total_chunks(self, obj: CrawlJob) -> int:
        """Return keywords × engines."""
        return obj.total_chunks


@admin.register(Chunk)
class ChunkAdmin(ReadOnlyAdmin):
    """Chunks, with the task that does each."""

    list_display = ("id", "job", "keyword", "engine", "backend", "state", "task")
    list_filter = ("engine", "backend", "task__status")
    list_select_related = ("job", "task")
    search_fields = ("keyword", "job__name")
    show_full_result_count = False

    @display(description="Status", label=STATUS_COLOURS)
    def state(self, obj: Chunk) -> str:
        """Return where its task stands."""
        return str(obj.task.status)


@admin.register(Image)
class ImageAdmin(ReadOnlyAdmin):
    """Stored images."""

    list_display = (
        "id", "job", "keyword", "engine", "format", "width", "height", "bytes", "is_valid", "license", "fetched_at",
    )  # fmt: skip
    list_filter = ("format", "is_valid", "engine", "backend")
    list_select_related = ("job",)
    search_fields = ("sha256", "keyword", "title", "source_url")
    show_full_result_count = False


@admin.register(FetchFailure)
class FetchFailureAdmin(ReadOnlyAdmin):
    """Candidates that did not become an image."""

    list_display = ("id", "chunk", "rank", "outcome", "url", "created_at")
    list_filter = ("outcome",)
    list_select_related = ("chunk",)
    search_fields = ("url", "detail")
    show_full_result_count = False


@admin.register(ValidationRun)
class ValidationRunAdmin(ReadOnlyAdmin):
    """Requests to validate a job."""

    list_display = ("id", "job", "level", "images_count", "created_by", "created_at", "settled_at")
    list_filter = ("level",)
    list_select_related = ("job", "created_by", "group")
    search_fields = ("job__name",)
    show_full_result_count = False

    @display(description="Ended", empty_value="–")
    def settled_at(self, obj: ValidationRun) -> Any:
        """Return when its last batch ended."""
        return obj.group.settled_at


@admin.register(Verdict)
class VerdictAdmin(ReadOnlyAdmin):
    """What a level says of an image."""

    list_display = ("id", "image", "level", "is_valid", "created_at")
    list_filter = ("level", "is_valid")
    list_select_related = ("image",)
    search_fields = ("image__sha256",)
    show_full_result_count = False


@admin.register(Issue)
class IssueAdmin(ReadOnlyAdmin):
    """What a verdict names."""

    list_display = ("id", "image", "kind", "verdict")
    list_filter = ("kind", "verdict__level")
    list_select_related = ("image", "verdict")
    search_fields = ("image__sha256",)
    show_full_result_count = False
