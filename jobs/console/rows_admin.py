"""Chunks, moved budget, failures, validation runs and retries of failures: the rows that a job is made of."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from jobs.console.filters import ByChunksJob, ByJob
from jobs.models import BudgetMove, Chunk, CrawlJob, FetchFailure, RefetchRun, ValidationRun
from jobs.services.crawl_jobs import DOWNLOAD
from jobs.services.failures import failed_classes
from jobs.services.meanings import outcome_meaning
from jobs.services.queries import run_status
from pixtasks.accounts.console import IndexedValues, LargeTable, ReadOnlyAdmin
from pixtasks.common.markup import badge, bar, link, when
from tasktypes.models import TaskGroup
from tasktypes.states import State

_LONGEST_URL: Final = 90


def job_link(job: CrawlJob) -> SafeString:
    """Return a link to a job's page."""
    return link(reverse("admin:jobs_crawljob_change", args=[job.pk]), f"{job.name} #{job.pk}")


def task_link(pk: int, text: object) -> SafeString:
    """Return a link to a task's page."""
    return link(reverse("admin:tasktypes_task_change", args=[pk]), text)


class ByTaskState(admin.SimpleListFilter):
    """Chunks by where their task stands."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [(state.value, str(state.label)) for state in State]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the chunks of the state."""
        value = self.value()
        return queryset.filter(task__status=value) if value else queryset


class ChunkAdmin(LargeTable, ReadOnlyAdmin):
    """Chunks, with the task that does each."""

    list_display = ("what", "of_job", "state", "images", "failed", "answered_by", "of_task")
    list_filter = (ByTaskState, ("engine", IndexedValues), ByJob)
    list_select_related = ("job", "task")
    search_fields = ("=pk", "job__name")
    search_help_text = "A chunk's number, or a part of its job's name"
    ordering = ("-id",)
    fields = ("of_job", "keyword", "template", "engine", "backend", "state", "images", "failed", "of_task")

    @display(description="Chunk")
    def what(self, obj: Chunk) -> SafeString:
        """Return keyword and engine."""
        return format_html("{} × {}", obj.query, obj.engine)

    @display(description="Job")
    def of_job(self, obj: Chunk) -> SafeString:
        """Return its job."""
        return job_link(obj.job)

    @display(description="State")
    def state(self, obj: Chunk) -> SafeString:
        """Return where its task stands."""
        return badge(obj.task.status)

    @display(description="Images", empty_value="–")
    def images(self, obj: Chunk) -> str | None:
        """Return how many it has stored; unknown where its task does other chunks, too."""
        progress = _progress(obj)
        return f"{progress.get('images', 0):,}" if progress is not None else None

    @display(description="Failures", empty_value="–")
    def failed(self, obj: Chunk) -> str | None:
        """Return how many candidates did not become an image."""
        progress = _progress(obj)
        return f"{sum(failed_classes(progress.get('outcomes', {})).values()):,}" if progress is not None else None

    @display(description="Answered by")
    def answered_by(self, obj: Chunk) -> str:
        """Return the engine that really answers."""
        return obj.backend

    @display(description="Task")
    def of_task(self, obj: Chunk) -> SafeString:
        """Return its task."""
        return task_link(obj.task_id, obj.task.public_id[:8])


class BudgetMoveAdmin(LargeTable, ReadOnlyAdmin):
    """What dry chunks could not bring, and which others are asked for it."""

    list_display = ("id", "of_job", "images", "source", "goal", "age")
    list_filter = (ByJob,)
    list_select_related = ("job", "giver", "taker")
    search_fields = ("=job__pk", "job__name")
    fields = ("of_job", "images", "source", "goal", "age")
    ordering = ("-id",)

    @display(description="Job")
    def of_job(self, obj: BudgetMove) -> SafeString:
        """Return its job."""
        return job_link(obj.job)

    @display(description="From")
    def source(self, obj: BudgetMove) -> str:
        """Return the chunk that could not bring them."""
        return str(obj.giver)

    @display(description="To")
    def goal(self, obj: BudgetMove) -> str:
        """Return the chunk that is asked for them."""
        return str(obj.taker)

    @display(description="Moved")
    def age(self, obj: BudgetMove) -> SafeString:
        """Return when."""
        return when(obj.created_at)


