"""The filters of the lists of jobs and of what belongs to them. None reads a large table to know its choices."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone

from jobs.models import CrawlJob, JobStatus, Project
from jobs.models.job import CrawlJobQuerySet
from pixtasks.accounts.models import User

WINDOWS: Final = {
    "1h": ("last hour", timedelta(hours=1)),
    "24h": ("last 24 hours", timedelta(hours=24)),
    "7d": ("last 7 days", timedelta(days=7)),
    "30d": ("last 30 days", timedelta(days=30)),
}
_NAMED: Final = 50


def whole(text: str | None) -> int | None:
    """Return a key as it stands in an address; None for what is none."""
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 18:
        return None
    return int(text)


def a_job(object_id: object) -> CrawlJob:
    """Return a job with what its page shows of its neighbours.

    Raises:
        Http404: there is none.
    """
    pk = whole(str(object_id))
    jobs = CrawlJob.objects.select_related("project__owner", "group")
    job = jobs.filter(pk=pk).first() if pk is not None else None
    if job is None:
        raise Http404
    return job


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


class CreatedSince(admin.SimpleListFilter):
    """By when they were made."""

    title = "created"
    parameter_name = "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the windows."""
        return [(word, name) for word, (name, _) in WINDOWS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the window."""
        value = self.value()
        if value not in WINDOWS:
            return queryset
        return queryset.filter(created_at__gte=timezone.now() - WINDOWS[value][1])


class ByProject(admin.SimpleListFilter):
    """By project: the newest ones, and the one that is chosen."""

    title = "project"
    parameter_name = "project"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the newest projects."""
        chosen = whole(request.GET.get(self.parameter_name))
        named = dict(Project.objects.order_by("-pk").values_list("pk", "name")[:_NAMED])
        if chosen is not None and chosen not in named:
            named |= dict(Project.objects.filter(pk=chosen).values_list("pk", "name"))
        return [(str(pk), name) for pk, name in named.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the project."""
        value = self.value()
        if not value:
            return queryset
        chosen = whole(value)
        return queryset.filter(project=chosen) if chosen is not None else queryset.none()


class ByOwner(admin.SimpleListFilter):
    """By owner: the reader, or whoever was clicked in the list."""

    title = "owner"
    parameter_name = "owner"
    column = "project__owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the reader, and the one who is chosen."""
        choices = [(str(request.user.pk), "me")]
        chosen = whole(request.GET.get(self.parameter_name))
        if chosen is not None and chosen != request.user.pk:
            owner = User.objects.filter(pk=chosen).first()
            choices.append((str(chosen), str(owner) if owner else f"user {chosen}"))
        return choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the owner."""
        value = self.value()
        if not value:
            return queryset
        chosen = whole(value)
        return queryset.filter(**{self.column: chosen}) if chosen is not None else queryset.none()


class ProjectsOwner(ByOwner):
    """Projects by owner."""

    column = "owner"


class ByJob(admin.SimpleListFilter):
    """By job: chosen by a link, so there is only the one that is chosen."""

    title = "job"
    parameter_name = "job"
    column = "job"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the job that is chosen."""
        chosen = whole(request.GET.get(self.parameter_name))
        if chosen is None:
            return []
        job = CrawlJob.objects.filter(pk=chosen).first()
        return [(str(chosen), f"{chosen} · {job.name}" if job else f"job {chosen}")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the job."""
        value = self.value()
        if not value:
            return queryset
        chosen = whole(value)
        return queryset.filter(**{self.column: chosen}) if chosen is not None else queryset.none()


class ByChunksJob(ByJob):
    """Failures by the job of their chunk."""

    column = "chunk__job"
