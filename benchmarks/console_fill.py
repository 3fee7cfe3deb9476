"""How the benchmark of the console fills a table: one statement per table, inside PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, models

DAYS = 30
"""The tasks and images are spread evenly over so many days, the newest a moment ago."""
JOBS = 500
PROJECTS = 200
OWNERS = 50
TYPES = (
    "jobs.validate_images_fast", "jobs.validate_images_medium", "jobs.validate_images_slow", "ExampleDatabaseTask",
    "webhooks.deliver", "automated_gather", "bench.declared_1", "bench.declared_2",
)  # fmt: skip


def insert(model: type[models.Model], source: str, /, **columns: str) -> None:
    """Insert what a query yields.

    Args:
        model: whose table.
        source: what stands behind FROM.
        columns: an SQL expression per column; a column that is not named gets its field's default.
    """
    for field in model._meta.concrete_fields:
        if field.column not in columns and not (field.primary_key and not field.has_default()):
            columns[field.column] = _default(field)
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in columns)
    with connection.cursor() as cursor, _without_indexes(cursor, model._meta.db_table):
        cursor.execute(
            f"INSERT INTO {quote(model._meta.db_table)} ({names}) SELECT {', '.join(columns.values())} FROM {source}"
        )
        pk = model._meta.pk
        assert pk is not None
        if isinstance(pk, models.AutoField | models.BigAutoField):
            table = model._meta.db_table
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', '{pk.column}'), "
                f"greatest(1, (SELECT max({quote(pk.column)}) FROM {quote(table)})))"
            )


def _default(field: models.Field[Any, Any]) -> str:
    if field.has_default():
        value = field.get_default()
        if isinstance(field, models.JSONField):
            return literal(json.dumps(value)) + "::jsonb"
        if isinstance(field, models.DateTimeField):
            return "now()"
        if isinstance(field, models.UUIDField):
            return "gen_random_uuid()"
        if value is not None:
            return literal(value) if isinstance(value, str) else str(value)
    if field.null:
        return "NULL"
    if isinstance(field, models.DateTimeField):
        return "now()"
    if field.empty_strings_allowed:
        return "''"
    raise ValueError(f"say what {field} shall be")


def literal(value: object) -> str:
    """Return a value as SQL text."""
    return "'" + str(value).replace("'", "''") + "'"


@contextmanager
def _without_indexes(cursor: Any, table: str) -> Iterator[None]:
    """Drop the plain indexes of a table and make them again: sorted at once instead of row by row."""
    cursor.execute(
        "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i "
        "LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid "
        f"WHERE i.indrelid = '{table}'::regclass AND NOT i.indisprimary AND c.oid IS NULL"
    )
    found = cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP INDEX {name}")
    yield
    cursor.execute("SET maintenance_work_mem = '512MB'")
    for _, definition in found:
        cursor.execute(definition)


def word(number: str, words: tuple[str, ...]) -> str:
    """Return SQL for one of the words, chosen by a number."""
    return f"(ARRAY[{', '.join(map(literal, words))}])[1 + ({number})::bigint % {len(words)}]"


def age(number: str, rows: int) -> str:
    """Return SQL for the time of the ``number``-th of so many rows, the last one a moment ago."""
    return f"(now() - ({rows} - ({number})) * interval '{DAYS * 86400 / rows:.6f} seconds' - interval '5 seconds')"


def execute(statement: str) -> None:
    """Run a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
