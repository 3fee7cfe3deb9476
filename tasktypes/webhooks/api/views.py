"""Views of the webhooks API."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

from django.db.models import Q
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.accounts.models import User
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.pagination import keyset_page
from pixtasks.common.throttles import caller_address
from pixtasks.common.times import wire_time
from pixtasks.common.validation import parse_body, parse_query
from tasktypes import models
from tasktypes.webhooks.scopes import number_of
from tasktypes.webhooks.services import deliveries, endpoints

from . import bodies

TAGS = ["Webhooks"]
SENT = OpenApiExample("Every end of my tasks", value={"url": "https://hooks.example.com/pixtasks"}, request_only=True)


class WebhooksView(APIView):
    """What all views of this API share."""

    authentication_classes = OPEN_AUTHENTICATION


def _caller(request: Request) -> User:
    assert isinstance(request.user, User)
    return request.user


def _endpoint(row: models.WebhookEndpoint) -> bodies.WebhookEndpoint:
    live = len(row.live_secrets()) > 1
    return bodies.WebhookEndpoint(
        id=row.pk,
        url=row.url,
        description=row.description,
        events=row.events,
        task_type=row.type_name or None,
        task_id=row.task_number,
        project_id=number_of(row.scope, "project"),
        is_active=row.is_active,
        owner=row.owner.get_short_name(),
        previous_secret_expires_at=wire_time(row.previous_secret_expires_at) if live else None,
        created_at=wire_time(row.created_at),
        updated_at=wire_time(row.updated_at),
    )


def _delivery(row: models.WebhookDelivery) -> dict[str, Any]:
    return {
        "id": row.event_id,
        "endpoint_id": row.endpoint_id,
        "event": row.event,
        "subject": row.subject,
        "task_id": row.task_public_id or None,
        "task_number": row.task_number,
        "state": row.state,
        "attempts": row.attempts,
        "created_at": wire_time(row.created_at),
        "ended_at": wire_time(row.ended_at),
    }


def _detail(row: models.WebhookDelivery, status: int = 200) -> Response:
    body = bodies.WebhookDeliveryDetail(**_delivery(row), body=json.loads(row.body))
    return Response(body.model_dump(mode="json"), status=status)


class _SecretView(WebhooksView):
    """Shows a secret beside an answer that may be stored: what is stored has none."""

    _secret: str | None = None

    def _keep_back(self, row: models.WebhookEndpoint, secret: str, status: int) -> Response:
        self._secret = secret
        return Response({**_endpoint(row).model_dump(mode="json"), "secret": None}, status=status)

    def _show(self, response: Response) -> Response:
        response.data = {**response.data, "secret": self._secret}
        response["Cache-Control"] = "no-store"
        return response


class EndpointsView(_SecretView):
    """All endpoints."""

    @extend_schema(
        operation_id="webhook_endpoints_list",
        summary="List webhook endpoints",
        description="Your own, newest first; staff see everybody's.",
        tags=TAGS,
        parameters=query_parameters(bodies.PageQuery),
        responses={200: bodies.WebhookEndpointPage, **errors(401, 422)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of endpoints."""
        query = parse_query(bodies.PageQuery, request)
        page = keyset_page(endpoints.endpoints_of(_caller(request)), cursor=query.cursor, limit=query.limit)
        return Response(page.body([_endpoint(row).model_dump(mode="json") for row in page.rows]))

    @extend_schema(
        operation_id="webhook_endpoints_create",
        summary="Have the events of tasks, jobs and validations sent to an address",
        description=(
            "Every event that matches becomes one delivery: a POST of JSON with X-Webhook-Id (the event's id, "
            "the same in every try), X-Webhook-Timestamp (Unix seconds) and X-Webhook-Signature, the hex HMAC-SHA256 "
            "of `<timestamp>.<raw body>` under the secret that this answer shows. A 2xx is a success; anything else "
            "is tried again after 5 seconds up to 24 hours, eight times in all. Deliveries happen at least once, and "
            "in order for each task, job and validation. Where no events are named, the ends of tasks are sent."
        ),
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=bodies.WebhookEndpointCreateRequest,
        responses={201: bodies.WebhookEndpointWithSecret, **errors(400, 401, 403, 404, 409, body=True)},
        examples=[SENT],
    )
    def post(self, request: Request) -> Response:
        """Create an endpoint of the caller."""
        return self._show(self._create(request))

    @idempotent
    def _create(self, request: Request) -> Response:
        wanted = parse_body(bodies.WebhookEndpointCreateRequest, request)
        row, secret = endpoints.create_endpoint(
            owner=_caller(request),
            url=wanted.url,
            events=[event.value for event in wanted.events],
            description=wanted.description,
            task_type=wanted.task_type,
            task_id=wanted.task_id,
            project_id=wanted.project_id,
            address=caller_address(request),
        )
        return self._keep_back(row, secret, 201)


