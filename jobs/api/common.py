"""What the views of dialect J share: who asks, and how pages are answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypedDict, TypeVar

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiExample
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api.requests import CursorQuery, PageQuery
from pixtasks.accounts.models import User
from pixtasks.common.pagination import PageRequest, keyset_page
from pixtasks.common.throttles import caller_address

Row = TypeVar("Row", bound=Model)


class Actor(TypedDict):
    """Who asks, and from where: what services write to the audit log."""

    actor: User
    address: str


def caller(request: Request) -> User:
    """Return the authenticated user."""
    assert isinstance(request.user, User)
    return request.user


def actor_of(request: Request) -> Actor:
    """Return who asks, for the services that change something."""
    return {"actor": caller(request), "address": caller_address(request)}


def body(model: BaseModel, status: int = 200) -> Response:
    """Return a model as a response."""
    return Response(model.model_dump(), status=status)


def numbered_page(
    rows: QuerySet[Row], query: PageQuery, render: Callable[[list[Row]], Sequence[BaseModel]]
) -> Response:
    """Return ``{items, total, page, page_size}``; ``render`` gets all rows of the page at once."""
    page = PageRequest(query.page, query.page_size)
    items = [item.model_dump() for item in render(page.cut(rows))]
    return Response(page.body(items, rows.count()))


def cursor_page(
    rows: QuerySet[Row],
    query: CursorQuery,
    render: Callable[[Row], BaseModel],
    *,
    order: Sequence[tuple[str, type[int] | type[str] | type[datetime]]] = (("id", int),),
) -> Response:
    """Return ``{items, next}``, oldest first."""
    page = keyset_page(rows, cursor=query.cursor, limit=query.limit, order=order, newest_first=False)
    return Response(page.body([render(row).model_dump() for row in page.rows]))


def sent(name: str, value: Any) -> OpenApiExample:
    """Return an example of a request."""
    return OpenApiExample(name, value=value, request_only=True)


def answered(name: str, value: Any, status: int = 200) -> OpenApiExample:
    """Return an example of a response."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])
