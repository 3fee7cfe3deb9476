"""Two SQL tools that Django's ORM lacks, the same on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from django.core.exceptions import EmptyResultSet
from django.db import connections, models
from django.db.models.expressions import Col, Value
from django.db.models.sql import UpdateQuery


def update_returning(
    queryset: models.QuerySet[Any], values: Mapping[str, Any], returning: Sequence[str]
) -> list[dict[str, Any]]:
    """Run ``UPDATE … WHERE … RETURNING …``: change rows and read them back in one statement.

    This is what a guarded transition is made of: the rows that come back are those that this caller won.

    Args:
        queryset: the rows to change; filters over other tables must be ``Exists(…)``, not joins: with a join Django
            moves the filters into a sub-select, where PostgreSQL does not check them again after waiting for a row.
        values: new value or expression per field name.
        returning: field names to read back (attnames such as ``group_id`` work).

    Returns:
        One dictionary per changed row.

    Raises:
        ValueError: the queryset would join other tables.
    """
    model = queryset.model
    query = cast(UpdateQuery, queryset.query.chain(UpdateQuery))
    query.add_update_values(dict(values))
    if sum(1 for count in query.alias_refcount.values() if count) > 1:
        raise ValueError("update_returning takes filters of one table; use Exists() for the others")
    query.clear_ordering(force=True)
    connection = connections[queryset.db]
    try:
        sql, params = query.get_compiler(queryset.db).as_sql()
    except EmptyResultSet:  # A filter that nothing can pass (id__in=[]).
        return []
    fields = [model._meta.get_field(name) for name in returning]
    quote = connection.ops.quote_name
    columns = ", ".join(quote(field.column) for field in fields)
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} RETURNING {columns}", params)
        rows = cursor.fetchall()
    converters = []
    for field in fields:
        column = Col(model._meta.db_table, field)
        converters.append((column, connection.ops.get_db_converters(column) + column.get_db_converters(connection)))
    return [
        {
            name: _convert(value, column, chain, connection)
            for name, value, (column, chain) in zip(returning, row, converters, strict=True)
        }
        for row in rows
    ]


def _convert(value: Any, column: Col, chain: Sequence[Any], connection: Any) -> Any:
    for converter in chain:
        value = converter(value, column, connection)
    return value


def database_now(using: str = "default") -> datetime:
    """Return the database's clock: the only clock that leases, limits and schedules are measured by."""
    connection = connections[using]
    # CURRENT_TIMESTAMP has whole seconds on SQLite and is the transaction's start on PostgreSQL.
    clock = "STRFTIME('%Y-%m-%d %H:%M:%f', 'NOW')" if connection.vendor == "sqlite" else "STATEMENT_TIMESTAMP()"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {clock}")
        value = cursor.fetchone()[0]
    now = Value(None, output_field=models.DateTimeField())
    for converter in connection.ops.get_db_converters(now):
        value = converter(value, now, connection)
    return cast(datetime, value)
