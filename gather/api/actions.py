"""Cancelling a run, and letting it go on (CONTRACT G22-G25, X55)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gather.api import rendering, schemas
from gather.api.common import EXAMPLE_ID, TAGS, TASK_ID, answered, body, caller, denied
from gather.services import runs
from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.openapi import coded_errors
from pixtasks.common.throttles import caller_address

_CANCELLED: dict[str, Any] = {
    "taskId": EXAMPLE_ID,
    "status": "cancelled",
    "message": "Task cancelled successfully",
    "partialResults": {
        "completedIterations": 5,
        "results": [
            {"iterationNumber": 1, "gatherDataId": "gather-001"},
            {"iterationNumber": 2, "gatherDataId": "gather-002"},
        ],
    },
}
_ENDED = {"error": "CANCELLATION_FAILED", "message": "Cannot cancel a gather that has completed", "statusCode": 409}
_RETRIED: dict[str, Any] = {
    "taskId": EXAMPLE_ID,
    "status": "pending",
    "message": "Automated gather task goes on from its last save",
    "data": {"projectId": "project-123", "gatherCount": 10, "estimatedDuration": 150},
}
_RUNS = {
    "error": "VALIDATION_ERROR",
    "message": "Cannot retry a gather that is running; only failed and cancelled ones go on",
    "statusCode": 400,
}


class CancelView(APIView):
    """Cancel a run."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="gather_cancel",
        summary="Cancel a run and keep its partial results",
        description=(
            "What its iterations stored stays. The answer waits up to three seconds for a worker to save what it has. "
            "Cancelling a cancelled run again is answered the same; one that has ended otherwise is a 409."
        ),
        tags=TAGS,
        parameters=[TASK_ID],
        responses={200: schemas.GatherCancelled, **coded_errors(401, 403, 404, 409)},
        examples=[answered("Cancelled", _CANCELLED), answered("It has ended", _ENDED, 409), *denied()],
    )
    def delete(self, request: Request, taskId: str) -> Response:  # noqa: N803 -- the documented name
        """Cancel it."""
        found = runs.cancel(taskId, caller=caller(request), address=caller_address(request))
        return body(rendering.cancelled(found))


class RetryView(APIView):
    """Let a run go on."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="gather_retry",
        summary="Let a failed or cancelled run go on",
        description="It keeps its id and goes on after the iterations that it saved; without a broker it waits.",
        tags=TAGS,
        parameters=[TASK_ID, IDEMPOTENCY_KEY],
        request=None,
        responses={202: schemas.GatherStarted, **coded_errors(400, 401, 403, 404, 409)},
        examples=[answered("Queued", _RETRIED, 202), answered("It runs", _RUNS, 400), *denied()],
    )
    @idempotent
    def post(self, request: Request, taskId: str) -> Response:  # noqa: N803 -- the documented name
        """Let it go on."""
        run = runs.retry(taskId, caller=caller(request), address=caller_address(request))
        return body(rendering.retried(run), 202)
