"""Where a run stands (CONTRACT G14-G21, X13, X54)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param
from rest_framework.views import APIView

from gather.api import rendering, requests, schemas
from gather.api.common import EXAMPLE_ID, TAGS, TASK_ID, answered, body, caller, denied
from gather.services.access import TaskNotFound, run_for
from gather.services.status import status_of
from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.common.openapi import coded_errors, query_parameters
from pixtasks.common.validation import parse_query

UNKNOWN = "Task not found or status unavailable"
_RUNNING: dict[str, Any] = {
    "taskId": EXAMPLE_ID,
    "status": "PROGRESS",
    "progress": {"current": 5, "total": 10, "percentage": 50},
    "result": None,
    "updates": [
        {
            "type": "progress",
            "timestamp": "2025-10-04T12:00:00Z",
            "data": {
                "currentIteration": 5,
                "totalIterations": 10,
                "percentage": 50,
                "message": "Processing iteration 5 of 10",
            },
        }
    ],
    "startTime": "2025-10-04T11:55:00Z",
}


_ENDED: dict[str, Any] = _RUNNING | {
    "status": "SUCCESS",
    "progress": {"current": 10, "total": 10, "percentage": 100},
    "result": {
        "completedIterations": 10,
        "results": [{"iterationNumber": 1, "gatherDataId": "gather-001"}],
        "exhausted": False,
        "images": 84,
    },
    "endTime": "2025-10-04T12:05:00Z",
}
_HEADERS = [
    OpenApiParameter(
        name="X-Update-Seq",
        location=OpenApiParameter.HEADER,
        response=[200],
        description="The number of the last update listed: send it as `since`. Absent where there is none.",
        type=int,
    ),
    OpenApiParameter(
        name="Link",
        location=OpenApiParameter.HEADER,
        response=[200],
        description='With `since`: the updates after these as `<url>; rel="next"`; absent where there are none yet.',
        type=str,
    ),
]


class StatusView(APIView):
    """Where a run stands."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="gather_status",
        summary="Check the status of a run",
        description=(
            "Its progress, its result once it has one, and its latest 200 updates, oldest first. With `since` the "
            "first 200 updates after that one. A run that was cancelled reads `REVOKED` at once."
        ),
        tags=TAGS,
        parameters=[TASK_ID, *query_parameters(requests.StatusQuery), *_HEADERS],
        responses={200: schemas.GatherTaskStatus, **coded_errors(400, 401, 403, 404)},
        examples=[answered("Running", _RUNNING), answered("Done", _ENDED), *denied(UNKNOWN)],
    )
    def get(self, request: Request, taskId: str) -> Response:  # noqa: N803 -- the documented name
        """Return its status."""
        query = parse_query(requests.StatusQuery, request)
        try:
            run = run_for(caller(request), taskId)
        except TaskNotFound:
            raise TaskNotFound(UNKNOWN) from None
        found = status_of(run, since=query.since)
        headers = {}
        if found.last_seq:
            headers["X-Update-Seq"] = str(found.last_seq)
        if found.more:
            url = replace_query_param(request.build_absolute_uri(), "since", found.last_seq)
            headers["Link"] = f'<{url}>; rel="next"'
        left = {"end_time"} if found.ended_at is None else None
        return body(rendering.status(found), leave=left, headers=headers)
