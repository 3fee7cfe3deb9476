"""Console pages of the libraries, in the console's own look.

This module is found after those of the libraries, because ``pixtasks`` stands below them in ``INSTALLED_APPS``.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from django_celery_results import admin as results
from django_celery_results.models import GroupResult, TaskResult
from rest_framework_api_key.models import APIKey
from rest_framework_simplejwt.token_blacklist import admin as blacklist
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from pixtasks.accounts.console import AuditedAdmin, ReadOnlyAdmin
from pixtasks.celery import app

REPLACED: tuple[type[Model], ...] = (
    Group,
    APIKey,  # Ours has an owner, scopes and its last use.
    PeriodicTask,
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    SolarSchedule,
    TaskResult,
    GroupResult,
    OutstandingToken,
    BlacklistedToken,
)

for model in REPLACED:
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(Group)
class GroupAdmin(AuditedAdmin, DjangoGroupAdmin):
    """Groups of users."""


class TaskNameWidget(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """A drop-down of the registered tasks."""

    celery_app = app


class ScheduleForm(beat.PeriodicTaskForm):
    """A schedule, in the console's widgets."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskNameWidget()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, AuditedAdmin):
    """What runs periodically."""

    form = ScheduleForm
    celery_app = app


class PeriodicTaskInline(TabularInline):
    """The tasks that use a schedule."""

    model = PeriodicTask
    fields = ("name", "task", "args", "kwargs")
    readonly_fields = fields
    can_delete = False
    extra = 0
    show_change_link = True
    verbose_name_plural = "Periodic tasks using this schedule"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tasks are added on their own page."""
        return False


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(beat.ClockedScheduleAdmin, AuditedAdmin):
    """Once, at a given time."""

    inlines = (PeriodicTaskInline,)


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(beat.CrontabScheduleAdmin, AuditedAdmin):
    """By minute, hour and day."""

    inlines = (PeriodicTaskInline,)


@admin.register(IntervalSchedule, SolarSchedule)
class OtherScheduleAdmin(AuditedAdmin):
    """Every so often, or by the sun."""

    inlines = (PeriodicTaskInline,)


@admin.register(TaskResult)
class TaskResultAdmin(results.TaskResultAdmin, ReadOnlyAdmin):
    """What Celery itself recorded; the ledger's own record is the task."""


@admin.register(GroupResult)
class GroupResultAdmin(results.GroupResultAdmin, ReadOnlyAdmin):
    """What Celery itself recorded of groups."""


@admin.register(OutstandingToken)
class OutstandingTokenAdmin(blacklist.OutstandingTokenAdmin, ReadOnlyAdmin):
    """Tokens and sign-ins that were blacklisted; live tokens are stored nowhere."""

    exclude = ("token",)
    has_change_permission = ReadOnlyAdmin.has_change_permission

    def get_readonly_fields(self, *args: Any, **kwargs: Any) -> list[str]:
        """Return the fields but the token's text."""
        return [field.name for field in self.opts.fields if field.name != "token"]


@admin.register(BlacklistedToken)
class BlacklistedTokenAdmin(blacklist.BlacklistedTokenAdmin, ModelAdmin):
    """Tokens that are refused; deleting a row lets its token work again until it expires."""
