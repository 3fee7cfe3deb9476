"""Starting a run (CONTRACT G01-G13, G43, G44, X53, X60)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from gather.api import rendering, schemas
from gather.api.common import BROKER_DOWN, EXAMPLE_ID, FORBIDDEN, TAGS, answered, body, caller, sent
from gather.params import GATHER_COUNT_MAX, GatherParams
from gather.services import runs
from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.errors import InvalidInput
from pixtasks.common.openapi import coded_errors
from pixtasks.common.throttles import SlotLimit, caller_address, caller_ident
from pixtasks.common.validation import parse_body

COUNT_RANGE = f"gatherCount must be between 1 and {GATHER_COUNT_MAX}"
_SENT: dict[str, Any] = {
    "projectId": "string",
    "gatherCount": 10,
    "options": {
        "saveInterval": 5,
        "errorRecovery": True,
        "notificationPreferences": {"onComplete": True, "onError": True, "onProgress": False},
    },
}
_STARTED: dict[str, Any] = {
    "taskId": EXAMPLE_ID,
    "status": "pending",
    "message": "Automated gather task started successfully",
    "data": {"projectId": "project-123", "gatherCount": 10, "estimatedDuration": 300},
}
_INVALID: dict[str, Any] = {
    "error": "VALIDATION_ERROR",
    "message": "gatherCount must be between 1 and 100",
    "details": [
        {
            "loc": ["body", "gatherCount"],
            "msg": "gatherCount must be between 1 and 100",
            "type": "value_error.number.not_in_range",
        }
    ],
    "statusCode": 400,
}
_LIMITED: dict[str, Any] = {
    "error": "RATE_LIMITED",
    "message": "Too many requests: at most 10 in 60 seconds. Please retry in 12 seconds.",
    "statusCode": 429,
}


def _params(request: Request) -> GatherParams:
    """Return the body; of a count that is missing the same is said as of one that is wrong (CONTRACT G03, G04).

    Raises:
        InvalidInput: it is not valid; one fault each.
    """
    try:
        return parse_body(GatherParams, request)
    except InvalidInput as error:
        raise InvalidInput(
            replace(fault, msg=COUNT_RANGE) if fault.loc == ("body", "gatherCount") else fault for fault in error.errors
        ) from error


class StartView(APIView):
    """Start a run."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="gather_start",
        summary="Start an automated gather",
        description=(
            "So many iterations over the keywords and engines of a project; each stores what the project has not yet. "
            "`projectId` is a project's slug, or its id as text; a slug that nobody has yet becomes a new project of "
            "the caller. By default at most 10 starts a minute for each user. A request that is refused stores nothing."
        ),
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=GatherParams,
        responses={202: schemas.GatherStarted, **coded_errors(400, 401, 403, 409, 500, body=True)},
        examples=[
            sent("Ten iterations", _SENT),
            sent("With keywords and engines", _SENT | {"options": {"keywords": ["red fox"], "engines": ["sample"]}}),
            answered("Queued", _STARTED, 202),
            answered("Not valid", _INVALID, 400),
            answered("Somebody else's project", FORBIDDEN, 403),
            answered("Too many starts", _LIMITED, 429),
            answered("The broker is down", BROKER_DOWN, 500),
        ],
    )
    def post(self, request: Request) -> Response:
        """Start it."""
        params = _params(request)
        SlotLimit("start_gather").take(caller_ident(request))
        # Before the transaction of the next step: none may wait for anything but the database.
        runs.require_broker()
        return self._start(request, params)

    @idempotent
    def _start(self, request: Request, params: GatherParams) -> Response:
        run = runs.start(
            caller=caller(request),
            project_id=params.projectId,
            gather_count=params.gatherCount,
            options=params.options,
            address=caller_address(request),
        )
        return body(rendering.started(run), 202)