class EndpointView(WebhooksView):
    """One endpoint."""

    @extend_schema(
        operation_id="webhook_endpoints_retrieve",
        summary="Get a webhook endpoint",
        tags=TAGS,
        responses={200: bodies.WebhookEndpoint, **errors(401, 403, 404)},
    )
    def get(self, request: Request, endpoint_id: int) -> Response:
        """Return an endpoint."""
        row = endpoints.endpoint_for(_caller(request), endpoint_id)
        return Response(_endpoint(row).model_dump(mode="json"))

    @extend_schema(
        operation_id="webhook_endpoints_update",
        summary="Change a webhook endpoint",
        description="Deliveries that still wait go to the new address. One that is switched off gets none.",
        tags=TAGS,
        request=bodies.WebhookEndpointUpdateRequest,
        responses={200: bodies.WebhookEndpoint, **errors(400, 401, 403, 404, body=True)},
        examples=[OpenApiExample("Switch it off", value={"is_active": False}, request_only=True)],
    )
    def patch(self, request: Request, endpoint_id: int) -> Response:
        """Change what is sent, keep the rest."""
        row = endpoints.endpoint_for(_caller(request), endpoint_id)
        wanted = parse_body(bodies.WebhookEndpointUpdateRequest, request)
        changes = wanted.model_dump(mode="json", exclude_unset=True)
        endpoints.change_endpoint(row, actor=_caller(request), address=caller_address(request), **changes)
        return Response(_endpoint(row).model_dump(mode="json"))

    @extend_schema(
        operation_id="webhook_endpoints_delete",
        summary="Delete a webhook endpoint",
        description="Its deliveries stay readable; those that still wait are given up.",
        tags=TAGS,
        request=None,
        responses={204: None, **errors(401, 403, 404)},
    )
    def delete(self, request: Request, endpoint_id: int) -> Response:
        """Delete an endpoint."""
        row = endpoints.endpoint_for(_caller(request), endpoint_id)
        endpoints.delete_endpoint(row, actor=_caller(request), address=caller_address(request))
        return Response(status=204)


class RotateView(_SecretView):
    """A new secret."""

    @extend_schema(
        operation_id="webhook_endpoints_rotate",
        summary="Give an endpoint a new secret",
        description=(
            "From now on X-Webhook-Signature is made with the new secret. Until previous_secret_expires_at a second "
            "header, X-Webhook-Signature-Previous, is made with the one before, so that a receiver can change over "
            "without losing a delivery. At most two secrets are live."
        ),
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=bodies.WebhookRotateRequest,
        responses={200: bodies.WebhookEndpointWithSecret, **errors(401, 403, 404, 409, body=True)},
    )
    def post(self, request: Request, endpoint_id: int) -> Response:
        """Rotate the secret."""
        return self._show(self._rotate(request, endpoint_id))

    @idempotent
    def _rotate(self, request: Request, endpoint_id: int) -> Response:
        row = endpoints.endpoint_for(_caller(request), endpoint_id)
        overlap = timedelta(seconds=parse_body(bodies.WebhookRotateRequest, request).overlap_seconds)
        return self._keep_back(
            *endpoints.rotate_secret(row, actor=_caller(request), overlap=overlap, address=caller_address(request)), 200
        )


class DeliveriesView(WebhooksView):
    """The delivery log."""

    @extend_schema(
        operation_id="webhook_deliveries_list",
        summary="List webhook deliveries",
        description="Those to your own endpoints, newest first; staff see all.",
        tags=TAGS,
        parameters=query_parameters(bodies.DeliveriesQuery),
        responses={200: bodies.WebhookDeliveryPage, **errors(401, 422)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of deliveries."""
        query = parse_query(bodies.DeliveriesQuery, request)
        rows = deliveries.deliveries_of(_caller(request)).defer("body")
        if query.endpoint_id is not None:
            rows = rows.filter(endpoint_id=query.endpoint_id)
        if query.task_id is not None:
            rows = rows.filter(_of_task(query.task_id))
        if query.subject is not None:
            rows = rows.filter(subject=query.subject)
        if query.event is not None:
            rows = rows.filter(event=query.event)
        if query.state is not None:
            rows = rows.filter(state=query.state)
        page = keyset_page(rows, cursor=query.cursor, limit=query.limit)
        items = [bodies.WebhookDelivery(**_delivery(row)).model_dump(mode="json") for row in page.rows]
        return Response(page.body(items))


def _of_task(text: str) -> Q:
    number = int(text) if text.isascii() and text.isdigit() else 0
    return Q(task_public_id=text) | Q(task_number=number) if 0 < number < 2**63 else Q(task_public_id=text)


class DeliveryView(WebhooksView):
    """One delivery."""

    @extend_schema(
        operation_id="webhook_deliveries_retrieve",
        summary="Get a webhook delivery with its body and every try",
        tags=TAGS,
        responses={200: bodies.WebhookDeliveryDetail, **errors(401, 403, 404)},
    )
    def get(self, request: Request, delivery_id: uuid.UUID) -> Response:
        """Return a delivery."""
        return _detail(deliveries.delivery_for(_caller(request), delivery_id))


class RedeliverView(WebhooksView):
    """Sending again."""

    @extend_schema(
        operation_id="webhook_deliveries_redeliver",
        summary="Send a delivery again",
        description="With the same id and body, and eight tries more. 409 while it is still being tried.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={202: bodies.WebhookDeliveryDetail, **errors(400, 401, 403, 404, 409, 422)},
    )
    @idempotent
    def post(self, request: Request, delivery_id: uuid.UUID) -> Response:
        """Send it again."""
        return _detail(deliveries.redeliver(delivery_id, actor=_caller(request), address=caller_address(request)), 202)
