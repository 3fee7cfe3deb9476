"""Executions, newest first (CONTRACT C16, X04)."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.validation import parse_query
from tasktypes.api.celery import rendering, requests, schemas
from tasktypes.api.celery.common import TAGS, caller
from tasktypes.services.history import history


class HistoryView(APIView):
    """What was launched, and how it ended."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="celery_history",
        summary="List executions, newest first",
        description=(
            "A bare array. Tasks that plain Celery code has sent have `source: celery`; they have no owner, so only "
            "staff see them. Results are shown by the status of a single task."
        ),
        tags=TAGS,
        parameters=[
            *query_parameters(requests.HistoryQuery),
            OpenApiParameter(
                name="Link",
                location=OpenApiParameter.HEADER,
                response=[200],
                description='The next page as `<url>; rel="next"` (RFC 8288); absent on the last one.',
                type=str,
            ),
            OpenApiParameter(
                name="X-Total-Count",
                location=OpenApiParameter.HEADER,
                response=[200],
                description="How many there are; absent with a status other than SUCCESS and FAILURE.",
                type=int,
            ),
        ],
        responses={200: schemas.Executions, **errors(401, 422)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of executions."""
        query = parse_query(requests.HistoryQuery, request)
        page = history(caller(request), **query.model_dump())
        headers = {}
        if page.next is not None:
            url = replace_query_param(request.build_absolute_uri(), "cursor", page.next)
            headers["Link"] = f'<{url}>; rel="next"'
        if page.total is not None:
            headers["X-Total-Count"] = str(page.total)
        return Response([rendering.execution(row).model_dump() for row in page.rows], headers=headers)
