"""What the views of dialect D share."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from pixtasks.accounts.models import User
from tasktypes.models import Task

TAGS = ["Tasks"]
TASK_NAME = OpenApiParameter(
    name="task_name",
    location=OpenApiParameter.PATH,
    description="A registered handler.",
    type={"$ref": "#/components/schemas/TaskNameEnum"},
)
TASK_ID = OpenApiParameter(
    name="task_id", location=OpenApiParameter.PATH, description="The task's number.", type={"type": "integer"}
)
EXAMPLE_TASK: dict[str, Any] = {
    "id": 1,
    "task_name": "ExampleDatabaseTask",
    "task_payload": {"message": "this", "count": 1},
    "task_payload_prefix": '{"count":1,"message":"this"}',
    "status": "not_started",
    "created_at": "2025-12-02T10:52:50Z",
    "last_run_at": None,
    "started_at": None,
    "completed_at": None,
    "retries": 0,
    "max_retries": 3,
    "error_message": None,
    "result_data": None,
}
DONE_TASK = EXAMPLE_TASK | {
    "status": "success",
    "last_run_at": "2025-12-02T10:52:56Z",
    "started_at": "2025-12-02T10:52:56Z",
    "completed_at": "2025-12-02T10:52:57Z",
    "result_data": {"message": "this", "count": 1, "said": ["this"]},
}


def caller(request: Request) -> User:
    """Return who asks; without credentials that is ``local`` (CONTRACT X07)."""
    assert isinstance(request.user, User)
    return request.user


def body(model: BaseModel, status: int = 200) -> Response:
    """Return a model as a response."""
    return Response(model.model_dump(), status=status)


def fresh(task: Task) -> Task:
    """Return the task as it is now."""
    task.refresh_from_db()
    return task


def sent(name: str, value: Any) -> OpenApiExample:
    """Return an example of a request."""
    return OpenApiExample(name, value=value, request_only=True)


def answered(name: str, value: Any, status: int = 200) -> OpenApiExample:
    """Return an example of a response."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])
