"""What the views of dialect C share."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from pixtasks.accounts.models import User

TAGS = ["Celery Tasks"]
TASK_ID = "550e8400-e29b-41d4-a716-446655440000"


def caller(request: Request) -> User:
    """Return the authenticated user."""
    assert isinstance(request.user, User)
    return request.user


def body(model: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a model as a response."""
    return Response(model.model_dump(), status=status, headers=headers)


def sent(name: str, value: Any) -> OpenApiExample:
    """Return an example of a request."""
    return OpenApiExample(name, value=value, request_only=True)


def answered(name: str, value: Any, status: int = 200) -> OpenApiExample:
    """Return an example of a response."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])


DENIED = [
    answered("Unknown", {"detail": f"Task {TASK_ID} not found"}, 404),
    answered("Somebody else's", {"detail": "Access denied to this resource"}, 403),
]
