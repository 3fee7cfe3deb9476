"""What the views of dialect R share: who calls, bare arrays with their headers, examples."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION, has_scope
from pixtasks.accounts.models import Scope, User
from tasktypes.models import Task
from tasktypes.services.access import any_task, owner_scope, task_for

TYPES, TASKS = ["TaskTypes"], ["TaskList"]
TOTAL_HEADER = "X-Total-Count"


class RegistryView(APIView):
    """What all views of this dialect share: a caller without credentials is ``local`` where that is on (X07)."""

    authentication_classes = OPEN_AUTHENTICATION


def caller(request: Request) -> User:
    """Return the user."""
    assert isinstance(request.user, User)
    return request.user


def worker_scope(request: Request) -> int | None:
    """Return whose tasks the caller may take: its own; None = everybody's (CONTRACT X23)."""
    return None if has_scope(request, Scope.WORKER) else owner_scope(caller(request))


def task_in_hand(request: Request, task_id: int) -> Task:
    """Return the task that a worker speaks about.

    Raises:
        NotFound: there is none.
        AccessDenied: the caller could not have claimed it.
    """
    if has_scope(request, Scope.WORKER):
        return any_task(task_id)
    return task_for(caller(request), task_id)


def bare_array(request: Request, items: list[dict[str, Any]], *, total: int | None, cursor: str | None) -> Response:
    """Return a list whose body is an array: total and next page stand in the headers (CONTRACT X04).

    Args:
        total: of all pages; None where it is not known.
        cursor: of the next page; None on the last.
    """
    response = Response(items)
    if total is not None:
        response[TOTAL_HEADER] = str(total)
    if cursor is not None:
        query = request.query_params.copy()
        query["cursor"] = cursor
        response["Link"] = f'<{request.build_absolute_uri(request.path)}?{query.urlencode()}>; rel="next"'
    return response


def array_headers(total: str) -> list[OpenApiParameter]:
    """Return how the headers of a list stand in the OpenAPI document."""
    return [
        OpenApiParameter(
            name=TOTAL_HEADER,
            location=OpenApiParameter.HEADER,
            type={"type": "integer", "minimum": 0},
            response=[200],
            required=False,
            description=total,
        ),
        OpenApiParameter(
            name="Link",
            location=OpenApiParameter.HEADER,
            type=str,
            response=[200],
            required=False,
            description='The next page: `<address>; rel="next"` (RFC 8288). Missing on the last.',
        ),
    ]


def sent(name: str, value: Any) -> OpenApiExample:
    """Return an example of a request."""
    return OpenApiExample(name, value=value, request_only=True)


def answered(name: str, value: Any, status: int = 200) -> OpenApiExample:
    """Return an example of a response."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=[str(status)])
