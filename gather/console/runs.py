"""Gather runs: the list, a run's page that moves while it gathers, and its buttons."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from gather.console.links import row_link
from gather.console.schedules import FORM, LIST, schedule_form, schedule_list
from gather.models import GatherRun
from gather.services import runs
from gather.services.status import status_word
from pixtasks.accounts.console import ReadOnlyAdmin
from pixtasks.accounts.console.lists import LargeTable
from pixtasks.accounts.console.pages import actor_of, ask, confirmed
from pixtasks.common.errors import PixtasksError
from pixtasks.common.markup import badge, bar, when
from tasktypes.console.task_page import took
from tasktypes.states import TERMINAL, State

LIVE = "admin:gather_gatherrun_live"
_MOST_RECORDS = 100


class FromSchedule(admin.SimpleListFilter):
    """Runs by whether a schedule started them; the names of schedules would be asked of the whole table."""

    title = "started by"
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the two choices."""
        return [("schedule", "a schedule"), ("somebody", "somebody")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the runs of the choice."""
        if self.value() == "schedule":
            return queryset.exclude(schedule="")
        return queryset.filter(schedule="") if self.value() == "somebody" else queryset


class GatherRunAdmin(LargeTable, ReadOnlyAdmin):
    """Gather runs."""

    list_display = (
        "id", "project_link", "standing", "progress_bar", "images", "failed_iterations", "ended_early", "started_by",
        "created",
    )  # fmt: skip
    list_filter = ("task__status", "exhausted", FromSchedule)
    list_select_related = ("project", "task", "job")
    search_fields = ("=task__public_id", "project__slug", "project__name", "schedule")
    change_form_template = "gather/console/run.html"
    fields = ("schedule",)
    actions_list = ("to_schedules", "new_schedule")
    actions_row = ("cancel_run", "retry_run")
    actions_detail = ("cancel_run", "retry_run")

    def get_queryset(self, request: HttpRequest) -> QuerySet[GatherRun]:
        """Return the runs with what both pages read of their neighbours."""
        return super().get_queryset(request).select_related("project", "task", "job")

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of schedules, and the moving part of a run's page."""

        def schedules(request: HttpRequest) -> HttpResponse:
            self._check(request)
            return schedule_list(self, request)

        def schedule(request: HttpRequest) -> HttpResponse:
            self._check(request)
            return schedule_form(self, request)

        def live(request: HttpRequest, pk: int) -> HttpResponse:
            self._check(request)
            run = get_object_or_404(self.get_queryset(request), pk=pk)
            return render(request, "gather/console/run_live.html", self._context(run))

        view = self.admin_site.admin_view
        return [
            path("schedules/", view(schedules), name=LIST.partition(":")[2]),
            path("schedules/new/", view(schedule), name=FORM.partition(":")[2]),
            path("<int:pk>/live/", view(live), name=LIVE.partition(":")[2]),
            *super().get_urls(),
        ]

    def _check(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the run, its iterations and what failed."""
        run = self.get_object(request, object_id)
        context = {} if run is None else {**self._context(run), "title": str(run)}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})

    def _context(self, run: GatherRun) -> dict[str, Any]:
        return {
            "run": run,
            "active": run.task.status not in TERMINAL,
            "standing": self.standing(run),
            "bar": self.progress_bar(run),
            "images": self.images(run),
            "took": took(run.task),
            "records": list(run.records.order_by("-iteration")[:_MOST_RECORDS]),
            "live_url": reverse(LIVE, args=[run.pk]),
        }

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """Offer what the run's status allows."""
        status = GatherRun.objects.filter(pk=object_id).values_list("task__status", flat=True).first()
        hidden = set()
        if status in TERMINAL:
            hidden.add("cancel_run")
        if status not in (State.FAILED, State.CANCELLED):
            hidden.add("retry_run")
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if not any(each.action_name.endswith(name) for name in hidden)]

    @action(description="Schedules", url_path="to-schedules", icon="schedule")
    def to_schedules(self, request: HttpRequest) -> HttpResponse:
        """Go to the list of schedules."""
        return redirect(LIST)

    @action(description="Schedule a gather…", url_path="to-schedule", icon="add", permissions=["operate"])
    def new_schedule(self, request: HttpRequest) -> HttpResponse:
        """Go to the form of a schedule."""
        return redirect(FORM)

    @action(description="Cancel…", url_path="cancel", icon="cancel", permissions=["operate"])
    def cancel_run(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then cancel the run and keep what it has gathered."""
        run = get_object_or_404(self.get_queryset(request), pk=object_id)
        if not confirmed(request):
            return ask(
                self,
                request,
                title=f"Cancel the {run}",
                text=f"The gather of {run.project.name} stops. Every iteration that it has finished is kept.",
                button="Cancel the run",
                back=reverse("admin:gather_gatherrun_change", args=[run.pk]),
                dangerous=True,
            )
        actor = actor_of(request)
        try:
            kept = runs.cancel(run.task.public_id, caller=actor["actor"], address=actor["address"])
            messages.success(request, f"The run is cancelled; {kept.completed_iterations} iteration(s) are kept.")
        except PixtasksError as error:
            messages.error(request, error.message)
        return redirect("admin:gather_gatherrun_change", run.pk)

    @action(description="Retry…", url_path="retry", icon="replay", permissions=["operate"])
    def retry_run(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then let the run go on from its last save."""
        run = get_object_or_404(self.get_queryset(request), pk=object_id)
        if not confirmed(request):
            return ask(
                self,
                request,
                title=f"Retry the {run}",
                text=(
                    f"The gather of {run.project.name} goes on after iteration {run.completed_iterations}, its last "
                    "save. Only a run that failed or was cancelled can."
                ),
                button="Retry the run",
                back=reverse("admin:gather_gatherrun_change", args=[run.pk]),
            )
        actor = actor_of(request)
        try:
            runs.retry(run.task.public_id, caller=actor["actor"], address=actor["address"])
            messages.success(request, f"The run goes on after iteration {run.completed_iterations}.")
        except PixtasksError as error:
            messages.error(request, error.message)
        return redirect("admin:gather_gatherrun_change", run.pk)

    @display(description="Project")
    def project_link(self, obj: GatherRun) -> SafeString:
        """Return the way to its project."""
        return row_link(type(obj.project), obj.project.name, obj.project_id)

    @display(description="Status")
    def standing(self, obj: GatherRun) -> SafeString:
        """Return where its task stands, in the words of dialect G."""
        return badge(status_word(obj.task).value)

    @display(description="Iterations")
    def progress_bar(self, obj: GatherRun) -> SafeString:
        """Return how many iterations are finished, as a bar; its red end are those that failed."""
        done = obj.completed_iterations
        if obj.task.status not in TERMINAL:
            done = max(done, int((obj.task.progress or {}).get("currentIteration", 0)))
        done = min(done, obj.gather_count)
        return bar(done, obj.gather_count, failed=min(done, len(obj.failures)))

    @display(description="Images")
    def images(self, obj: GatherRun) -> str:
        """Return the new images: as the task reports them while it runs, then those of its job."""
        ended = obj.task.status in TERMINAL
        return f"{int(obj.job.images if ended else (obj.task.progress or {}).get('images', 0)):,}"

    @display(description="Failed")
    def failed_iterations(self, obj: GatherRun) -> SafeString | str:
        """Return how many iterations failed."""
        return badge(len(obj.failures), colour="danger") if obj.failures else "–"

    @display(description="Exhausted")
    def ended_early(self, obj: GatherRun) -> str:
        """Return whether nothing was left; a red cross for no would look like a fault."""
        return "yes" if obj.exhausted else "–"

    @display(description="Schedule", empty_value="–")
    def started_by(self, obj: GatherRun) -> str | None:
        """Return the schedule that started it."""
        return obj.schedule or None

    @display(description="Started", ordering="id")
    def created(self, obj: GatherRun) -> SafeString:
        """Return when it was asked for."""
        return when(obj.created_at)
