"""The console's page of schedules: what runs when, what came of it, run it now, edit it in plain fields."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django_celery_beat import admin as beat
from django_celery_beat.models import PeriodicTask
from unfold.decorators import action, display

from pixtasks.accounts.console import AuditedAdmin
from pixtasks.accounts.console.cells import code, strong, two_lines
from pixtasks.accounts.console.pages import actor_of, done
from pixtasks.celery import app
from pixtasks.common.commands import sentence
from pixtasks.common.errors import PixtasksError
from pixtasks.common.markup import badge, duration, link, moment, when
from pixtasks.schedule_form import CRON, CeleryScheduleForm, LedgerScheduleForm
from tasktypes.services import timetable
from tasktypes.services.cron import cron_of, due_times
from tasktypes.services.schedules import run_now, switch, told

_RUN: Final[dict[str, Any]] = {
    "title": "Run this schedule now?",
    "description": "Its task is submitted at once, beside the times at which it is due anyway. It is not while "
    "the task of its previous run has not ended.",
    "form_class": None,
    "form_submit_text": "Run it now",
}
_TURN: Final[dict[str, Any]] = {
    "title": "Switch this schedule?",
    "description": "On becomes off, and off becomes on. A task that runs goes on; what a schedule misses while "
    "it is off is not made up for.",
    "form_class": None,
    "form_submit_text": "Switch it",
}


def is_ours(row: PeriodicTask | None) -> bool:
    """Return whether a schedule is edited in plain fields; a new one is."""
    if row is None:
        return True
    try:
        told(row)
    except PixtasksError:
        return False
    return row.crontab is not None


class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, AuditedAdmin):
    """What runs by the clock."""

    form = LedgerScheduleForm
    change_form_template = "admin/pixtasks/periodic_task_form.html"
    celery_app = app
    list_display = ("title", "words", "next_time", "last", "on")
    list_filter = ("enabled",)
    search_fields = ("name", "args")
    ordering = ("name",)
    actions = None
    actions_row = ("run_it", "turn")
    actions_detail = ("run_this", "turn_this", "audit_log")

    class Media:
        css = {"all": ["pixtasks/access.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodicTask]:
        """Return the schedules with their times."""
        rows: QuerySet[PeriodicTask] = super().get_queryset(request)
        return rows.select_related("crontab", "interval", "solar", "clocked")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list, each row with what came of it last: two queries for all of them."""
        shown = super().get_changelist_instance(request)
        rows = list(shown.result_list)
        lines = timetable.lines(rows)
        for row in rows:
            row.line = lines[row.pk]
        shown.result_list = rows
        return shown

    def get_form(self, request: HttpRequest, obj: PeriodicTask | None = None, change: bool = False, **kw: Any) -> Any:
        """Return the form in plain fields, or the library's for what cannot be said in those."""
        self_form = LedgerScheduleForm if is_ours(obj) else CeleryScheduleForm
        kw["form"] = self_form
        base = super().get_form(request, obj, change=change, **kw)
        return type(base.__name__, (base,), dict(actor_of(request)))

    def get_fieldsets(self, request: HttpRequest, obj: PeriodicTask | None = None) -> Any:
        """Return what the form asks for."""
        if not is_ours(obj):
            return beat.PeriodicTaskAdmin.fieldsets
        told_of = (("Now", {"fields": ("coming", "last_said")}),) if obj is not None else ()
        return (
            (None, {"fields": ("name", "description", "enabled")}),
            ("When", {"fields": (*CRON, "zone")}),
            ("What", {"fields": ("handler", "parameters", "owner")}),
            *told_of,
        )

    def get_readonly_fields(self, request: HttpRequest, obj: PeriodicTask | None = None) -> Any:
        """Return what is told and not asked."""
        return ("coming", "last_said") if is_ours(obj) else beat.PeriodicTaskAdmin.readonly_fields

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool) -> None:
        """Save what is none of the ledger's; the form's service has saved the rest."""
        if not isinstance(form, LedgerScheduleForm):
            super().save_model(request, obj, form, change)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record it, unless the service has."""
        if is_ours(obj):
            return super(AuditedAdmin, self).log_addition(request, obj, message)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record it, unless the service has."""
        if is_ours(obj):
            return super(AuditedAdmin, self).log_change(request, obj, message)
        return super().log_change(request, obj, message)

    @action(
        description="Run now…", url_path="run-now", icon="play_arrow", permissions=["operate"],
        dialog=_RUN,
    )  # fmt: skip
    def run_it(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Submit the schedule's task."""
        return self._run(request, object_id, self._list_url())

    @action(
        description="Run now…", url_path="run-this-now", icon="play_arrow", permissions=["operate"],
        dialog=_RUN,
    )  # fmt: skip
    def run_this(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Submit the schedule's task."""
        return self._run(request, object_id, self._page_url(object_id))

    @action(
        description="Switch on or off…", url_path="turn", icon="power_settings_new", permissions=["operate"],
        dialog=_TURN,
    )  # fmt: skip
    def turn(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Switch the schedule on or off."""
        return self._turn(request, object_id, self._list_url())

    @action(
        description="Switch on or off…", url_path="turn-this", icon="power_settings_new", permissions=["operate"],
        dialog=_TURN,
    )  # fmt: skip
    def turn_this(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        """Switch the schedule on or off."""
        return self._turn(request, object_id, self._page_url(object_id))

    @action(description="Audit log", url_path="did", icon="history", permissions=["audit_log"])
    def audit_log(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to what was done with the schedule, and when it was skipped."""
        where = reverse("admin:accounts_auditentry_changelist")
        return redirect(f"{where}?about=django_celery_beat.periodictask:{object_id}")

    def _run(self, request: HttpRequest, object_id: str, back: str) -> HttpResponse:
        row = self._row(request, object_id)
        try:
            task = run_now(row, **actor_of(request))
        except PixtasksError as error:
            self.message_user(request, f"Not run: {sentence(error)}", messages.WARNING)
        else:
            address = reverse("admin:tasktypes_task_change", args=[task.pk])
            text = format_html('{} runs as <a class="px-link" href="{}">{}</a>.', row.name, address, task.public_id)
            self.message_user(request, text, messages.SUCCESS)
        return done(back)

    def _turn(self, request: HttpRequest, object_id: str, back: str) -> HttpResponse:
        row = self._row(request, object_id)
        switch(row, enabled=not row.enabled, **actor_of(request))
        self.message_user(request, f"{row.name} is {'on' if row.enabled else 'off'}.", messages.SUCCESS)
        return done(back)

    def _row(self, request: HttpRequest, object_id: str) -> PeriodicTask:
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        return row

    @staticmethod
    def _list_url() -> str:
        return reverse("admin:django_celery_beat_periodictask_changelist")

    @staticmethod
    def _page_url(object_id: str) -> str:
        return reverse("admin:django_celery_beat_periodictask_change", args=[object_id])

    @display(description="Schedule", ordering="name")
    def title(self, obj: Any) -> SafeString:
        """Return the name and what it runs."""
        kind = "" if obj.line.ours else " (a message of Celery's)"
        return two_lines(strong(obj.name), f"{obj.line.runs}{kind}")

    @display(description="When")
    def words(self, obj: Any) -> SafeString:
        """Return when it runs, as a sentence, and the expression."""
        text = f"{cron_of(obj.crontab).text} {obj.crontab.timezone}" if obj.crontab is not None else ""
        return two_lines(obj.line.words, code(text), kind="px-wide")

    @display(description="Next run")
    def next_time(self, obj: Any) -> SafeString | str:
        """Return when it is next due, in words and as a time of the reader's zone."""
        coming = obj.line.next_time
        return two_lines(when(coming), moment(coming)) if coming is not None else "–"

    @display(description="Last run")
    def last(self, obj: Any) -> SafeString | str:
        """Return what came of it last."""
        return _last(obj.line)

    @display(description="State", ordering="enabled")
    def on(self, obj: Any) -> SafeString:
        """Return whether it is switched on."""
        return badge("on", colour="success") if obj.enabled else badge("off", colour="default")

    @display(description="Next runs")
    def coming(self, obj: PeriodicTask) -> SafeString | str:
        """Return when it runs, in words, and the next three times."""
        if obj.crontab is None:
            return "–"
        times = due_times(obj.crontab) if obj.enabled else []
        shown = format_html_join("", "<li>{} ({})</li>", ((moment(one), when(one)) for one in times))
        off = "" if obj.enabled else SafeString('<div class="px-sub">It is switched off.</div>')
        return format_html("{}<ul>{}</ul>{}", cron_of(obj.crontab).words, shown, off)

    @display(description="Last run")
    def last_said(self, obj: PeriodicTask) -> SafeString | str:
        """Return what came of it last."""
        return _last(timetable.lines([obj])[obj.pk])


def _last(line: timetable.Line) -> SafeString | str:
    if line.slot is None:
        return "never"
    ago = when(line.slot.slot)
    if line.task is None:
        said = line.slot.reason or ("its task was deleted" if line.slot.task_number else "nothing was made")
        return two_lines(format_html("{} {}", badge("skipped", colour="warning"), ago), said)
    task = line.task
    took = ""
    if task.started_at is not None and task.completed_at is not None:
        took = f"took {duration((task.completed_at - task.started_at).total_seconds())}"
    address = reverse("admin:tasktypes_task_change", args=[task.pk])
    return two_lines(
        format_html("{} {}", badge(task.status), ago), format_html("{} {}", link(address, f"task {task.pk}"), took)
    )


__all__ = ["PeriodicTaskAdmin"]
