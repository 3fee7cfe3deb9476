"""What Django says of ``GET /api/v1/events``: its description, and that it needs the ASGI server."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.common.json import FastJsonRenderer
from pixtasks.common.openapi import ErrorDetail, errors


class NeedsAsgi(APIException):
    """The request came to a server that cannot stream."""

    status_code = 501
    default_detail = (
        "Live events need the ASGI server: run uvicorn with pixtasks.asgi:application and send this route there"
    )


class _First(BaseContentNegotiation):
    """Every error here is JSON, whatever the client asked for."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return FastJsonRenderer(), FastJsonRenderer.media_type


class EventsView(APIView):
    """Under ASGI ``gather.realtime.sse`` answers GET before Django sees it."""

    authentication_classes = OPEN_AUTHENTICATION
    content_negotiation_class = _First

    @extend_schema(
        operation_id="events",
        summary="Stream live progress",
        description=(
            "The lines of your tasks' histories as server-sent events, as they are committed; staff may ask for "
            "`channel=all`. The same frames as over the WebSocket. The `id` of an event is the cursor from which a "
            "client goes on: it may get a line again, and never misses one."
        ),
        tags=["events"],
        parameters=[
            OpenApiParameter(
                "since", str, description="The id of the last event that you have; without it, from now on."
            ),
            OpenApiParameter(
                "Last-Event-ID", str, OpenApiParameter.HEADER, description="The same; browsers send it by themselves."
            ),
            OpenApiParameter(
                "channel", str, description="`task:<id>`: that task alone. `all`: everybody's, for staff."
            ),
            OpenApiParameter(
                "token", str, description="An access token or API key, where no header can be sent, as in a browser."
            ),
        ],
        responses={
            (200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, description="Events until you leave"),
            **errors(401, 403, 404, 422),
            501: OpenApiResponse(ErrorDetail, description="This server cannot stream; the text names the one that can"),
        },
    )
    def get(self, request: Request) -> Response:
        """Say that this server cannot stream.

        Raises:
            NeedsAsgi: always.
        """
        raise NeedsAsgi
