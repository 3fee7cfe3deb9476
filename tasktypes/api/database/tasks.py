"""Submit, list, look, cancel, retry (CONTRACT D01-D09, D17, D18)."""

from __future__ import annotations

from typing import Any, NoReturn

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.errors import FieldError, InvalidInput
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.pagination import PageRequest
from pixtasks.common.validation import body_of, parse_query
from pixtasks.common.wording import NOT_AN_INTEGER
from tasktypes.api.database import rendering, requests, schemas
from tasktypes.api.database.common import (
    DONE_TASK,
    EXAMPLE_TASK,
    TAGS,
    TASK_ID,
    TASK_NAME,
    answered,
    body,
    caller,
    fresh,
    sent,
)
from tasktypes.services.access import owner_scope, task_for
from tasktypes.services.database_status import page_of_tasks, retry_in_place
from tasktypes.services.database_tasks import submit_once
from tasktypes.services.revoke import revoke_task

_CREATED = EXAMPLE_TASK | {"message": "Task ExampleDatabaseTask created as new task 1", "is_duplicate": False}
_DUPLICATE = EXAMPLE_TASK | {
    "max_retries": 4,
    "message": "Task ExampleDatabaseTask already exists as task 1 (duplicate); max_retries is now 4",
    "is_duplicate": True,
}
_INVALID = {
    "loc": ["body", "payload", "count"],
    "msg": "value is not a valid integer",
    "type": "type_error.integer",
}
_DENIED = [
    answered("Unknown", {"detail": "Task 1 not found"}, 404),
    answered("Somebody else's", {"detail": "Access denied to this resource"}, 403),
]
_RETRY: dict[str, Any] = {
    "tags": TAGS,
    "parameters": [TASK_ID, IDEMPOTENCY_KEY],
    "request": None,
    "responses": {200: schemas.DatabaseTask, **errors(400, 401, 403, 404, 409, 422)},
    "examples": [
        answered("It runs again", EXAMPLE_TASK | {"retries": 1}),
        answered(
            "It succeeded",
            {"detail": "Cannot retry task 1 with status 'success'. Only tasks with status 'error' can be retried."},
            400,
        ),
        *_DENIED,
    ],
}


class TasksView(APIView):
    """The caller's tasks."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="database_tasks_list",
        summary="List tasks",
        description="The caller's tasks of every API, newest first; staff see everybody's.",
        tags=TAGS,
        parameters=query_parameters(requests.TaskListQuery),
        responses={200: schemas.TaskListResponse, **errors(401, 422)},
        examples=[answered("One", {"tasks": [DONE_TASK], "total": 1, "page": 1, "page_size": 50, "total_pages": 1})],
    )
    def get(self, request: Request) -> Response:
        """Return a page of tasks."""
        query = parse_query(requests.TaskListQuery, request)
        page = PageRequest(query.page, query.page_size)
        rows, total = page_of_tasks(
            page, owner_id=owner_scope(caller(request)), type_name=query.task_name, status=query.status
        )
        return body(rendering.task_list(rows, page, total))


def _submit(request: Request, task_name: str) -> Response:
    requests.known_handler(task_name)
    user = caller(request)
    payload = requests.payload_of(body_of(request))
    submitted = submit_once(task_name, payload, owner_id=user.pk, caller=user, loc=requests.PAYLOAD_LOC)
    return body(rendering.created(submitted), 200 if submitted.is_duplicate else 201)


class TaskView(APIView):
    """One task."""

    authentication_classes = OPEN_AUTHENTICATION

    @property
    def allowed_methods(self) -> list[str]:
        """Name what a number is good for; a handler's name that is a number is the exception."""
        return ["GET", "DELETE", "HEAD", "OPTIONS"]

    @extend_schema(
        operation_id="database_tasks_read",
        summary="Get a task",
        tags=TAGS,
        parameters=[TASK_ID],
        responses={200: schemas.DatabaseTask, **errors(401, 403, 404, 422)},
        examples=[answered("Done", DONE_TASK), *_DENIED],
    )
    def get(self, request: Request, task_id: int) -> Response:
        """Return the task."""
        return body(rendering.task(task_for(caller(request), task_id)))

    @extend_schema(
        operation_id="database_tasks_cancel",
        summary="Cancel a task",
        description=(
            "A task that has not started ends at once, a running one at its next checkpoint; its status is then "
            "`error` with `result_data.cancelled`. The row stays. A task that has ended is answered as it is."
        ),
        tags=TAGS,
        parameters=[TASK_ID],
        responses={200: schemas.DatabaseTask, **errors(401, 403, 404, 422)},
        examples=[
            answered(
                "Cancelled",
                EXAMPLE_TASK
                | {
                    "status": "error",
                    "completed_at": "2025-12-02T10:52:52Z",
                    "error_message": rendering.CANCELLED,
                    "result_data": {"cancelled": True},
                },
            ),
            *_DENIED,
        ],
    )
    def delete(self, request: Request, task_id: int) -> Response:
        """Cancel the task."""
        task = task_for(caller(request), task_id)
        revoke_task(task)
        return body(rendering.task(fresh(task)))

    @extend_schema(exclude=True)
    @idempotent
    def post(self, request: Request, task_id: int) -> Response:
        """Submit a task to a handler whose name is a number."""
        return _submit(request, str(task_id))


