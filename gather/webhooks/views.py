"""The progress webhook (CONTRACT G26–G32, X46, X47, X51)."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpRequest
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gather.services.incoming import Incoming, receive
from pixtasks.common.errors import PayloadTooLarge
from pixtasks.common.json import read_body
from pixtasks.common.openapi import coded_errors
from pixtasks.common.signing import PREVIOUS_SIGNATURE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from pixtasks.common.validation import parse_body

from .bodies import AutomatedGatherProgress, AutomatedGatherProgressAccepted
from .credentials import fingerprint_of_genuine

LONGEST_BODY: Final = 65_536
ACCEPTED: Final = "Progress update processed successfully"

_SENT: dict[str, Any] = {
    "taskId": "abc123-def456",
    "event": "progress",
    "data": {
        "currentIteration": 5,
        "totalIterations": 10,
        "percentage": 50,
        "message": "Processing iteration 5 of 10",
    },
    "timestamp": "2025-10-04T12:00:00Z",
    "signature": "hmac-signature",
}


def _header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(
        name=name, location=OpenApiParameter.HEADER, required=False, description=description, type=str
    )


class ProgressView(APIView):
    """Takes in progress that others report."""

    # Whoever has the secret may send: sessions, tokens and keys are not even looked at.
    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(
        operation_id="automated_gather_progress",
        summary="Report the progress of a task",
        description=(
            "The signature is the only credential: X-Webhook-Signature is the hex HMAC-SHA256 of the raw body under "
            "WEBHOOK_SECRET, or of `<timestamp>.<raw body>` where X-Webhook-Timestamp is sent. Without the header the "
            "body's own `signature` counts: that of its JSON without `signature`, keys sorted, no blanks. The same "
            "body is accepted once. It never changes a task's status; progress never goes back."
        ),
        tags=["Automated Gather"],
        auth=[],
        parameters=[
            _header(SIGNATURE_HEADER, "Hex HMAC-SHA256; `sha256=` may stand before it."),
            _header(PREVIOUS_SIGNATURE_HEADER, "The same by the secret before, while it is being replaced."),
            _header(TIMESTAMP_HEADER, "Unix time in seconds, at most 300 seconds away."),
        ],
        request=AutomatedGatherProgress,
        responses={200: AutomatedGatherProgressAccepted, **coded_errors(401, 409, body=True)},
        examples=[
            OpenApiExample("Progress", value=_SENT, request_only=True),
            OpenApiExample(
                "Accepted",
                value={"success": True, "message": ACCEPTED, "taskId": "abc123-def456", "event": "progress"},
                response_only=True,
                status_codes=["200"],
            ),
        ],
    )
    def post(self, request: Request) -> Response:
        """Take in an event."""
        # The signature comes first: until it is known to be good, nothing about the body is told but its size.
        fingerprint = fingerprint_of_genuine(request.headers, _raw_body(request._request))
        body = parse_body(AutomatedGatherProgress, request)
        receive(
            Incoming(
                fingerprint=fingerprint,
                task_id=body.task_id,
                event=body.event.value,
                data=body.facts(),
                sent_at=body.timestamp,
            )
        )
        answer = AutomatedGatherProgressAccepted(success=True, message=ACCEPTED, taskId=body.task_id, event=body.event)
        return Response(answer.model_dump(mode="json"))


class ProgressAliasView(ProgressView):
    """The same below ``/api/v1``."""

    @extend_schema(exclude=True)
    def post(self, request: Request) -> Response:
        """Take in an event."""
        return super().post(request)


def _raw_body(request: HttpRequest) -> bytes:
    declared = request.META.get("CONTENT_LENGTH") or "0"
    # Not read at all where it says itself that it is too long.
    if not declared.isdecimal() or int(declared) <= LONGEST_BODY:
        body = read_body(request)
        if len(body) <= LONGEST_BODY:
            return body
    raise PayloadTooLarge(f"The request body is larger than {LONGEST_BODY} bytes")
