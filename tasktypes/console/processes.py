"""Who works: the workers with what they are doing, and the dispatchers and schedulers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import display

from pixtasks.accounts.console import ReadOnlyAdmin
from pixtasks.common.markup import badge, bar, when
from tasktypes.models import Process, Task, Worker
from tasktypes.states import State

_LONGEST_ROUND = 5.0
_MOST_TASKS = 50


def _standing(heartbeat_at: datetime, stopped_at: datetime | None, beat: float) -> SafeString:
    """Return whether a process lives, by its own word: four heartbeats without one are silence."""
    if stopped_at is not None:
        return badge("stopped")
    silent = timezone.now() - heartbeat_at > timedelta(seconds=4 * beat)
    return badge("silent", colour="danger") if silent else badge("alive", colour="success")


class WorkerAdmin(ReadOnlyAdmin):
    """Workers, by their own word."""

    list_display = ("name", "standing", "busy", "queue_names", "pid", "started", "heard")
    search_fields = ("name__istartswith",)
    sortable_by = ("name",)
    ordering = ("-heartbeat_at",)
    change_form_template = "tasktypes/console/worker.html"
    fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Worker]:
        """Return the workers with how many tasks run on each."""
        here = Task.objects.filter(status=State.RUNNING, worker=OuterRef("name")).order_by().values("worker")
        number = Coalesce(Subquery(here.annotate(number=Count("id")).values("number")), 0)
        workers: QuerySet[Worker] = super().get_queryset(request).annotate(running=number)
        return workers

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the worker with what it is doing."""
        worker = self.get_object(request, object_id)
        context = {}
        if worker is not None:
            tasks = Task.objects.filter(status=State.RUNNING, worker=worker.name).select_related("created_by")
            context = {
                "worker": worker,
                "title": worker.name,
                "standing": self.standing(worker),
                "busy": self.busy(worker),
                "tasks": list(tasks.order_by("-id")[:_MOST_TASKS]),
            }
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})
        return answer

    @display(description="Standing")
    def standing(self, obj: Worker) -> SafeString:
        """Return whether it lives."""
        return _standing(obj.heartbeat_at, obj.stopped_at, settings.PIXTASKS_WORKER_BEAT_SECONDS)

    @display(description="Tasks of its slots")
    def busy(self, obj: Worker) -> SafeString:
        """Return how many tasks run on it, of as many as it has slots."""
        return bar(getattr(obj, "running", 0), obj.slots)

    @display(description="Queues")
    def queue_names(self, obj: Worker) -> str:
        """Return the queues it listens to."""
        return ", ".join(map(str, obj.queues)) or "–"

    @display(description="Started")
    def started(self, obj: Worker) -> SafeString:
        """Return when it started."""
        return when(obj.started_at)

    @display(description="Last heard")
    def heard(self, obj: Worker) -> SafeString:
        """Return its last heartbeat."""
        return when(obj.heartbeat_at)


class ProcessAdmin(ReadOnlyAdmin):
    """Dispatchers and schedulers, by their own word."""

    list_display = ("name", "role", "standing", "pid", "started", "heard")
    list_filter = ("role",)
    search_fields = ("name__istartswith",)
    sortable_by = ("name",)
    ordering = ("-heartbeat_at",)

    @display(description="Standing")
    def standing(self, obj: Process) -> SafeString:
        """Return whether it lives."""
        return _standing(obj.heartbeat_at, obj.stopped_at, max(settings.PIXTASKS_WORKER_BEAT_SECONDS, _LONGEST_ROUND))

    @display(description="Started")
    def started(self, obj: Process) -> SafeString:
        """Return when it started."""
        return when(obj.started_at)

    @display(description="Last heard")
    def heard(self, obj: Process) -> SafeString:
        """Return its last heartbeat."""
        return when(obj.heartbeat_at)
