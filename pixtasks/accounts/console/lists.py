"""Lists of tables that hold millions of rows: whatever is asked of one has to go through an index."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from itertools import islice
from operator import and_, or_
from typing import Any, Final

from django.contrib.admin import AllValuesFieldListFilter
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import connection
from django.db.models import Field, Model, Q, QuerySet, UniqueConstraint
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.text import smart_split, unescape_string_literal
from unfold.admin import ModelAdmin
from unfold.paginator import InfinitePaginator as Uncounted

PAGES: Final = 1_000
"""How far a list can be paged; skipping rows costs time for each of them."""
WORDS: Final = 5
"""How many words of a search count."""
NAMED: Final = 200
"""How many rows of another table (owners, projects) a word of a search may name."""
CHOICES: Final = 100
"""How many values a filter offers."""


class InfinitePaginator(Uncounted):
    """Counts nothing, and ends after ``PAGES`` pages. Unfold's templates ask for the class by this name."""

    @cached_property
    def count(self) -> int:
        """So many rows can be reached; how many there are nobody asks."""
        return PAGES * int(self.per_page)


def indexed_search(model: type[Model], fields: Iterable[str], text: str) -> Q | None:
    """Return the condition that every word of a search is found in some field; None without a word.

    Args:
        model: whose rows are searched.
        fields: ``=name`` is found by its whole value, ``^name`` by its beginning (case counts, so that a plain index
            serves); through a relation (``project__slug``) the other table is searched for the word anywhere in the
            column, whatever the case: such tables are small, and what they name is looked up by key.
        text: what somebody typed; a phrase may stand in quotation marks.
    """
    words = list(islice(smart_split(text), WORDS))
    if not words:
        return None
    return reduce(and_, (_found(model, tuple(fields), _plain(word)) for word in words))


def _plain(word: str) -> str:
    return unescape_string_literal(word) if word[0] in "\"'" and word[0] == word[-1] and len(word) > 1 else word


def _found(model: type[Model], fields: tuple[str, ...], word: str) -> Q:
    conditions = [condition for field in fields if (condition := _condition(model, field, word)) is not None]
    return reduce(or_, conditions) if conditions else Q(pk__in=[])


def _condition(model: type[Model], path: str, word: str) -> Q | None:
    """Return where a word is found in one field; None where it can be no value of it."""
    how, path = (path[0], path[1:]) if path[0] in "=^" else ("", path)
    head, _, rest = path.partition("__")
    field = model._meta.pk if head == "pk" else model._meta.get_field(head)
    assert field is not None
    other = field.related_model
    if other is not None and rest:
        assert not isinstance(other, str)
        there = _condition(other, how + rest, word)
        if there is None:
            return None
        return Q(**{f"{head}__in": list(other._default_manager.filter(there).order_by().values_list("pk")[:NAMED])})
    if how == "^":
        return Q(**{f"{head}__startswith": word})
    if how == "":
        return Q(**{f"{head}__icontains": word})
    assert isinstance(field, Field)
    try:
        return Q(**{head: field.clean(word, None)})
    except ValidationError:
        return None


def leads_an_index(model: type[Model], name: str) -> bool:
    """Whether rows can be read in the order of a column without sorting the table."""
    try:
        field = model._meta.get_field("id" if name == "pk" else name)
    except FieldDoesNotExist:
        return False
    if not isinstance(field, Field):
        return False
    if field.primary_key or field.unique or getattr(field, "db_index", False):
        return True
    leading = {index.fields[0].lstrip("-") for index in model._meta.indexes if index.fields and not index.condition}
    unique = (each for each in model._meta.constraints if isinstance(each, UniqueConstraint) and not each.condition)
    leading |= {constraint.fields[0] for constraint in unique if constraint.fields}
    return field.name in leading


class IndexedValues(AllValuesFieldListFilter):
    """A filter by the values of an indexed column, found by hopping through the index from one to the next.

    DISTINCT would read the whole table. A value costs one look into the index; there have to be few of them.
    """

    def __init__(
        self, field: Field[Any, Any], request: HttpRequest, params: Any, model: Any, admin: Any, field_path: str
    ) -> None:
        super().__init__(field, request, params, model, admin, field_path)
        self.lookup_choices: Any = values_of(field.model, field.name)


def values_of(model: type[Model], column: str) -> list[Any]:
    """Return the first ``CHOICES`` values of an indexed column, sorted, without NULL; one query.

    Every hop is a subquery of its own over the index; PostgreSQL has no loose scan of its own.
    """
    quote = connection.ops.quote_name
    field = model._meta.get_field(column)
    assert isinstance(field, Field)
    name, table = quote(str(field.column)), quote(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE hops(v, n) AS (SELECT (SELECT min({name}) FROM {table}), 1 UNION ALL "  # noqa: S608 - names of the model
            f"SELECT (SELECT min({name}) FROM {table} WHERE {name} > hops.v), n + 1 FROM hops "
            f"WHERE hops.v IS NOT NULL AND n < {CHOICES}) SELECT v FROM hops WHERE v IS NOT NULL"
        )
        return [row[0] for row in cursor.fetchall()]


class LargeTable(ModelAdmin):
    """A list over a table that may hold millions of rows: searched and sorted through indexes alone.

    ``search_fields`` are read as :func:`indexed_search` reads them.
    """

    def get_sortable_by(self, request: HttpRequest) -> list[Any]:
        """Return the columns that an index leads with."""
        return [name for name in self.get_list_display(request) if leads_an_index(self.model, self._column(name))]

    def _column(self, name: Any) -> str:
        """Return what a column of the list is ordered by."""
        shown = getattr(self, name, None) if isinstance(name, str) else name
        ordering = getattr(shown, "admin_order_field", None) if callable(shown) else name
        return str(ordering or "").lstrip("-")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search whole values and beginnings; rows never repeat."""
        condition = indexed_search(self.model, self.get_search_fields(request), search_term)
        return (queryset if condition is None else queryset.filter(condition)), False
