"""Many payloads in one request (CONTRACT D15, X42)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.validation import body_of, parse_query
from tasktypes.api.database import rendering, requests, schemas
from tasktypes.api.database.common import TAGS, TASK_NAME, answered, body, caller, sent
from tasktypes.services.database_tasks import submit_batch

_ANSWER: dict[str, Any] = {
    "results": [
        {
            "index": 0,
            "success": True,
            "id": 1,
            "message": "Task ExampleDatabaseTask created as new task 1",
            "errors": [],
        },
        {
            "index": 1,
            "success": False,
            "id": None,
            "message": "count: field required",
            "errors": [
                {"loc": ["body", 1, "payload", "count"], "msg": "field required", "type": "value_error.missing"}
            ],
        },
    ],
    "created": 1,
    "duplicates": 0,
    "failed": 1,
}


class BatchView(APIView):
    """Submit many tasks of one name."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="database_tasks_batch",
        summary="Submit up to 1,000 tasks of one name",
        description=(
            'A list of payloads, bare or as `{"payload": {…}}`, or `{"payloads": […]}`. The valid ones are inserted '
            "in one transaction, the others are reported beside them; with `atomic=true` one invalid payload refuses "
            "all (422). 201 where anything was created, else 200."
        ),
        tags=TAGS,
        parameters=[TASK_NAME, *query_parameters(requests.BatchQuery), IDEMPOTENCY_KEY],
        request={"application/json": requests.BATCH_BODY},
        responses={
            200: schemas.BatchCreateTaskResponse,
            201: schemas.BatchCreateTaskResponse,
            **errors(401, 403, 409, body=True),
        },
        examples=[
            sent("Two payloads", [{"payload": {"message": "this", "count": 1}}, {"payload": {"message": "that"}}]),
            answered("One of two", _ANSWER, 201),
        ],
    )
    @idempotent
    def post(self, request: Request, task_name: str) -> Response:
        """Submit them."""
        query = parse_query(requests.BatchQuery, request)
        handler = requests.known_handler(task_name)
        user = caller(request)
        payloads = requests.payloads_of(body_of(request), handler)
        items = submit_batch(task_name, payloads, owner_id=user.pk, caller=user, atomic=query.atomic)
        answer = rendering.batch(items)
        return body(answer, 201 if answer.created else 200)
