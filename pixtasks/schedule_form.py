"""The form of a schedule: plain fields for what the ledger runs, the library's own for the rest."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django_celery_beat import admin as beat
from django_celery_beat.models import PeriodicTask
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from pixtasks.accounts.models import User, normalise_email
from pixtasks.celery import app
from pixtasks.common.commands import sentence
from pixtasks.common.errors import InvalidInput, PixtasksError
from tasktypes.handlers import handlers
from tasktypes.services import timetable
from tasktypes.services.cron import parse_cron
from tasktypes.services.schedules import told

CRON = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
_HELP = {
    "minute": "0–59, such as 30 or */15",
    "hour": "0–23, such as 3 or 8-18",
    "day_of_month": "1–31",
    "month_of_year": "1–12 or jan–dec",
    "day_of_week": "0–6 or sun–sat; 1-5 are weekdays",
}


class LedgerScheduleForm(forms.ModelForm):
    """A schedule that the ledger runs: what, for whom, and the five fields of cron."""

    actor: User
    address: str

    handler = forms.ChoiceField(label="Runs", widget=UnfoldAdminSelectWidget)
    parameters = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5, "class": "font-mono", "spellcheck": "false"}),
        help_text="A JSON object, as the handler takes it; empty for none. It is checked before it is saved.",
    )
    owner = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="The address of whom its tasks belong to; empty: the product itself.",
    )
    minute = forms.CharField(widget=UnfoldAdminTextInputWidget, initial="0", help_text=_HELP["minute"])
    hour = forms.CharField(widget=UnfoldAdminTextInputWidget, initial="3", help_text=_HELP["hour"])
    day_of_month = forms.CharField(widget=UnfoldAdminTextInputWidget, initial="*", help_text=_HELP["day_of_month"])
    month_of_year = forms.CharField(widget=UnfoldAdminTextInputWidget, initial="*", help_text=_HELP["month_of_year"])
    day_of_week = forms.CharField(widget=UnfoldAdminTextInputWidget, initial="*", help_text=_HELP["day_of_week"])
    zone = forms.CharField(
        label="Time zone", initial="UTC", widget=UnfoldAdminTextInputWidget, help_text="Such as UTC or Europe/Zurich."
    )

    class Meta:
        model = PeriodicTask
        fields = ("name", "description", "enabled")
        widgets = {
            "name": UnfoldAdminTextInputWidget,
            "description": UnfoldAdminTextareaWidget(attrs={"rows": 2}),
            "enabled": UnfoldBooleanSwitchWidget,
        }
        labels = {"enabled": "On"}
        help_texts = {
            "name": "What the list and the audit log call it.",
            "description": "For those who read this next year.",
            "enabled": "Off: it does not run, and what it misses is not made up for.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(name, name) for name in handlers.names()]
        row = self.instance
        if row.pk is not None:
            _, handler, parameters, owner_id = told(row)
            if handler not in handlers:
                names.append((handler, f"{handler} (not installed any more)"))
            owner = User.objects.filter(pk=owner_id).first() if owner_id is not None else None
            self.initial = {
                **self.initial,
                "handler": handler,
                "parameters": json.dumps(parameters, indent=2, ensure_ascii=False) if parameters else "",
                "owner": owner.email if owner is not None else "",
                "zone": str(row.crontab.timezone),
                **{name: getattr(row.crontab, name) for name in CRON},
            }
        self.fields["handler"].choices = names  # type: ignore[attr-defined]

    def clean_parameters(self) -> dict[str, Any]:
        """Read the object."""
        text = self.cleaned_data["parameters"].strip()
        try:
            found = json.loads(text) if text else {}
        except ValueError as error:
            raise forms.ValidationError(f"This is no JSON: {error}.") from error
        if not isinstance(found, dict):
            raise forms.ValidationError('Give a JSON object, such as {"days": 30}.')
        return found

    def clean_owner(self) -> User | None:
        """Find the owner."""
        text = normalise_email(self.cleaned_data["owner"])
        if not text:
            return None
        owner = User.objects.filter(email=text, is_active=True).first()
        if owner is None:
            raise forms.ValidationError("There is no active user of this address.")
        return owner

    def clean(self) -> dict[str, Any]:
        """Read the time, and have the service check and save it; what it refuses stands beside the field."""
        data = super().clean() or self.cleaned_data
        if self.errors:
            return data
        try:
            cron = parse_cron(" ".join("".join(data[name].split()) for name in CRON), zone=data["zone"].strip())
        except InvalidInput as error:
            self._fault(error.errors[0].msg)
            return data
        try:
            self.instance = timetable.save_schedule(
                self.instance if self.instance.pk is not None else None,
                name=data["name"],
                description=data["description"],
                enabled=data["enabled"],
                handler_name=data["handler"],
                parameters=data["parameters"],
                owner=data["owner"],
                cron=cron,
                actor=self.actor,
                address=self.address,
            )
        except InvalidInput as error:
            for fault in error.errors:
                where = str(fault.loc[0]) if fault.loc else ""
                path = ".".join(str(part) for part in fault.loc[1:])
                self.add_error(where if where in self.fields else None, f"{path}: {fault.msg}" if path else fault.msg)
        except PixtasksError as error:
            self.add_error(None, sentence(error))
        return data

    def _fault(self, text: str) -> None:
        """Write a fault of the expression to the field that it is about."""
        titles = {"month": "month_of_year", "day of month": "day_of_month", "day of week": "day_of_week"}
        title = text.partition(":")[0]
        name = titles.get(title, title)
        self.add_error("zone" if "time zone" in text else name if name in CRON else None, text)

    def _post_clean(self) -> None:
        """The service has checked and saved; the instance is not to be filled from the form."""

    def save(self, commit: bool = True) -> PeriodicTask:
        """Return the schedule, which is saved already."""
        return self.instance

    def save_m2m(self) -> None:
        """There is nothing of the kind."""


class TaskNameWidget(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """A drop-down of the registered tasks."""

    celery_app = app


class CeleryScheduleForm(beat.PeriodicTaskForm):
    """A schedule that sends a message of Celery's own, or is no crontab; in the console's widgets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskNameWidget()
