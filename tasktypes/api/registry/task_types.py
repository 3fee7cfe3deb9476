"""Task types: create, list, read, change, delete (CONTRACT R01–R09)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.pagination import keyset_page
from pixtasks.common.validation import parse_body, parse_query
from tasktypes.api.registry import rendering, requests, schemas
from tasktypes.api.registry.common import TYPES, RegistryView, answered, array_headers, bare_array, caller, sent
from tasktypes.models import TaskType
from tasktypes.services.search import search_types
from tasktypes.services.task_types import deactivate_type, register_type, type_for, update_type

_VIDEO: dict[str, Any] = {
    "name": "video_processing",
    "description": "Process video files with different parameters",
    "parameters_schema": {
        "type": "object",
        "properties": {
            "format": {"type": "string", "enum": ["mp4", "webm"]},
            "resolution": {"type": "string", "enum": ["720p", "1080p", "4k"]},
        },
        "required": ["format"],
    },
    "metadata": {"category": "media", "estimated_duration": "5m"},
}
_EXAMPLE = {"id": 1, **_VIDEO, "is_active": True, "created_at": "2025-11-06T22:00:00Z", "updated_at": None}


class TaskTypesView(RegistryView):
    """All types."""

    @extend_schema(
        operation_id="task_types_list",
        summary="List task types",
        description="Everybody's, oldest first.",
        tags=TYPES,
        parameters=[*query_parameters(requests.TaskTypesQuery), *array_headers("How many there are in all.")],
        responses={200: schemas.RegisteredTaskTypes, **errors(401, 422)},
    )
    def get(self, request: Request) -> Response:
        """Return the types as a bare array."""
        query = parse_query(requests.TaskTypesQuery, request)
        types = TaskType.objects.all() if query.include_inactive else TaskType.objects.filter(is_active=True)
        if query.q is not None:
            types = search_types(types, query.q)
        page = keyset_page(types, cursor=query.cursor, limit=query.limit, newest_first=False)
        # Types are few; tasks are not counted this way.
        total = None if query.q is not None else types.count()
        return bare_array(request, [rendering.task_type(row) for row in page.rows], total=total, cursor=page.next)

    @extend_schema(
        operation_id="task_types_create",
        summary="Register a task type",
        description="A declaration that tasks of this name exist and what they take; tied to no worker.",
        tags=TYPES,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.TaskTypeCreateRequest,
        responses={201: schemas.RegisteredTaskType, **errors(400, 401, 409, body=True)},
        examples=[sent("Video processing", _VIDEO), answered("Created", _EXAMPLE, 201)],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Register a type."""
        wanted = parse_body(requests.TaskTypeCreateRequest, request)
        row = register_type(creator=caller(request), **wanted.given())
        return Response(rendering.task_type(row), status=201)


class TaskTypeView(RegistryView):
    """One type."""

    @extend_schema(
        operation_id="task_types_retrieve",
        summary="Get a task type",
        tags=TYPES,
        responses={200: schemas.RegisteredTaskType, **errors(401, 404)},
        examples=[answered("A type", _EXAMPLE)],
    )
    def get(self, request: Request, task_type_id: int) -> Response:
        """Return a type."""
        return Response(rendering.task_type(type_for(task_type_id)))

    @extend_schema(
        operation_id="task_types_update",
        summary="Change a task type",
        description="What is sent is changed, the rest stays. Only its creator and staff may.",
        tags=TYPES,
        request=requests.TaskTypeUpdateRequest,
        responses={200: schemas.RegisteredTaskType, **errors(400, 401, 403, 404, body=True)},
        examples=[sent("Another description", {"description": "Updated description"})],
    )
    def put(self, request: Request, task_type_id: int) -> Response:
        """Change a type."""
        row = type_for(task_type_id)
        changes = parse_body(requests.TaskTypeUpdateRequest, request).given()
        return Response(rendering.task_type(update_type(row, actor=caller(request), **changes)))

    @extend_schema(
        operation_id="task_types_delete",
        summary="Delete a task type",
        description="It becomes inactive; it and its tasks remain. `is_active: true` brings it back.",
        tags=TYPES,
        request=None,
        responses={204: None, **errors(401, 403, 404)},
    )
    def delete(self, request: Request, task_type_id: int) -> Response:
        """Take a type out of use."""
        deactivate_type(type_for(task_type_id), actor=caller(request))
        return Response(status=204)
