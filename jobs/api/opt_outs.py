"""The opt-out list: what is not fetched, and is removed where it was."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, cast

from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, ConfigDict, Field
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import requests, schemas
from jobs.api.common import actor_of, answered, body, caller, numbered_page, sent
from jobs.models import OptOut
from jobs.services.opt_outs import FARTHEST, add_opt_out, opt_out_by_id, opt_outs, remove_opt_out
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.accounts.models import User
from pixtasks.accounts.roles import operates
from pixtasks.common.errors import AccessDenied
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.validation import parse_body, parse_query

TAGS = ["Opt-outs"]
Kind = Literal["domain", "url", "sha256", "look_alike"]
EXAMPLE = {
    "id": 3,
    "kind": "domain",
    "value": "pictures.example",
    "distance": None,
    "reason": "asked by its owner, ticket 17",
    "added_by": "staff@example.com",
    "removed_images": 12,
    "created_at": "2024-01-01T09:55:00Z",
}


class OptOutAnswer(schemas.Answer):
    """An entry of the opt-out list."""

    id: int
    kind: Kind
    value: str
    distance: int | None = Field(description="Of look-alikes: how many bits of the perceptual hash may differ.")
    reason: str
    added_by: str | None
    removed_images: int = Field(description="How many stored images were removed for its sake so far.")
    created_at: datetime


class OptOutPage(schemas.Answer):
    """A page of entries."""

    items: list[OptOutAnswer]
    total: int
    page: int
    page_size: int


class OptOutRequest(BaseModel):
    """A new entry."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    value: Annotated[str, Field(min_length=1, max_length=8000)] = Field(
        description="A domain (with all below it), the address of an image or of its page, a sha256, or the perceptual "
        "hash of a picture as 16 hexadecimal digits."
    )
    reason: Annotated[str, Field(max_length=1000)] = ""
    distance: Annotated[int, Field(strict=True, ge=0, le=FARTHEST)] | None = Field(
        default=None, description="Of look-alikes alone; 4 by default."
    )


class OptOutQuery(requests.PageQuery):
    """Which entries."""

    kind: Kind | None = None
    search: Annotated[str, Field(max_length=200)] = Field(default="", description="A part of the value.")


class OptOutsView(APIView):
    """The whole list."""

    @extend_schema(
        operation_id="opt_outs_list",
        summary="List what is not to be fetched",
        description="For staff; newest first. Files that were removed for another entry's sake are not listed.",
        tags=TAGS,
        parameters=query_parameters(OptOutQuery),
        responses={200: OptOutPage, **errors(401, 403, 422)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of entries."""
        _staff(caller(request))
        query = parse_query(OptOutQuery, request)
        return numbered_page(
            opt_outs(kind=query.kind, search=query.search), query, lambda rows: list(map(_answer, rows))
        )

    @extend_schema(
        operation_id="opt_outs_create",
        summary="Put something on the opt-out list",
        description="For operators. From now on it is not fetched; a task removes what is stored of it.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=OptOutRequest,
        responses={201: OptOutAnswer, **errors(401, 403, 409, body=True)},
        examples=[
            sent("A site", {"kind": "domain", "value": "pictures.example", "reason": "asked by its owner, ticket 17"}),
            answered("Added", {**EXAMPLE, "removed_images": 0}, 201),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Add an entry."""
        _operator(caller(request))
        wanted = parse_body(OptOutRequest, request)
        entry = add_opt_out(
            kind=wanted.kind,
            value=wanted.value,
            reason=wanted.reason,
            distance=wanted.distance,
            **actor_of(request),
        )
        return body(_answer(entry), 201)


class OptOutView(APIView):
    """One entry."""

    @extend_schema(
        operation_id="opt_outs_retrieve",
        summary="Get an entry of the opt-out list",
        tags=TAGS,
        responses={200: OptOutAnswer, **errors(401, 403, 404)},
        examples=[answered("An entry", EXAMPLE)],
    )
    def get(self, request: Request, opt_out_id: int) -> Response:
        """Return an entry."""
        _staff(caller(request))
        return body(_answer(opt_out_by_id(opt_out_id)))

    @extend_schema(
        operation_id="opt_outs_delete",
        summary="Take an entry off the opt-out list",
        description="For operators. What it named may be fetched again; what was removed stays removed.",
        tags=TAGS,
        request=None,
        responses={204: None, **errors(401, 403, 404)},
    )
    def delete(self, request: Request, opt_out_id: int) -> Response:
        """Remove an entry."""
        _operator(caller(request))
        remove_opt_out(opt_out_by_id(opt_out_id), **actor_of(request))
        return Response(status=204)


def _staff(user: User) -> None:
    if not user.is_staff:
        raise AccessDenied


def _operator(user: User) -> None:
    if not operates(user):
        raise AccessDenied


def _answer(entry: OptOut) -> OptOutAnswer:
    return OptOutAnswer(
        id=entry.pk,
        kind=cast("Kind", entry.kind),
        value=entry.value,
        distance=entry.distance,
        reason=entry.reason,
        added_by=entry.added_by.email if entry.added_by is not None else None,
        removed_images=entry.removed_images,
        created_at=entry.created_at,
    )
