"""The caller's runs."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gather.api import rendering, requests, schemas
from gather.api.common import TAGS, body, caller
from gather.services.listing import runs_list
from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.common.openapi import coded_errors, query_parameters
from pixtasks.common.pagination import keyset_page
from pixtasks.common.validation import parse_query
from tasktypes.services.celery_states import TaskStatus


class RunsView(APIView):
    """The caller's runs."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="gather_runs",
        summary="List runs, newest first",
        description="The caller's runs, whichever API or schedule started them; staff see everybody's.",
        tags=TAGS,
        parameters=query_parameters(requests.RunsQuery),
        responses={200: schemas.GatherRunPage, **coded_errors(400, 401)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of runs."""
        query = parse_query(requests.RunsQuery, request)
        status = None if query.status is None else TaskStatus(query.status)
        found = runs_list(caller(request), status=status, project_id=query.project_id)
        page = keyset_page(found, cursor=query.cursor, limit=query.limit)
        return body(schemas.GatherRunPage(items=[rendering.summary(run) for run in page.rows], next=page.next))