class SubmitView(APIView):
    """Submit a task."""

    authentication_classes = OPEN_AUTHENTICATION

    @property
    def allowed_methods(self) -> list[str]:
        """Name what a name is good for; the others only say that it is no number."""
        return ["POST", "OPTIONS"]

    @extend_schema(
        operation_id="database_tasks_create",
        summary="Submit a task",
        description=(
            "The payload is validated by the handler's own model. The same payload again is the same task with one "
            "more retry (200); it runs again unless it succeeded."
        ),
        tags=TAGS,
        parameters=[TASK_NAME, IDEMPOTENCY_KEY],
        request=requests.CreateTaskRequest,
        responses={
            200: schemas.CreateTaskResponse,
            201: schemas.CreateTaskResponse,
            **errors(400, 401, 403, 409, body=True),
        },
        examples=[
            sent("ExampleDatabaseTask", {"payload": {"message": "this", "count": 1}}),
            answered("New", _CREATED, 201),
            answered("Duplicate", _DUPLICATE),
            answered("Not valid", {"detail": [_INVALID]}, 422),
        ],
    )
    @idempotent
    def post(self, request: Request, task_name: str) -> Response:
        """Submit it."""
        return _submit(request, task_name)

    @extend_schema(exclude=True)
    def get(self, request: Request, task_name: str) -> NoReturn:
        """Refuse an id that is no number."""
        raise InvalidInput(FieldError(("path", "task_id"), *NOT_AN_INTEGER))

    @extend_schema(exclude=True)
    def delete(self, request: Request, task_name: str) -> NoReturn:
        """Refuse an id that is no number."""
        raise InvalidInput(FieldError(("path", "task_id"), *NOT_AN_INTEGER))


class RetryView(APIView):
    """Run a task again."""

    authentication_classes = OPEN_AUTHENTICATION

    @extend_schema(
        operation_id="database_tasks_retry",
        summary="Run a failed or cancelled task again",
        description="It keeps its id; `retries` grows by one. A task of a job or run is retried through that.",
        **_RETRY,
    )
    @idempotent
    def patch(self, request: Request, task_id: str) -> Response:
        """Run it again."""
        return self._retry(request, task_id)

    @extend_schema(
        operation_id="database_tasks_retry_post",
        summary="Run a failed or cancelled task again",
        description="The same as PATCH.",
        **_RETRY,
    )
    @idempotent
    def post(self, request: Request, task_id: str) -> Response:
        """Run it again."""
        return self._retry(request, task_id)

    @staticmethod
    def _retry(request: Request, task_id: str) -> Response:
        task = task_for(caller(request), requests.task_number(task_id))
        return body(rendering.task(retry_in_place(task)))
