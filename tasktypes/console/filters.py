"""The filters of the list of tasks. None asks the table of tasks what there is: each knows its choices otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from pixtasks.accounts.models import User
from tasktypes.console.reading import whole
from tasktypes.handlers import handlers
from tasktypes.models import Task, TaskGroup, TaskType
from tasktypes.services.access import split_celery_id
from tasktypes.services.batch import TaskFilter
from tasktypes.states import State

WINDOWS: Final = {
    "1h": ("last hour", timedelta(hours=1)),
    "24h": ("last 24 hours", timedelta(hours=24)),
    "7d": ("last 7 days", timedelta(days=7)),
    "30d": ("last 30 days", timedelta(days=30)),
}
_MOST_TYPES: Final = 100
_SHORTEST_PREFIX: Final = 6


def type_names() -> list[str]:
    """Return the names of the handlers, and of the newest declared types."""
    declared = TaskType.objects.order_by("-id").values_list("name", flat=True)[:_MOST_TYPES]
    return sorted({*handlers.names(), *declared})


def window_start(value: str | None) -> datetime | None:
    """Return when a time window begins, counted from now."""
    return timezone.now() - WINDOWS[value][1] if value in WINDOWS else None


class TaskListFilter(admin.SimpleListFilter):
    """A filter that says in the ledger's own terms what it selects: lists and batches mean the same."""

    title = ""
    parameter_name = ""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the tasks of the choice."""
        value = self.value()
        if not value:
            return queryset
        chosen = task_filter({self.parameter_name: value}, request.user)
        return chosen.rows(queryset) if chosen is not None else queryset.none()


class ByState(TaskListFilter):
    """By where they stand."""

    title = "state"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states."""
        return [(state.value, state.value) for state in State]


class ByType(TaskListFilter):
    """By type."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the names that are known."""
        names = type_names()
        chosen = request.GET.get(self.parameter_name)
        if chosen and chosen not in names:
            names.append(chosen)
        return [(name, name) for name in names]


class ByOwner(TaskListFilter):
    """By owner: the reader, nobody, or whoever was clicked in the list."""

    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the reader, nobody, and the one who is chosen."""
        choices = [(str(request.user.pk), "me"), ("0", "nobody (the product itself)")]
        chosen = whole(request.GET.get(self.parameter_name))
        if chosen and chosen != request.user.pk:
            owner = User.objects.filter(pk=chosen).first()
            choices.append((str(chosen), str(owner) if owner else f"user {chosen}"))
        return choices


class ByWindow(TaskListFilter):
    """By when they were submitted."""

    title = "submitted"
    parameter_name = "since"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the windows."""
        return [(word, name) for word, (name, _) in WINDOWS.items()]


class ByGroup(TaskListFilter):
    """By the job or run they belong to: chosen by a link, so there is only the one that is chosen."""

    title = "job or run"
    parameter_name = "group"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the group that is chosen."""
        chosen = whole(request.GET.get(self.parameter_name))
        if not chosen:
            return []
        group = TaskGroup.objects.filter(pk=chosen).first()
        return [(str(chosen), str(group) if group else f"group {chosen}")]


LIST_FILTERS: Final = (ByState, ByType, ByOwner, ByWindow, ByGroup)
PARAMETERS: Final = tuple(one.parameter_name for one in LIST_FILTERS)


def task_filter(query: Mapping[str, Any], user: Any) -> TaskFilter | None:
    """Return what the list's query string selects; None where it cannot be read: then it selects nothing."""
    owner, group = query.get("owner") or "", query.get("group") or ""
    state, since = query.get("status") or "", query.get("since") or ""
    if state and state not in State.values:
        return None
    if since and since not in WINDOWS:
        return None
    if (owner and whole(owner) is None) or (group and not whole(group)):
        return None
    return TaskFilter(
        state=State(state) if state else None,
        type_name=str(query.get("type"))[:200] if query.get("type") else None,
        owner=whole(owner),
        group=whole(group),
        created_from=window_start(since),
    )


def search(tasks: QuerySet[Task], text: str) -> QuerySet[Task]:
    """Return the tasks that a search means: a number, an id or its beginning, an owner's address, a type's beginning.

    Every one of these is found along an index; at most two small queries find out which it is.
    """
    text = text.strip()
    if (number := whole(text)) is not None and len(text) < _SHORTEST_PREFIX + 4:
        return tasks.filter(pk=number)
    if "@" in text:
        owner = User.objects.filter(email=text.lower()).first()
        return tasks.filter(created_by=owner) if owner else tasks.none()
    names = [name for name in type_names() if name.lower().startswith(text.lower())]
    if names:
        return tasks.filter(type_name__in=names)
    public_id, _ = split_celery_id(text)
    if len(public_id) >= _SHORTEST_PREFIX:
        return tasks.filter(public_id__startswith=public_id)
    return tasks.none()
