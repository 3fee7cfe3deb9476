"""Views of API keys."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.accounts.models import ApiKey, User
from pixtasks.accounts.services import api_keys
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.pagination import PageRequest
from pixtasks.common.throttles import caller_address
from pixtasks.common.validation import parse_body, parse_query

from . import key_bodies as bodies

TAGS = ["API keys"]


def _caller(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


def _own_key(request: Request) -> ApiKey | None:
    """Return the key that the caller came with; None with any other credentials."""
    return request.auth if isinstance(request.auth, ApiKey) else None


def _info(row: ApiKey) -> bodies.ApiKeyInfo:
    return bodies.ApiKeyInfo(
        id=row.pk,
        name=row.name,
        prefix=row.prefix,
        owner=row.owner.email,
        scopes=list(row.scopes),
        revoked=row.revoked,
        expired=row.has_expired,
        created_at=row.created,
        expires_at=row.expiry_date,
        last_used_at=row.last_used_at,
    )


class KeysView(APIView):
    """All keys."""

    for_viewers = True
    _text: str | None = None

    @extend_schema(
        operation_id="api_keys_list",
        summary="List API keys",
        description="Your own, newest first; staff see everybody's. Revoked ones stay in the list.",
        tags=TAGS,
        parameters=query_parameters(bodies.ApiKeyPageQuery),
        responses={200: bodies.ApiKeyPage, **errors(401, 422)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of keys."""
        query = parse_query(bodies.ApiKeyPageQuery, request)
        page = PageRequest(query.page, query.page_size)
        rows = api_keys.keys_of(_caller(request))
        return Response(page.body([_info(row).model_dump() for row in page.cut(rows)], rows.count()))

    @extend_schema(
        operation_id="api_keys_create",
        summary="Make an API key",
        description=(
            "The answer shows the key this once; only its hash is stored. An API key may not make keys: sign in. "
            "Under an Idempotency-Key the answer is repeated without the key."
        ),
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=bodies.ApiKeyCreateRequest,
        responses={201: bodies.ApiKeyWithSecret, **errors(401, 403, 409, body=True)},
        examples=[
            OpenApiExample(
                "A key that only reads",
                value={"name": "dashboard", "scopes": ["read"], "expires_at": "2030-01-01T00:00:00Z"},
                request_only=True,
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Make a key and show it once."""
        response = self._create(request)
        response.data = {**response.data, "key": self._text}
        response["Cache-Control"] = "no-store"
        return response

    @idempotent
    def _create(self, request: Request) -> Response:
        """Make the key; what this returns may be stored, so the key itself stands beside it."""
        wanted = parse_body(bodies.ApiKeyCreateRequest, request)
        row, self._text = api_keys.new_key(
            caller=_caller(request),
            name=wanted.name,
            scopes=[scope.value for scope in wanted.scopes],
            expires_at=wanted.expires_at,
            owner=wanted.owner,
            with_key=_own_key(request) is not None,
            address=caller_address(request),
        )
        return Response({**_info(row).model_dump(), "key": None}, status=201)


class KeyView(APIView):
    """One key."""

    for_viewers = True

    @extend_schema(
        operation_id="api_keys_retrieve",
        summary="Get an API key",
        description="What is known of it; the key itself is stored nowhere.",
        tags=TAGS,
        responses={200: bodies.ApiKeyInfo, **errors(401, 403, 404)},
    )
    def get(self, request: Request, key_id: int) -> Response:
        """Return a key."""
        return Response(_info(api_keys.key_for(_caller(request), key_id)).model_dump())

    @extend_schema(
        operation_id="api_keys_update",
        summary="Change an API key's name or end",
        description="What it may do never changes: make another key. An API key may not change keys: sign in.",
        tags=TAGS,
        request=bodies.ApiKeyUpdateRequest,
        responses={200: bodies.ApiKeyInfo, **errors(400, 401, 403, 404, body=True)},
        examples=[OpenApiExample("It no longer expires", value={"expires_at": None}, request_only=True)],
    )
    def patch(self, request: Request, key_id: int) -> Response:
        """Change what is sent, keep the rest."""
        caller = _caller(request)
        key = api_keys.key_for(caller, key_id)
        wanted = parse_body(bodies.ApiKeyUpdateRequest, request)
        changes = {name: getattr(wanted, name) for name in wanted.model_fields_set}
        row = api_keys.change_key(
            key,
            caller=caller,
            changes=changes,
            with_key=_own_key(request) is not None,
            address=caller_address(request),
        )
        return Response(_info(row).model_dump())

    @extend_schema(
        operation_id="api_keys_revoke",
        summary="Revoke an API key",
        description=(
            "It is refused from now on; its row stays, so that the audit log can name it. Revoking it again changes "
            "nothing. An API key may revoke itself alone."
        ),
        tags=TAGS,
        request=None,
        responses={204: None, **errors(401, 403, 404)},
    )
    def delete(self, request: Request, key_id: int) -> Response:
        """Refuse a key from now on."""
        caller = _caller(request)
        api_keys.revoke_key(
            api_keys.key_for(caller, key_id),
            caller=caller,
            with_key=_own_key(request),
            address=caller_address(request),
        )
        return Response(status=204)
