"""Where a task stands, and revoking it (CONTRACT C03, C04, C21)."""

from __future__ import annotations

import hashlib
import logging

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied, NotFound
from pixtasks.common.json import dump_json
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.validation import parse_query
from tasktypes.api.celery import rendering, requests, schemas
from tasktypes.api.celery.common import DENIED, TAGS, TASK_ID, answered, body, caller
from tasktypes.services import status_cache
from tasktypes.services.access import split_celery_id, task_by_public_id
from tasktypes.services.history import plain_result
from tasktypes.services.revoke import revoke_task
from tasktypes.states import TERMINAL

logger = logging.getLogger(__name__)

_IF_NONE_MATCH = OpenApiParameter(
    name="If-None-Match",
    location=OpenApiParameter.HEADER,
    description="The ETag of the answer before: 304 where nothing has changed.",
    type=str,
)
_EXTRAS = {
    "task_type": "jobs.validate_images_fast",
    "created_at": "2026-01-01T10:00:00Z",
    "started_at": "2026-01-01T10:00:01Z",
    "attempts": 1,
    "retried_from": None,
}
_SUCCESS = {
    "task_id": TASK_ID,
    "status": "SUCCESS",
    "result": {"images": 40, "done": 40, "valid": 39, "invalid": 1},
    "error": None,
    "traceback": None,
    "meta": None,
    **_EXTRAS,
    "completed_at": "2026-01-01T10:00:02Z",
}
_PROGRESS = {
    **_SUCCESS,
    "status": "PROGRESS",
    "result": None,
    "meta": {"images": 40, "done": 12, "valid": 12, "invalid": 0},
    "completed_at": None,
}


class TaskView(APIView):
    """One task."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="celery_task",
        summary="Get task status and result",
        description=(
            "`task_id` is what the launch answered, or the id of any of the task's Celery messages. A task that was "
            "asked to stop reads REVOKED at once. The answer about a finished task may come from a cache; a retry of "
            "the same task takes it back."
        ),
        tags=TAGS,
        parameters=[_IF_NONE_MATCH],
        responses={
            200: schemas.TaskStatusResponse,
            304: OpenApiResponse(description="Nothing has changed"),
            **errors(401, 403, 404),
        },
        examples=[answered("Finished", _SUCCESS), answered("Running", _PROGRESS), *DENIED],
    )
    def get(self, request: Request, task_id: str) -> Response:
        """Return where a task stands."""
        shown = _status(caller(request), task_id)
        logger.info("📊 Task status: %s is %s", task_id, shown["status"])
        tag = f'"{hashlib.sha256(dump_json(shown)).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        known = request.headers.get("If-None-Match", "")
        if tag in (part.strip().removeprefix("W/") for part in known.split(",")):
            return Response(status=304, headers=headers)
        return Response(shown, headers=headers)

    @extend_schema(
        operation_id="celery_revoke",
        summary="Revoke a task",
        description=(
            "A waiting task never runs. A running one is asked to stop and keeps what it has stored; `terminate=true` "
            "kills its process at once, which otherwise happens only where it has not stopped some seconds later. "
            "A task that had already finished stays as it is, and the answer says so."
        ),
        tags=TAGS,
        parameters=query_parameters(requests.RevokeQuery),
        responses={200: schemas.TaskRevoked, **errors(401, 403, 404, 422)},
        examples=[
            answered(
                "Revoked",
                {
                    "task_id": TASK_ID,
                    "status": "REVOKED",
                    "terminate": False,
                    "message": f"Task {TASK_ID} has been revoked",
                },
            ),
            *DENIED,
        ],
    )
    def delete(self, request: Request, task_id: str) -> Response:
        """Revoke a task."""
        query = parse_query(requests.RevokeQuery, request)
        terminate = query.terminate in {"true", "True", "1"}
        task = task_by_public_id(caller(request), task_id)
        logger.info("🚫 Revoking task: %s (terminate=%s)", task.public_id, terminate)
        asked = revoke_task(task, terminate=terminate)
        return body(rendering.revoked(task, asked=asked, terminate=terminate))


def _status(user: User, task_id: str) -> dict[str, object]:
    public_id, ring = split_celery_id(task_id)
    known = status_cache.recall(public_id)
    if known is not None and ring <= known.rings:
        if not user.is_staff and known.owner_id != user.pk:
            raise AccessDenied
        return known.body
    try:
        task = task_by_public_id(user, task_id)
    except NotFound:
        row = plain_result(user, task_id)
        if row is None:
            raise
        return rendering.plain_status(row).model_dump()
    shown = rendering.status(task).model_dump()
    if task.status in TERMINAL:
        status_cache.remember(task.public_id, status_cache.KnownStatus(task.created_by_id, task.rings, shown))
    return shown
