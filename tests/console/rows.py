"""A row of any model, whatever its fields: with neighbours of its own, or all of them the same one's."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

from django.db import models
from django.utils import timezone

_numbers = count(1)

# What the fields themselves do not say.
_VALUES: dict[str, Callable[[int], dict[str, Any]]] = {
    "accounts.user": lambda n: {"email": f"row{n}@example.com", "password": "!"},
    "tasktypes.task": lambda n: {
        "type_name": f"type {n % 3}", "status": ("completed", "failed", "running", "pending")[n % 4],
        "lane": f"h0100|{n}", "started_at": timezone.now(), "completed_at": timezone.now(),
        "depends_on": (), "public_id": str(uuid.uuid4()),
    },
    "jobs.crawljob": lambda n: {"keywords": [f"word {n}", "cat"], "engines": ["sample"], "max_images": 10},
    "jobs.image": lambda n: {"format": "jpeg", "width": 640, "height": 480, "bytes": 9000, "is_valid": n % 2 == 0},
    "jobs.verdict": lambda n: {"is_valid": n % 2 == 0},
    "gather.gatherrun": lambda n: {"gather_count": 3, "save_interval": 5, "error_recovery": True},
    "tasktypes.webhookendpoint": lambda n: {"url": f"https://hooks.example.com/{n}", "secret": "x"},
    "django_celery_beat.periodictask": lambda n: {"interval": None, "solar": None, "clocked": None, "task": "x"},
    "django_celery_beat.crontabschedule": lambda n: {"minute": str(n % 60), "hour": str(n // 60 % 24)},
    "django_celery_beat.solarschedule": lambda n: {"event": "sunset", "latitude": n % 80, "longitude": n // 80},
    "django_celery_beat.intervalschedule": lambda n: {"every": n, "period": "hours"},
    "django_celery_results.groupresult": lambda n: {"result": "[]"},
    "django_celery_results.taskresult": lambda n: {"result": "1", "status": "SUCCESS"},
}  # fmt: skip


def make(model: type[models.Model], family: dict[type[models.Model], models.Model] | None = None) -> models.Model:
    """Insert a row.

    Args:
        model: of which table.
        family: rows that it shall belong to, wherever it may; whatever it belongs to else is made for it alone.
    """
    number = next(_numbers)
    said = dict(_VALUES.get(model._meta.label_lower, lambda n: {})(number))
    said.pop("depends_on", None)
    for field in model._meta.concrete_fields:
        if field.name in said or isinstance(field, models.AutoField):
            continue
        if isinstance(field, models.ForeignKey):
            said[field.name] = _neighbour(field, family)
        elif field.unique or not (field.null or (field.has_default() and field.get_default() is not None)):
            said[field.name] = _value(field, number)
    return model._default_manager.create(**said)


def _neighbour(field: models.ForeignKey[Any, Any], family: dict[type[models.Model], models.Model] | None) -> Any:
    other = field.related_model
    assert not isinstance(other, str)
    if other is field.model:
        return None
    if family is None or field.unique:
        return make(other, family)
    if other not in family:
        family[other] = make(other, family)
    return family[other]


def _value(field: models.Field[Any, Any], number: int) -> Any:
    if field.choices:
        choices = list(field.flatchoices)
        return choices[number % len(choices)][0]
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if isinstance(field, models.JSONField):
        return {}
    if isinstance(field, models.DateTimeField):
        # Each its own: some are unique.
        return timezone.now() + timedelta(seconds=number)
    if isinstance(field, models.BooleanField):
        return False
    if isinstance(field, models.IntegerField | models.FloatField | models.DecimalField):
        return number
    if isinstance(field, models.GenericIPAddressField):
        return "192.0.2.1"
    if field.max_length == 64:
        return hashlib.sha256(str(number).encode()).hexdigest()
    return f"{number} {field.name}"[: field.max_length]