class FetchFailureAdmin(LargeTable, ReadOnlyAdmin):
    """Candidates that did not become an image."""

    list_display = ("where", "word", "told", "of_job", "pair", "rank", "age")
    list_display_links = ("where",)
    list_filter = (("outcome", IndexedValues), ByChunksJob)
    list_select_related = ("chunk__job",)
    fields = (
        "word", "meaning", "detail", "url", "host", "of_job", "pair", "rank", "attempts", "again", "facts",
        "created_at",
    )  # fmt: skip

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """Newest first; those of one job in the order of its chunks, which an index has."""
        return ("chunk_id", "rank") if request.GET.get(ByChunksJob.parameter_name) else ("-id",)

    @display(description="Address")
    def where(self, obj: FetchFailure) -> SafeString:
        """Return its address, cut to one line."""
        shown = obj.url if len(obj.url) <= _LONGEST_URL else f"{obj.url[:_LONGEST_URL]}…"
        return format_html('<div class="px-mono px-wide-cell" title="{}">{}</div>', obj.url[:500], shown)

    @display(description="Class")
    def word(self, obj: FetchFailure) -> SafeString:
        """Return how it ended."""
        return badge(obj.outcome, colour="default" if obj.outcome == "duplicate" else "danger")

    @display(description="What happened", empty_value="–")
    def told(self, obj: FetchFailure) -> SafeString:
        """Return the detail, or what the class means."""
        return format_html('<div class="px-wide-cell">{}</div>', obj.detail[:120] or outcome_meaning(obj.outcome))

    @display(description="What it means", empty_value="–")
    def meaning(self, obj: FetchFailure) -> str:
        """Return what the class means."""
        return outcome_meaning(obj.outcome)

    @display(description="Job")
    def of_job(self, obj: FetchFailure) -> SafeString:
        """Return its job."""
        return job_link(obj.chunk.job)

    @display(description="Chunk")
    def pair(self, obj: FetchFailure) -> SafeString:
        """Return keyword and engine."""
        return link(reverse("admin:jobs_chunk_change", args=[obj.chunk_id]), f"{obj.chunk.query} × {obj.chunk.engine}")

    @display(description="Worth another attempt", empty_value="the same request fails again")
    def again(self, obj: FetchFailure) -> SafeString | None:
        """Return from when on another attempt is worth it."""
        return when(obj.next_eligible_at) if obj.next_eligible_at is not None else None

    @display(description="When")
    def age(self, obj: FetchFailure) -> SafeString:
        """Return when it was tried last."""
        return when(obj.created_at)


class _OfGroup(ReadOnlyAdmin):
    """A run whose tasks are a group."""

    ordering = ("-id",)
    sortable_by = ()

    @display(description="Job")
    def of_job(self, obj: Any) -> SafeString:
        """Return its job."""
        return job_link(obj.job)

    @display(description="Status")
    def state(self, obj: Any) -> SafeString:
        """Return what it reads as, by the words of a job."""
        return badge(run_status(obj.group).value)

    @display(description="Tasks")
    def tasks(self, obj: Any) -> SafeString:
        """Return how many have ended."""
        return _ended(obj.group)

    @display(description="Tasks of it")
    def task_list(self, obj: Any) -> SafeString:
        """Return the way to its tasks."""
        url = f"{reverse('admin:tasktypes_task_changelist')}?group={obj.group_id}"
        return link(url, f"{obj.group.total:,} task{'' if obj.group.total == 1 else 's'}")

    @display(description="Begun")
    def age(self, obj: Any) -> SafeString:
        """Return when it was asked for."""
        return when(obj.created_at)

    @display(description="Ended")
    def settled_at(self, obj: Any) -> SafeString:
        """Return when its last task ended."""
        return when(obj.group.settled_at)


class ValidationRunAdmin(_OfGroup):
    """Requests to validate a job."""

    list_display = ("what", "of_job", "state", "tasks", "images_word", "created_by", "age", "settled_at")
    list_filter = ("level", ByJob)
    list_select_related = ("job", "created_by", "group")
    search_fields = ("job__name",)
    fields = ("of_job", "level", "state", "tasks", "images_count", "created_by", "age", "settled_at", "task_list")

    @display(description="Run")
    def what(self, obj: ValidationRun) -> str:
        """Return its number and level."""
        return f"#{obj.pk} {obj.level}"

    @display(description="Images")
    def images_word(self, obj: ValidationRun) -> str:
        """Return how many it looks at."""
        return f"{obj.images_count:,}"


class RefetchRunAdmin(_OfGroup):
    """Requests to try failed candidates again."""

    list_display = ("what", "of_job", "state", "tasks", "candidates", "created_by", "age", "settled_at")
    list_filter = (ByJob,)
    list_select_related = ("job", "created_by", "group")
    search_fields = ("job__name", "outcome")
    fields = (
        "of_job",
        "what",
        "filters",
        "state",
        "tasks",
        "failures_count",
        "created_by",
        "age",
        "settled_at",
        "task_list",
    )

    @display(description="Classes")
    def what(self, obj: RefetchRun) -> str:
        """Return the classes of failure, and the host where it was only one."""
        return obj.what

    @display(description="Candidates")
    def candidates(self, obj: RefetchRun) -> str:
        """Return how many are tried again."""
        return f"{obj.failures_count:,}"


def _ended(group: TaskGroup) -> SafeString:
    return bar(group.total - group.active, group.total, failed=group.failed)


def _progress(chunk: Chunk) -> dict[str, Any] | None:
    # A gather run does many chunks with one task, whose progress is not theirs.
    return (chunk.task.progress or {}) if chunk.task.type_name == DOWNLOAD else None
