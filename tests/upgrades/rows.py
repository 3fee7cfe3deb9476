"""Rows for every table of any revision, made through the models as its migrations have them, and read back raw."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.apps.registry import Apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.state import ProjectState

OURS = ("accounts", "tasktypes", "jobs", "gather")
_numbers = count(1)

_CHOSEN: dict[str, dict[str, Any]] = {
    # What their constraints ask for.
    "tasktypes.taskgroup": {"total": 10**6},
    "tasktypes.webhookendpoint": {"deleted_at": None},
}


def apps_of(state: ProjectState) -> Apps:
    """Return the models of a state, rendered anew: those that grew with the migrations name classes of before."""
    copies = {key: model.clone() for key, model in state.models.items()}
    return ProjectState(models=copies, real_apps=state.real_apps).apps


def models_of(apps: Apps) -> list[type[models.Model]]:
    """Return our models, each after those that it needs; tables that link two others are left out."""
    wanted = {
        model._meta.label_lower: model
        for label in OURS
        if label in apps.app_configs
        for model in apps.get_app_config(label).get_models()
    }
    ordered: dict[str, type[models.Model]] = {}

    def add(label: str) -> None:
        for field in wanted[label]._meta.concrete_fields:
            target = _label(field) if field.is_relation else label
            if target != label and target in wanted and target not in ordered:
                add(target)
        ordered.setdefault(label, wanted[label])

    for label in wanted:
        add(label)
    return list(ordered.values())


def fill(apps: Apps, *, number: int = 2) -> None:
    """Insert rows into every table of our apps, every column filled, and link them where tables link others."""
    for _ in range(number):
        made: dict[str, Any] = {}
        for model in models_of(apps):
            label, serial = model._meta.label_lower, next(_numbers)
            row = model(
                **{
                    field.attname: made.get(_label(field)) if field.is_relation else _value(field, serial)
                    for field in model._meta.concrete_fields
                    if not isinstance(field, models.AutoField)
                }
                | _CHOSEN.get(label, {})
            )
            row.save(force_insert=True)
            for link in model._meta.local_many_to_many:
                others = model._default_manager.exclude(pk=row.pk).values_list("pk", flat=True)
                other = others.first() if _label(link) == label else made.get(_label(link))
                if other is not None:
                    getattr(row, link.name).add(other)
            made[label] = row.pk


def touch(apps: Apps) -> None:
    """Read and write back every row of every table, all columns of that revision, as its code does."""
    for model in models_of(apps):
        for row in model._default_manager.order_by("pk"):
            row.save(force_update=True)


def remove_one(apps: Apps) -> None:
    """Delete the newest row of every table, those that need others first."""
    for model in reversed(models_of(apps)):
        newest = model._default_manager.order_by("pk").last()
        if newest is not None:
            newest.delete()


def raw(database: BaseDatabaseWrapper, tables: Iterable[str] | None = None) -> dict[str, dict[str, list[Any]]]:
    """Return every table of our apps, raw: column by column, in the order of the first column."""
    with database.cursor() as cursor:
        names = sorted(tables if tables is not None else _our_tables(database, cursor))
        found = {}
        for name in names:
            columns = sorted(column.name for column in database.introspection.get_table_description(cursor, name))
            quoted = ", ".join(database.ops.quote_name(column) for column in columns)
            order = database.ops.quote_name("id" if "id" in columns else columns[0])
            # The primary key is what rows are ordered by, where it has another name.
            primary = database.introspection.get_primary_key_column(cursor, name)
            order = database.ops.quote_name(primary) if primary else order
            cursor.execute(f"SELECT {quoted} FROM {database.ops.quote_name(name)} ORDER BY {order}")
            rows = cursor.fetchall()
            found[name] = {column: [row[place] for row in rows] for place, column in enumerate(columns)}
        return found


def lost(before: dict[str, dict[str, list[Any]]], after: dict[str, dict[str, list[Any]]]) -> Iterator[str]:
    """Yield what of the earlier tables is not in the later ones, or is different there."""
    for table, columns in before.items():
        if table not in after:
            yield f"{table} is gone"
            continue
        for column, values in columns.items():
            if column not in after[table]:
                yield f"{table}.{column} is gone"
            elif after[table][column] != values:
                yield f"{table}.{column} has other values"


def _our_tables(database: BaseDatabaseWrapper, cursor: Any) -> list[str]:
    ours = ("accounts_", "tasktypes_", "jobs_", "gather_", "task_", "webhook_")
    return [name for name in database.introspection.table_names(cursor) if name.startswith(ours)]


def _label(field: Any) -> str:
    return str(field.related_model._meta.label_lower)


def _value(field: Any, serial: int) -> Any:
    if field.choices:
        values = [value for value, _ in field.choices]
        return values[serial % len(values)]
    if isinstance(field, models.BooleanField):
        return serial % 2 == 0
    if isinstance(field, models.JSONField):
        return {"number": serial, "text": "ä", "list": [1, None]}
    if isinstance(field, models.DateTimeField):
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=serial, milliseconds=serial)
    if isinstance(field, models.FloatField):
        return serial + 0.5
    if isinstance(field, models.IntegerField):
        return serial % 40 + 1 if "Small" in type(field).__name__ else serial
    if isinstance(field, models.UUIDField):
        return uuid.UUID(int=serial)
    if isinstance(field, models.GenericIPAddressField):
        return f"192.0.2.{serial % 250}"
    if isinstance(field, models.EmailField):
        return f"user{serial}@example.com"
    text = f"{field.name}-{serial}"
    return text[-field.max_length :] if field.max_length else text
