"""The pages of gather schedules: the list with its buttons, and the form that shows when it would run first."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from gather.services import schedules
from gather.services.plans import find_project
from jobs.models import Project
from pixtasks.accounts.console.pages import CONFIRMED, actor_of, ask, confirmed, page
from pixtasks.common.commands import sentence
from pixtasks.common.errors import PixtasksError
from tasktypes.services.cron import Cron, parse_cron

LIST = "admin:gather_gatherrun_schedules"
FORM = "admin:gather_gatherrun_schedule"


class ScheduleForm(forms.Form):
    """What to gather, and when."""

    project = forms.CharField(
        max_length=200, widget=UnfoldAdminTextInputWidget, help_text="Slug or number of a project that is there."
    )
    cron = forms.CharField(
        max_length=500,
        initial="0 3 * * *",
        widget=UnfoldAdminTextInputWidget,
        help_text="Minute, hour, day of month, month, day of week. Both days must match where both are given.",
    )
    timezone = forms.CharField(
        max_length=63, initial="UTC", widget=UnfoldAdminTextInputWidget, help_text="Such as UTC or Europe/Zurich."
    )
    count = forms.IntegerField(
        min_value=1, max_value=100, initial=10, widget=UnfoldAdminIntegerFieldWidget, label="Iterations of each run"
    )
    save_interval = forms.IntegerField(
        min_value=1, max_value=50, initial=5, widget=UnfoldAdminIntegerFieldWidget, label="Iterations between two saves"
    )
    error_recovery = forms.BooleanField(
        required=False, initial=True, widget=UnfoldBooleanSwitchWidget, label="Go on after a failing iteration"
    )
    keywords = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text="One per line or separated by commas; empty: those of the project's jobs.",
    )
    engines = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="Separated by commas; empty: those of the project's jobs.",
    )
    name = forms.CharField(
        required=False,
        max_length=schedules.NAME_LENGTH,
        widget=UnfoldAdminTextInputWidget,
        help_text="Empty: gather: and the slug. A second schedule of a project needs a name of its own.",
    )
    update = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, label="Change the schedule of this name if it is there"
    )

    cleaned_project: Project
    cleaned_cron: Cron

    def clean_project(self) -> str:
        """Find the project."""
        text: str = self.cleaned_data["project"]
        project = find_project(text)
        if project is None:
            raise forms.ValidationError(f"There is no project {text!r}.")
        self.cleaned_project = project
        return text

    def clean(self) -> dict[str, Any]:
        """Read the five fields in their time zone."""
        data = super().clean() or self.cleaned_data
        if "cron" in data and "timezone" in data:
            try:
                self.cleaned_cron = parse_cron(data["cron"], zone=data["timezone"])
            except PixtasksError as error:
                where = "timezone" if "time zone" in error.message else "cron"
                self.add_error(where, sentence(error).removeprefix(f"{where}: "))
        return data

    def options(self) -> dict[str, Any]:
        """Return the gather's options."""
        data = self.cleaned_data
        return {
            "saveInterval": data["save_interval"],
            "errorRecovery": data["error_recovery"],
            "keywords": _listed(data["keywords"]),
            "engines": _listed(data["engines"]),
        }


def schedule_list(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Show the schedules; remove one where a form says so. A schedule is switched off on its own page."""
    if request.method == "POST":
        return _change(model_admin, request)
    context = {"schedules": schedules.schedules(), "add_url": reverse(FORM)}
    return page(model_admin, request, "gather/console/schedules.html", "Scheduled gathers", context)


def schedule_form(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    """Ask for a schedule, show when it would run, and make it where somebody has seen that."""
    first = {"project": request.GET.get("project", "")}
    form = ScheduleForm(request.POST) if request.method == "POST" else ScheduleForm(initial=first)
    ready = form.is_bound and form.is_valid()
    if ready and confirmed(request):
        data = form.cleaned_data
        try:
            done = schedules.schedule_gather(
                form.cleaned_project,
                cron=data["cron"],
                timezone=data["timezone"],
                count=data["count"],
                options=form.options(),
                name=data["name"] or None,
                update=data["update"],
                **actor_of(request),
            )
        except PixtasksError as error:
            form.add_error(None, sentence(error))
            ready = False
        else:
            name = schedules.schedule_name(done.row)
            messages.success(request, f"{name}: {done.outcome}. {form.cleaned_cron.words}.")
            return redirect(LIST)
    context = {
        "form": form,
        "cron": form.cleaned_cron if ready else None,
        "next_times": form.cleaned_cron.next_times() if ready else [],
        "back": reverse(LIST),
        "confirm_field": CONFIRMED,
    }
    return page(model_admin, request, "gather/console/schedule.html", "Schedule a gather", context)


def _change(model_admin: ModelAdmin, request: HttpRequest) -> HttpResponse:
    name, verb = request.POST.get("name", ""), request.POST.get("verb", "")
    if verb == "remove" and not confirmed(request):
        return ask(
            model_admin,
            request,
            title="Remove a schedule",
            text=f"The schedule “{name}” starts no gather any more. The runs that came from it stay.",
            button="Remove it",
            back=reverse(LIST),
            fields={"name": name, "verb": verb},
            dangerous=True,
        )
    try:
        if verb == "remove":
            schedules.remove(name, **actor_of(request))
            messages.success(request, f"{name}: removed.")
    except PixtasksError as error:
        messages.error(request, error.message)
    return redirect(LIST)


def _listed(text: str) -> list[str] | None:
    return [part.strip() for part in re.split(r"[,\n]", text) if part.strip()] or None
