"""The list of tasks, with its filters and what can be done to one, to some, or to all that match."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from pixtasks.accounts.console import ReadOnlyAdmin
from pixtasks.accounts.console.pages import actor_of, done
from pixtasks.common.errors import PixtasksError
from pixtasks.common.markup import badge, duration, link, when
from tasktypes.console import batch, launch, task_page
from tasktypes.console.filters import LIST_FILTERS, search
from tasktypes.console.forms import PriorityDialog
from tasktypes.console.progress import progress_bar
from tasktypes.models import Task
from tasktypes.services import tally
from tasktypes.services.operate import STATES, Verb, act_on_one
from tasktypes.states import State

SAID: Final = {
    Verb.CANCEL: "{} is cancelled, or will be at its next checkpoint.",
    Verb.RETRY: "{} runs again.",
    Verb.RUN_NOW: "{} is due now.",
    Verb.PRIORITY: "{} has its new priority.",
}
_ACTIONS: Final = {
    "cancel_task": Verb.CANCEL, "retry_task": Verb.RETRY, "run_task_now": Verb.RUN_NOW, "set_priority": Verb.PRIORITY,
}  # fmt: skip


class TaskAdmin(ReadOnlyAdmin):
    """Tasks."""

    list_display = ("what", "standing", "age", "attempts", "took", "priority_word", "belongs")
    list_filter = LIST_FILTERS
    list_select_related = ("created_by", "group")
    list_disable_select_all = True
    search_fields = ("public_id",)
    search_help_text = "An id or its beginning, a type's beginning, or an owner's address"
    sortable_by = ()
    ordering = ("-id",)
    list_before_template = "tasktypes/console/list_head.html"
    change_form_template = "tasktypes/console/task.html"
    fields = ("public_id",)
    actions = ("cancel_some", "retry_some", "run_some_now", "prioritise_some")  # type: ignore[assignment]
    actions_list = ("launch_task",)
    actions_row = tuple(_ACTIONS)
    actions_detail = (*_ACTIONS, "launch_again")

    # The list

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Task], search_term: str
    ) -> tuple[QuerySet[Task], bool]:
        """Search along the indices alone."""
        return (search(queryset, search_term), False) if search_term.strip() else (queryset, False)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the list, with how many there are in each state."""
        context = {"states": self._states(request), "head_url": reverse("admin:tasktypes_task_head")}
        answer: HttpResponse = super().changelist_view(request, {**(extra_context or {}), **context})
        return answer

    def _states(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Return the states with their exact totals, from the tally: nothing is counted."""
        query = request.GET.copy()
        for name in ("status", "p", "q"):
            query.pop(name, None)
        chosen = request.GET.get("status", "")
        counts = tally.counts(type_name=request.GET.get("type") or None)
        base = reverse("admin:tasktypes_task_changelist")
        found = []
        for state in State:
            query["status"] = state.value
            here = chosen == state.value
            if here:
                del query["status"]
            url = f"{base}?{query.urlencode()}"
            found.append({"state": state.value, "count": counts[state], "url": url, "chosen": here})
        return found

    @display(description="Task")
    def what(self, obj: Task) -> SafeString:
        """Return its type, and the beginning of its id."""
        return format_html(
            '<span class="tt-what"><span class="tt-type">{}</span><span class="px-mono px-soft">{}</span></span>',
            obj.type_name, obj.public_id[:8],
        )  # fmt: skip

    @display(description="State")
    def standing(self, obj: Task) -> SafeString:
        """Return where it stands, and how far a running one is."""
        stopping = obj.cancel_requested_at is not None and obj.status == State.RUNNING
        word = badge("stopping", colour="warning") if stopping else badge(obj.status)
        bar = progress_bar(obj.progress) if obj.status == State.RUNNING else None
        return format_html('<span class="tt-state">{}{}</span>', word, bar or "")

    @display(description="Attempts")
    def attempts(self, obj: Task) -> str:
        """Return how often it was started, and how many retries of its budget that took."""
        return f"{obj.attempt} ({obj.retries} of {obj.max_retries} retries)" if obj.retries else str(obj.attempt)

    @display(description="Submitted")
    def age(self, obj: Task) -> SafeString:
        """Return when it was submitted, and whose it is; a click shows all of theirs."""
        owner = link(f"?owner={obj.created_by_id}", obj.created_by) if obj.created_by is not None else "by the product"
        return format_html(
            '<span class="tt-two-lines">{}<span class="px-soft">{}</span></span>', when(obj.created_at), owner
        )

    @display(description="Took")
    def took(self, obj: Task) -> SafeString:
        """Return how long its last attempt took, or has taken so far, and who ran it."""
        return format_html(
            '<span class="tt-two-lines">{}<span class="px-soft">{}</span></span>',
            duration(task_page.took(obj)), obj.worker,
        )  # fmt: skip

    @display(description="Priority")
    def priority_word(self, obj: Task) -> int:
        """Return its priority."""
        return obj.priority

    @display(description="Job or run", empty_value="–")
    def belongs(self, obj: Task) -> SafeString | None:
        """Return what it belongs to; a click shows the others of it."""
        return link(f"?group={obj.group_id}", obj.group) if obj.group is not None else None

    # Pages

    def get_urls(self) -> list[URLPattern]:
        """Add the pages beside the list and the task."""
        view = self.admin_site.admin_view

        def seen(function: Any) -> Any:
            def inner(request: HttpRequest, **fields: Any) -> HttpResponse:
                if not self.has_view_permission(request):
                    raise PermissionDenied
                answer: HttpResponse = function(request, **fields)
                return answer

            return view(inner)

        return [
            path("launch/", view(self._launch), name="tasktypes_task_launch"),
            path("batch/", view(self._batch), name="tasktypes_task_batch"),
            path("head/", seen(self._head), name="tasktypes_task_head"),
            path("<int:pk>/live/", seen(task_page.live_view), name="tasktypes_task_live"),
            path("<int:pk>/events/", seen(task_page.events_view), name="tasktypes_task_events"),
            *super().get_urls(),
        ]

    def _launch(self, request: HttpRequest) -> HttpResponse:
        return launch.launch_page(self, request)

    def _batch(self, request: HttpRequest) -> HttpResponse:
        return batch.batch_page(self, request)

    def _head(self, request: HttpRequest) -> HttpResponse:
        return TemplateResponse(request, "tasktypes/console/states.html", {"states": self._states(request)})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show the task; a public id or one of its Celery ids leads there, too."""
        if not object_id.isdigit():
            found = search(Task.objects.all(), object_id).only("pk").first() if len(object_id) >= 32 else None
            if found is None:
                raise Http404
            return redirect("admin:tasktypes_task_change", found.pk)
        if not self.has_view_permission(request):
            raise PermissionDenied
        task = task_page.a_task(int(object_id))
        context = {**task_page.page_context(task, request), "title": task.type_name}
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})
        return answer

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[Any]:
        """Offer what the task's state allows."""
        status = Task.objects.filter(pk=object_id).values_list("status", flat=True).first()
        hidden = {f"tasktypes_task_{name}" for name, verb in _ACTIONS.items() if status not in STATES[verb]}
        offered = super().get_actions_detail(request, object_id)
        return [each for each in offered if each.action_name not in hidden]

    # What can be done

    @action(description="Launch a task…", url_path="to-launch", icon="rocket_launch", permissions=["operate"],
            variant=ActionVariant.PRIMARY)  # fmt: skip
    def launch_task(self, request: HttpRequest) -> HttpResponse:
        """Go to the choice of what to launch."""
        return redirect(launch.LAUNCH)

    @action(description="Launch another…", url_path="launch-again", icon="rocket_launch", permissions=["operate"])
    def launch_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the form of the same type."""
        task = self.get_object(request, object_id)
        if task is None:
            raise Http404
        return redirect(launch.launch_url(task.type_name))

    @action(
        description="Cancel…", url_path="cancel", icon="cancel", permissions=["operate"],
        dialog={
            "title": "Cancel this task?",
            "description": "A pending task ends at once; a running one stops at its next checkpoint. What it has "
            "stored stays, and it can be retried.",
            "form_class": None,
            "form_submit_text": "Cancel the task",
        },
    )  # fmt: skip
    def cancel_task(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Cancel one task."""
        return self._act(request, Verb.CANCEL, object_id)

    @action(
        description="Retry…", url_path="retry", icon="replay", permissions=["operate"],
        dialog={
            "title": "Retry this task?",
            "description": "It runs again under its own id, with a fresh budget of retries, from its last checkpoint. "
            "Only failed and cancelled tasks can.",
            "form_class": None,
            "form_submit_text": "Retry the task",
        },
    )  # fmt: skip
    def retry_task(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Retry one task."""
        return self._act(request, Verb.RETRY, object_id)

    @action(
        description="Run now…", url_path="run-now", icon="play_arrow", permissions=["operate"],
        dialog={
            "title": "Run this task now?",
            "description": "A pending task that waits for its time or for its next try is due at once; it starts as "
            "soon as a worker is free.",
            "form_class": None,
            "form_submit_text": "Run it now",
        },
    )  # fmt: skip
    def run_task_now(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Let one task be due now."""
        return self._act(request, Verb.RUN_NOW, object_id)

    @action(
        description="Change priority…", url_path="priority", icon="low_priority", permissions=["operate"],
        dialog={
            "title": "Change this task's priority?",
            "description": "Lower numbers run first. A task that has ended keeps the one it had.",
            "form_class": PriorityDialog,
            "form_submit_text": "Change the priority",
        },
    )  # fmt: skip
    def set_priority(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Change one task's priority."""
        return self._act(request, Verb.PRIORITY, object_id, priority=form.cleaned_data["priority"])

    def _act(self, request: HttpRequest, verb: Verb, object_id: str, priority: int | None = None) -> HttpResponse:
        task = self.get_object(request, object_id)
        if task is None:
            raise Http404
        try:
            act_on_one(verb, task.pk, priority=priority, **actor_of(request))
            messages.success(request, SAID[verb].format(f"{task.type_name} {task.public_id[:8]}"))
        except PixtasksError as error:
            messages.warning(request, error.message)
        return done(reverse("admin:tasktypes_task_change", args=[task.pk]))

    @action(description="Cancel…", permissions=["operate"])
    def cancel_some(self, request: HttpRequest, queryset: QuerySet[Task]) -> HttpResponse:
        """Ask, then cancel what is ticked."""
        return batch.ask_for_some(self, request, queryset, Verb.CANCEL)

    @action(description="Retry…", permissions=["operate"])
    def retry_some(self, request: HttpRequest, queryset: QuerySet[Task]) -> HttpResponse:
        """Ask, then retry what is ticked."""
        return batch.ask_for_some(self, request, queryset, Verb.RETRY)

    @action(description="Run now…", permissions=["operate"])
    def run_some_now(self, request: HttpRequest, queryset: QuerySet[Task]) -> HttpResponse:
        """Ask, then let what is ticked be due now."""
        return batch.ask_for_some(self, request, queryset, Verb.RUN_NOW)

    @action(description="Change priority…", permissions=["operate"])
    def prioritise_some(self, request: HttpRequest, queryset: QuerySet[Task]) -> HttpResponse:
        """Ask, then change the priority of what is ticked."""
        return batch.ask_for_some(self, request, queryset, Verb.PRIORITY)
