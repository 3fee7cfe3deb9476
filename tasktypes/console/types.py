"""What can be run: the types that users declared, and the handlers that are installed."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from pixtasks.accounts.console import ReadOnlyAdmin
from pixtasks.accounts.console.pages import actor_of, done, page
from pixtasks.common.errors import PixtasksError
from pixtasks.common.markup import badge, link, when
from tasktypes.console.launch import launch_url, of_handler
from tasktypes.console.schema import read_schema
from tasktypes.handlers import handlers
from tasktypes.models import TaskType
from tasktypes.services import tally
from tasktypes.services.task_types import declared_retries, switch_type
from tasktypes.states import State

HANDLERS = "admin:tasktypes_tasktype_handlers"


class IsActive(admin.SimpleListFilter):
    """Types by whether tasks of them can be made."""

    title = "active"
    parameter_name = "active"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the two choices."""
        return [("yes", "yes"), ("no", "no")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the types of the choice."""
        chosen = self.value()
        return queryset.filter(is_active=chosen == "yes") if chosen in ("yes", "no") else queryset


class TaskTypeAdmin(ReadOnlyAdmin):
    """Types that users declared."""

    list_display = ("name", "standing", "about", "owner", "declared", "tasks_link")
    list_filter = (IsActive,)
    list_select_related = ("created_by",)
    search_fields = ("name__istartswith",)
    search_help_text = "The beginning of a name"
    sortable_by = ("name",)
    ordering = ("-id",)
    change_form_template = "tasktypes/console/task_type.html"
    fields = ("name",)
    actions_list = ("to_handlers", "to_launch")
    actions_detail = ("launch_one", "activate", "deactivate")
    actions_row = ("launch_one", "activate", "deactivate")

    def get_urls(self) -> list[URLPattern]:
        """Add the page of the handlers."""
        view = self.admin_site.admin_view
        return [path("handlers/", view(self._handlers), name=HANDLERS.partition(":")[2]), *super().get_urls()]

    def _handlers(self, request: HttpRequest) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        counts = tally.counts_by_type()
        rows = [
            {
                "handler": handler,
                "launchable": of_handler(handler.name),
                "inputs": _inputs(handler.Params.model_json_schema()),
                "counts": [(state.value, counts.get(handler.name, {}).get(state, 0)) for state in State],
            }
            for handler in handlers
        ]
        context = {"rows": rows, "may_launch": self.has_operate_permission(request)}
        return page(self, request, "tasktypes/console/handlers.html", "Handlers", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the type with its schema, and how its tasks fare."""
        task_type = self.get_object(request, object_id)
        if task_type is None:
            raise Http404
        counts = tally.counts(type_name=task_type.name)
        context = {
            "title": task_type.name,
            "type": task_type,
            "inputs": _inputs(task_type.parameters_schema),
            "counts": [(state.value, counts[state]) for state in State],
            "retries": declared_retries(task_type),
        }
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})
        return answer

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """Offer what the type's standing allows."""
        active = TaskType.objects.filter(pk=object_id).values_list("is_active", flat=True).first()
        hidden = {"activate"} if active else {"deactivate", "launch_one"}
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if each.action_name.removeprefix("tasktypes_tasktype_") not in hidden]

    @action(description="Handlers", url_path="to-handlers", icon="memory")
    def to_handlers(self, request: HttpRequest) -> HttpResponse:
        """Go to what this installation's workers run."""
        return redirect(HANDLERS)

    @action(description="Launch a task…", url_path="to-launch", icon="rocket_launch", permissions=["operate"])
    def to_launch(self, request: HttpRequest) -> HttpResponse:
        """Go to the choice of what to launch."""
        return redirect("admin:tasktypes_task_launch")

    @action(description="Launch…", url_path="launch", icon="rocket_launch", permissions=["operate"])
    def launch_one(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the form of this type."""
        task_type = self.get_object(request, object_id)
        if task_type is None:
            raise Http404
        return redirect(launch_url(task_type.name))

    @action(
        description="Activate…", url_path="activate", icon="toggle_on", permissions=["operate"],
        dialog={
            "title": "Activate this type?",
            "description": "Tasks of it can be made again.",
            "form_class": None,
            "form_submit_text": "Activate",
        },
    )  # fmt: skip
    def activate(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Let tasks of the type be made."""
        return self._switch(request, object_id, active=True)

    @action(
        description="Deactivate…", url_path="deactivate", icon="toggle_off", permissions=["operate"],
        dialog={
            "title": "Deactivate this type?",
            "description": "No more tasks of it can be made. Those that are there stay, and are still worked on.",
            "form_class": None,
            "form_submit_text": "Deactivate",
        },
    )  # fmt: skip
    def deactivate(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Let no more tasks of the type be made."""
        return self._switch(request, object_id, active=False)

    def _switch(self, request: HttpRequest, object_id: str, *, active: bool) -> HttpResponse:
        task_type = self.get_object(request, object_id)
        if task_type is None:
            raise Http404
        try:
            switch_type(task_type, active=active, **actor_of(request))
            messages.success(request, f"{task_type.name} is {'active' if active else 'inactive'} now.")
        except PixtasksError as error:
            messages.warning(request, error.message)
        return done(reverse("admin:tasktypes_tasktype_change", args=[task_type.pk]))

    @display(description="Standing")
    def standing(self, obj: TaskType) -> SafeString:
        """Return whether tasks of it can be made."""
        return badge("active", colour="success") if obj.is_active else badge("inactive")

    @display(description="About", empty_value="–")
    def about(self, obj: TaskType) -> str | None:
        """Return the beginning of its description."""
        text = obj.description.strip()
        return (text if len(text) <= 80 else f"{text[:79]}…") or None

    @display(description="Declared by", empty_value="–")
    def owner(self, obj: TaskType) -> str | None:
        """Return who declared it."""
        return str(obj.created_by) if obj.created_by is not None else None

    @display(description="Declared")
    def declared(self, obj: TaskType) -> SafeString:
        """Return when it was declared."""
        return when(obj.created_at)

    @display(description="Tasks")
    def tasks_link(self, obj: TaskType) -> SafeString:
        """Return the way to its tasks."""
        url = reverse("admin:tasktypes_task_changelist")
        return link(format_html("{}?type={}", url, obj.name), "its tasks")


def _inputs(schema: Any) -> list[Any]:
    reading = read_schema(schema) if isinstance(schema, dict) else None
    return reading.inputs if reading else []
