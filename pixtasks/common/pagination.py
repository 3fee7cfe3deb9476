"""Two ways to cut a list: numbered pages with a total, and keyset pages with an opaque cursor."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import orjson
from django.db.models import Model, Q, QuerySet
from pydantic import BaseModel, Field, create_model
from rest_framework.request import Request

from .errors import FieldError, InvalidInput
from .times import parse_time
from .validation import parse_query

Row = TypeVar("Row", bound=Model)

MAX_PAGE = 1_000_000
BAD_CURSOR = FieldError(("query", "cursor"), "the cursor is not valid; start without one", "value_error.cursor")
_FAR = 1000
_BIGINT = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A numbered page: ``page`` counts from 1."""

    page: int
    page_size: int

    @property
    def offset(self) -> int:
        """How many rows lie before the page."""
        return (self.page - 1) * self.page_size

    def cut(self, rows: QuerySet[Row]) -> list[Row]:
        """Return the rows of this page."""
        wanted = slice(self.offset, self.offset + self.page_size)
        if self.offset < _FAR:
            return list(rows[wanted])
        # The index alone is skipped over; whole rows are read only of the page that is wanted.
        keys = list(rows.values_list("pk", flat=True)[wanted])
        return list(rows.filter(pk__in=keys))

    def pages(self, total: int) -> int:
        """Return how many pages ``total`` rows make."""
        return -(-total // self.page_size)

    def body(self, items: Sequence[object], total: int) -> dict[str, object]:
        """Return the body of a J list: ``{items, total, page, page_size}``."""
        return {"items": items, "total": total, "page": self.page, "page_size": self.page_size}


def page_query(*, default: int = 50, maximum: int = 100) -> type[BaseModel]:
    """Return the model of ``page`` and ``page_size``, for :func:`parse_page` and for the OpenAPI document."""
    return create_model(
        "PageQuery",
        page=(int, Field(default=1, ge=1, le=MAX_PAGE, description="Counts from 1.")),
        page_size=(int, Field(default=default, ge=1, le=maximum, description="Rows per page.")),
    )


def parse_page(request: Request, *, default: int = 50, maximum: int = 100) -> PageRequest:
    """Return the page that the query asks for.

    Raises:
        InvalidInput: ``page`` or ``page_size`` is not a number or outside its range.
    """
    values = parse_query(page_query(default=default, maximum=maximum), request).model_dump()
    return PageRequest(values["page"], values["page_size"])


def encode_cursor(values: Iterable[int | str | datetime]) -> str:
    """Return an opaque text that :func:`decode_cursor` turns back into the values."""
    plain = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    return base64.urlsafe_b64encode(orjson.dumps(plain)).rstrip(b"=").decode()


def decode_cursor(text: str, *kinds: type[int] | type[str] | type[datetime]) -> list[Any]:
    """Return the values of a cursor. It is not signed: its values only ever bound a comparison.

    Args:
        text: what the client sent back.
        kinds: the type of each value, in order.

    Raises:
        InvalidInput: it is not a cursor of these types.
    """
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        values = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (UnicodeEncodeError, binascii.Error, orjson.JSONDecodeError):
        raise InvalidInput(BAD_CURSOR) from None
    if not isinstance(values, list) or len(values) != len(kinds):
        raise InvalidInput(BAD_CURSOR)
    return [_typed(value, kind) for value, kind in zip(values, kinds, strict=True)]


def _typed(value: object, kind: type) -> object:
    if kind is datetime and isinstance(value, str):
        try:
            return parse_time(value)
        except (ValueError, OverflowError):
            raise InvalidInput(BAD_CURSOR) from None
    # A number beyond 64 bits would reach the database as an error.
    right = type(value) is kind and (kind is not int or value in _BIGINT) and "\x00" not in str(value)
    if not right:
        raise InvalidInput(BAD_CURSOR)
    return value


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    """Rows, and the cursor of the rows after them (None on the last page)."""

    rows: list[Row]
    next: str | None

    def body(self, items: Sequence[object]) -> dict[str, object]:
        """Return the body ``{items, next}``."""
        return {"items": items, "next": self.next}


def keyset_page(
    rows: QuerySet[Row],
    *,
    cursor: str | None,
    limit: int,
    order: Sequence[tuple[str, type[int] | type[str] | type[datetime]]] = (("id", int),),
    newest_first: bool = True,
) -> KeysetPage[Row]:
    """Return one page without OFFSET: it costs the same at any depth.

    Args:
        rows: filtered, not sliced; its ordering is replaced.
        cursor: the ``next`` of the page before; None or empty for the first.
        limit: rows per page, at least 1.
        order: columns that together are unique and never null, with their types.
        newest_first: descending.

    Raises:
        InvalidInput: the cursor is not one of this order.
    """
    sign, word = ("-", "lt") if newest_first else ("", "gt")
    names = [name for name, _ in order]
    if cursor:
        values = decode_cursor(cursor, *(kind for _, kind in order))
        after = Q()
        for index, name in enumerate(names):
            equal = dict(zip(names[:index], values[:index], strict=True))
            after |= Q(**equal, **{f"{name}__{word}": values[index]})
        rows = rows.filter(after)
    found = list(rows.order_by(*(sign + name for name in names))[: limit + 1])
    page = found[:limit]
    more = len(found) > limit
    return KeysetPage(page, encode_cursor(getattr(page[-1], name) for name in names) if more else None)
