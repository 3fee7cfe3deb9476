"""What a run's iterations left (CONTRACT G24)."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gather.api import rendering, requests, schemas
from gather.api.common import TAGS, TASK_ID, body, caller, denied
from gather.services.access import run_for
from gather.services.records import images_of, record_of, records_of
from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.common.openapi import coded_errors, query_parameters
from pixtasks.common.pagination import keyset_page
from pixtasks.common.validation import parse_query

_DATA_ID = OpenApiParameter(
    name="gatherDataId",
    location=OpenApiParameter.PATH,
    description="Such as gather-001.",
    type={"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
)


class DataView(APIView):
    """The records of a run."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="gather_data_list",
        summary="List what the iterations of a run left",
        description="One record per iteration that stored its work, at most 100; iterations that failed beside them.",
        tags=TAGS,
        parameters=[TASK_ID],
        responses={200: schemas.GatherDataList, **coded_errors(401, 403, 404)},
        examples=denied(),
    )
    def get(self, request: Request, taskId: str) -> Response:  # noqa: N803 -- the documented name
        """Return its records."""
        run = run_for(caller(request), taskId)
        return body(rendering.data_list(run, records_of(run)))


class RecordView(APIView):
    """One record, with its images."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="gather_data_retrieve",
        summary="Get what one iteration left, with its images",
        description="Images come in the order they were stored, each with its source, licence and creator.",
        tags=TAGS,
        parameters=[TASK_ID, _DATA_ID, *query_parameters(requests.CursorQuery)],
        responses={200: schemas.GatherDataImages, **coded_errors(400, 401, 403, 404)},
        examples=denied(),
    )
    def get(self, request: Request, taskId: str, gatherDataId: str) -> Response:  # noqa: N803 -- the documented names
        """Return the record and a page of its images."""
        query = parse_query(requests.CursorQuery, request)
        record = record_of(run_for(caller(request), taskId), gatherDataId)
        page = keyset_page(images_of(record), cursor=query.cursor, limit=query.limit, newest_first=False)
        return body(rendering.data_images(taskId, record, page))
