"""A task's page: what it is, how far it is, what came of it, its history, its messages and what it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django_celery_results.models import TaskResult

from tasktypes.console.links import links_of
from tasktypes.console.progress import progress_bar
from tasktypes.console.reading import whole
from tasktypes.console.timeline import Timeline, timeline
from tasktypes.handlers import handlers
from tasktypes.models import Task
from tasktypes.models.task import celery_id
from tasktypes.states import TERMINAL, State

_MOST_MESSAGES: Final = 10
_MOST_NEIGHBOURS: Final = 25


@dataclass(frozen=True, slots=True)
class Message:
    """A Celery message that was sent for the task, and what django-celery-results recorded of it."""

    id: str
    result: TaskResult | None


def a_task(pk: int) -> Task:
    """Return a task with what its page shows of its neighbours."""
    return get_object_or_404(Task.objects.select_related("created_by", "task_type", "group", "retried_from"), pk=pk)


def page_context(task: Task, request: HttpRequest) -> dict[str, Any]:
    """Return what the page shows; the same number of queries for every task."""
    return {
        "task": task,
        **live_context(task),
        **events_context(task, request),
        "links": links_of(task),
        "messages_sent": messages_of(task),
        "prerequisites": list(_neighbours(task.depends_on.all())),
        "dependents": list(_neighbours(task.dependents.all())),
        "retried_as": list(_neighbours(task.retried_as.all())),
        "most_neighbours": _MOST_NEIGHBOURS,
        "handler": handlers.get(task.type_name),
        "live_url": reverse("admin:tasktypes_task_live", args=[task.pk]),
        "audit_url": f"{reverse('admin:accounts_auditentry_changelist')}?q={task.pk}",
    }


def live_context(task: Task) -> dict[str, Any]:
    """Return what moves while the task runs."""
    return {
        "task": task,
        "active": task.status not in TERMINAL,
        "bar": progress_bar(task.progress) if task.status != State.COMPLETED else None,
        "took": took(task),
        "waits": _waits(task),
        "has_result": task.result not in (None, {}),
    }


def events_context(task: Task, request: HttpRequest) -> dict[str, Any]:
    """Return the part of the history that the address asks for."""
    every = request.GET.get("progress") == "all"
    history: Timeline = timeline(
        task,
        before=whole(request.GET.get("before")),
        down_to=whole(request.GET.get("down_to")),
        with_progress=every,
    )
    return {
        "task": task,
        "timeline": history,
        "with_progress": every,
        "events_url": reverse("admin:tasktypes_task_events", args=[task.pk]),
        "page_url": reverse("admin:tasktypes_task_change", args=[task.pk]),
        "paged": "before" in request.GET,
    }


def live_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer the page's moving part."""
    task = a_task(pk)
    return render(request, "tasktypes/console/task_live.html", live_context(task))


def events_view(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer a part of the history."""
    return render(request, "tasktypes/console/timeline.html", events_context(a_task(pk), request))


def took(task: Task) -> float | None:
    """Return the seconds that the last attempt took, or has taken so far."""
    if task.started_at is None:
        return None
    until = task.completed_at if task.completed_at is not None else timezone.now()
    if task.status == State.PENDING or until < task.started_at:
        return None
    seconds: timedelta = until - task.started_at
    return seconds.total_seconds()


def messages_of(task: Task) -> list[Message]:
    """Return the latest Celery messages of a task, newest first, with one query."""
    first = max(1, task.rings - _MOST_MESSAGES + 1)
    ids = [celery_id(task.public_id, ring) for ring in range(task.rings, first - 1, -1)]
    results = {row.task_id: row for row in TaskResult.objects.filter(task_id__in=ids)}
    return [Message(one, results.get(one)) for one in ids]


def _neighbours(tasks: Any) -> Any:
    return tasks.order_by("-id").only("id", "public_id", "type_name", "status")[: _MOST_NEIGHBOURS + 1]


def _waits(task: Task) -> str:
    """Return why a pending task does not run yet; empty for the others."""
    if task.status != State.PENDING:
        return ""
    if task.unmet:
        return f"for {task.unmet} task(s) that must complete first"
    if task.due_at is None:
        return "until it is released: it is the last step of its run"
    if task.due_at > timezone.now():
        return "for its time" if not task.published_at else "for a worker that takes its message"
    return "for a free worker" if task.task_type_id is None else "for an outside worker that claims it"
