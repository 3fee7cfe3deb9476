"""Console pages of the libraries, in the console's own look.

This module is found after those of the libraries, because ``pixtasks`` stands below them in ``INSTALLED_APPS``.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
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
from unfold.admin import TabularInline

from pixtasks.accounts.console import AuditedAdmin, ConsoleAdmin, IndexedValues, LargeTable, ReadOnlyAdmin
from pixtasks.schedules import PeriodicTaskAdmin

REPLACED: tuple[type[Model], ...] = (
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


admin.site.register(PeriodicTask, PeriodicTaskAdmin)


class PeriodicTaskInline(TabularInline):
    """The tasks that use a schedule."""

    model = PeriodicTask
    fields = ("name", "task", "args", "kwargs")
    readonly_fields = fields
    can_delete = False
    extra = 0
    show_change_link = True
    verbose_name_plural = "Periodic tasks using this schedule"

    def get_queryset(self, request: HttpRequest) -> QuerySet[PeriodicTask]:
        """Return the tasks with what their names say of when they run."""
        return super().get_queryset(request).select_related("interval", "crontab", "solar", "clocked")

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
class TaskResultAdmin(LargeTable, results.TaskResultAdmin, ReadOnlyAdmin):
    """What Celery itself recorded; the ledger's own record is the task."""

    date_hierarchy = None
    list_filter = (("status", IndexedValues), ("task_name", IndexedValues), ("worker", IndexedValues))
    search_fields = ("=task_id",)
    search_help_text = "The id of a Celery message"
    ordering = ("-id",)


@admin.register(GroupResult)
class GroupResultAdmin(LargeTable, results.GroupResultAdmin, ReadOnlyAdmin):
    """What Celery itself recorded of groups."""

    date_hierarchy = None
    list_filter = ()
    search_fields = ("=group_id",)
    search_help_text = "The id of a group"
    ordering = ("-id",)


@admin.register(OutstandingToken)
class OutstandingTokenAdmin(LargeTable, blacklist.OutstandingTokenAdmin, ReadOnlyAdmin):  # type: ignore[misc]
    """Tokens and sign-ins that were blacklisted; live tokens are stored nowhere."""

    exclude = ("token",)
    search_fields = ("=jti", "user__email")
    search_help_text = "The id of a token, or its user's address"
    ordering = ("-id",)
    has_change_permission = ReadOnlyAdmin.has_change_permission

    def get_readonly_fields(self, *args: Any, **kwargs: Any) -> list[str]:
        """Return the fields but the token's text."""
        return [field.name for field in self.opts.fields if field.name != "token"]


@admin.register(BlacklistedToken)
class BlacklistedTokenAdmin(LargeTable, blacklist.BlacklistedTokenAdmin, ConsoleAdmin):  # type: ignore[misc]
    """Tokens that are refused; deleting a row lets its token work again until it expires."""

    search_fields = ("=token__jti", "token__user__email")
    search_help_text = "The id of a token, or its user's address"
    ordering = ("-id",)
    raw_id_fields = ("token",)  # A menu would hold every token there is.
