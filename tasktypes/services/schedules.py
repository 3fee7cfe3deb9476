"""Periodic tasks: django-celery-beat keeps the times, the ledger runs the work, once per slot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import IntegrityError, transaction

from pixtasks.common.sql import database_now
from tasktypes.handlers import Handler
from tasktypes.models import ScheduledSlot
from tasktypes.services.submit import NewTask, submit

HandlerClass = TypeVar("HandlerClass", bound="type[Handler[Any]]")

SUBMIT_SCHEDULED = "tasktypes.submit_scheduled"
"""Name of the Celery task that beat sends."""

_wanted: dict[str, tuple[str, dict[str, str]]] = {}


def schedule(name: str, **crontab: str) -> Callable[[HandlerClass], HandlerClass]:
    """Have a handler run by the clock (decorator): ``@schedule("sweep files", minute="5")``.

    Args:
        name: of the row in the console; permanent.
        crontab: fields of a crontab in UTC: minute, hour, day_of_week, day_of_month, month_of_year.
    """

    def decorate(cls: HandlerClass) -> HandlerClass:
        _wanted[name] = (cls.name, crontab)
        return cls

    return decorate


def create_schedules(**_: Any) -> None:
    """Create the rows that are missing, by name; what an operator has changed is left alone."""
    from django_celery_beat.models import CrontabSchedule, PeriodicTask

    for name, (handler_name, crontab) in _wanted.items():
        if not PeriodicTask.objects.filter(name=name).exists():
            when, _created = CrontabSchedule.objects.get_or_create(timezone="UTC", **crontab)
            PeriodicTask.objects.create(
                name=name, task=SUBMIT_SCHEDULED, args=f'["{name}", "{handler_name}"]', crontab=when, queue="default"
            )


def submit_scheduled(name: str, handler_name: str) -> int | None:
    """Submit a scheduled handler's task, unless another scheduler has done it for this minute.

    Returns:
        The task's id, or None where somebody else was first.
    """
    slot = database_now().replace(second=0, microsecond=0)
    try:
        with transaction.atomic():
            ScheduledSlot.objects.create(name=name, slot=slot)
            return submit([NewTask(type_name=handler_name)], owner_id=None)[0].pk
    except IntegrityError:
        return None
