"""Full-text search of tasks and task types (CONTRACT R31).

A text matches where all words of the query occur in it. On PostgreSQL words are whole words and an index finds them
(migration 0004); elsewhere they are parts of words, and a scan finds them.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from django.db import connection
from django.db.models import BooleanField, F, Model, Q, QuerySet, TextField, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Cast, Coalesce, Concat

from tasktypes.models import Task, TaskType

Row = TypeVar("Row", bound=Model)

SEPARATORS = r"""{}[]()<>"',:;./\-_@=&?#+|!*$~^`"""
"""What stands between words, in queries and texts, beside blanks."""
INDEXED_CHARACTERS = 50_000
"""How much of a task's text is searched on PostgreSQL: a text vector holds at most one megabyte."""

_MOST_WORDS = 20
_TASK_COLUMNS = ("type_name", "parameters", "metadata", "result", "error_message")
_TYPE_COLUMNS = ("name", "description", "metadata", "parameters_schema")
_BLANKS = str.maketrans(SEPARATORS, " " * len(SEPARATORS))


def search_tasks(tasks: QuerySet[Task], query: str) -> QuerySet[Task]:
    """Return the tasks whose type, parameters, metadata, result or error hold every word of the query."""
    return _search(tasks, "task_list", _TASK_COLUMNS, query)


def search_types(types: QuerySet[TaskType], query: str) -> QuerySet[TaskType]:
    """Return the types whose name, description, metadata or schema hold every word of the query."""
    return _search(types, "task_types", _TYPE_COLUMNS, query)


def vector_sql(table: str, columns: tuple[str, ...] = _TASK_COLUMNS) -> str:
    """Return the SQL of a row's text vector; the index of migration 0004 is over this very expression."""
    text = " || ' ' || ".join(f"""coalesce("{table}"."{column}"::text, '')""" for column in columns)
    # In JSON a line break is a backslash and an n, which would stick to the word behind it.
    text = rf"replace(replace({text}, '\n', ' '), '\t', ' ')"
    separators = SEPARATORS.replace("'", "''")
    blanks = " " * len(SEPARATORS)
    return f"to_tsvector('simple', translate(left({text}, {INDEXED_CHARACTERS}), '{separators}', '{blanks}'))"


def words_of(query: str) -> list[str]:
    """Return the words of a query, at most twenty."""
    return query.translate(_BLANKS).split()[:_MOST_WORDS]


def _search(rows: QuerySet[Row], table: str, columns: tuple[str, ...], query: str) -> QuerySet[Row]:
    words = words_of(query)
    if not words:
        return rows.none()
    if connection.vendor == "postgresql":
        condition = f"{vector_sql(table, columns)} @@ plainto_tsquery('simple', %s)"
        # Made of constants of this module; the words are a parameter.
        return rows.filter(RawSQL(condition, [" ".join(words)], output_field=BooleanField()))  # noqa: S611
    parts = [Coalesce(Cast(F(column), TextField()), Value("")) for column in columns]
    separated = [part for pair in zip(parts, [Value(" ")] * len(parts), strict=True) for part in pair]
    found: QuerySet[Any] = rows.alias(searched=Concat(*separated, output_field=TextField()))
    for word in words:
        # JSON is stored there with what is not ASCII written as escapes.
        found = found.filter(Q(searched__icontains=word) | Q(searched__icontains=json.dumps(word)[1:-1]))
    return found
