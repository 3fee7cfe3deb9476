"""What the views of dialect G share."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from pixtasks.accounts.models import User

TAGS = ["Automated Gather"]
TASK_ID = OpenApiParameter(
    name="taskId",
    location=OpenApiParameter.PATH,
    description="As the start answered it.",
    type={"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
)
EXAMPLE_ID = "abc123-def456"
UNKNOWN = {"error": "TASK_NOT_FOUND", "message": "Task not found", "statusCode": 404}
FORBIDDEN = {"error": "FORBIDDEN", "message": "Access denied to this resource", "statusCode": 403}
BROKER_DOWN = {
    "error": "TASK_SUBMISSION_FAILED",
    "message": "The gather could not be submitted: Redis connection refused",
    "statusCode": 500,
}


def caller(request: Request) -> User:
    """Return who asks; without credentials that is ``local`` (CONTRACT X07)."""
    assert isinstance(request.user, User)
    return request.user


def body(
    model: BaseModel, status: int = 200, *, leave: set[str] | None = None, headers: dict[str, str] | None = None
) -> Response:
    """Return a model as a response.

    Args:
        model: what to answer.
        status: the HTTP status.
        leave: fields that this answer has not.
        headers: response headers.
    """
    return Response(model.model_dump(exclude=leave), status=status, headers=headers)


def sent(name: str, value: Any) -> OpenApiExample:
    """Return an example of a request."""
    return OpenApiExample(name, value=value, request_only=True)


def answered(name: str, value: Any, status: int = 200) -> OpenApiExample:
    """Return an example of a response."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


def denied(text: str = "Task not found") -> list[OpenApiExample]:
    """Return the two refusals of a run that cannot be shown; the text of the 404 depends on the route (X13)."""
    return [
        answered("Unknown", UNKNOWN | {"message": text}, 404),
        answered("Somebody else's", FORBIDDEN, 403),
    ]
