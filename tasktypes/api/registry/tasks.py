"""Tasks: create, list, read, change, delete, count (CONTRACT R10–R20, R30–R35)."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.pagination import keyset_page
from pixtasks.common.validation import parse_body, parse_query
from tasktypes.api.registry import rendering, requests, schemas
from tasktypes.api.registry.common import TASKS, RegistryView, answered, array_headers, bare_array, caller, sent
from tasktypes.models import Task, TaskType
from tasktypes.services import tally
from tasktypes.services.access import owner_scope, task_for, tasks_of
from tasktypes.services.declared_tasks import create_task
from tasktypes.services.dependencies import reschedule
from tasktypes.services.search import search_tasks
from tasktypes.services.statistics import statistics, statistics_by_type
from tasktypes.services.update import delete_task, update_task

_SCHEDULE = frozenset({"run_after", "depends_on", "on_dependency_failure", "max_retries"})
_WANTED: dict[str, Any] = {
    "task_type_id": 1,
    "parameters": {"format": "mp4", "resolution": "1080p", "input_file": "video.raw"},
    "priority": 50,
    "metadata": {"user_id": "user123", "request_id": "req-456"},
}
EXAMPLE: dict[str, Any] = {
    "id": 1,
    "task_type_id": 1,
    "status": "pending",
    "parameters": _WANTED["parameters"],
    "priority": 50,
    "metadata": _WANTED["metadata"],
    "result": None,
    "error_message": None,
    "created_at": "2025-11-06T22:00:00Z",
    "updated_at": None,
    "started_at": None,
    "completed_at": None,
    "task_type": "video_processing",
    "public_id": "7d0c1f5e-4b0e-4c56-9d3a-2f1a8e6b9c01",
    "run_after": None,
    "depends_on": [],
    "on_dependency_failure": "fail",
    "retries": 0,
    "max_retries": 0,
    "progress": None,
    "cancel_requested": False,
}
_CHANGES = {
    "status": "completed",
    "priority": 25,
    "result": {"output_file": "video_processed.mp4", "duration": "5m 23s"},
}


class TasksView(RegistryView):
    """All tasks."""

    @extend_schema(
        operation_id="registry_tasks_list",
        summary="List tasks",
        description="Your own, newest first; staff see everybody's. With q all words must occur in the task's type, "
        "parameters, metadata, result or error message.",
        tags=TASKS,
        parameters=[
            *query_parameters(requests.RegistryTasksQuery),
            *array_headers("How many tasks match, on all pages; missing with q."),
        ],
        responses={200: schemas.RegistryTasks, **errors(401, 422)},
    )
    def get(self, request: Request) -> Response:
        """Return tasks as a bare array."""
        query = parse_query(requests.RegistryTasksQuery, request)
        found, total = self._matching(request, query)
        page = keyset_page(found.defer("traceback", "state"), cursor=query.cursor, limit=query.limit)
        return bare_array(request, rendering.tasks(page.rows), total=total, cursor=page.next)

    @staticmethod
    def _matching(request: Request, query: requests.RegistryTasksQuery) -> tuple[QuerySet[Task], int | None]:
        found = tasks_of(caller(request))
        names: set[str] | None = None if query.task_type is None else {query.task_type}
        if query.task_type_id is not None:
            # A type's name is unique and never changes: it finds the same rows, with the totals kept by name.
            own = set(TaskType.objects.filter(pk=query.task_type_id).values_list("name", flat=True))
            names = own if names is None else names & own
        if names is not None:
            found = found.filter(type_name=min(names)) if names else found.none()
        if query.status is not None:
            found = found.filter(status=query.status)
        if query.q is not None:
            return search_tasks(found, query.q), None
        counts = tally.counts(owner_id=owner_scope(caller(request)), type_names=names)
        return found, sum(counts.values()) if query.status is None else counts[query.status]

    @extend_schema(
        operation_id="registry_tasks_create",
        summary="Create a task",
        description="Its parameters are checked against the type's schema, unless the type's metadata says "
        "`validate_parameters: false`.",
        tags=TASKS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.RegistryTaskCreateRequest,
        responses={201: schemas.RegistryTask, **errors(400, 401, 403, 404, 409, body=True)},
        examples=[sent("A video", _WANTED), answered("Created", EXAMPLE, 201)],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create a task."""
        wanted = parse_body(requests.RegistryTaskCreateRequest, request)
        return Response(rendering.task(create_task(actor=caller(request), **_given(wanted))), status=201)


class TaskView(RegistryView):
    """One task."""

    @extend_schema(
        operation_id="registry_tasks_retrieve",
        summary="Get a task",
        tags=TASKS,
        responses={200: schemas.RegistryTask, **errors(401, 403, 404)},
        examples=[answered("A task", EXAMPLE)],
    )
    def get(self, request: Request, task_id: int) -> Response:
        """Return a task."""
        return Response(rendering.task(task_for(caller(request), task_id)))

    @extend_schema(
        operation_id="registry_tasks_update",
        summary="Change a task",
        description=(
            "What is sent is changed, the rest stays. running sets started_at, an end sets completed_at. A task that "
            "has ended keeps its status (409). cancelled cancels: at once, or, while a worker holds the task, when "
            "the worker hears of it (`cancel_requested`). When and after what it runs can be changed while it is "
            "pending. Of a task that this product runs itself only priority, metadata and a cancel can be set."
        ),
        tags=TASKS,
        request=requests.RegistryTaskUpdateRequest,
        responses={200: schemas.RegistryTask, **errors(400, 401, 403, 404, 409, body=True)},
        examples=[sent("It is running", {"status": "running"}), sent("It is done", _CHANGES)],
    )
    def put(self, request: Request, task_id: int) -> Response:
        """Change a task."""
        task = task_for(caller(request), task_id)
        wanted = parse_body(requests.RegistryTaskUpdateRequest, request)
        changes = wanted.given(nullable=frozenset({"result", "error_message", "run_after"}))
        when = {name: changes.pop(name) for name in _SCHEDULE & set(changes)}
        with transaction.atomic():
            if when:
                task = reschedule(task, actor=caller(request), **when)
            if changes or not when:
                task = update_task(task, actor=caller(request), **changes)
        return Response(rendering.task(task))

    @extend_schema(
        operation_id="registry_tasks_delete",
        summary="Delete a task for ever",
        description="A running one is cancelled by it. Tasks that wait for it fail. A task that this product runs "
        "itself cannot be deleted (409).",
        tags=TASKS,
        request=None,
        responses={204: None, **errors(401, 403, 404, 409)},
    )
    def delete(self, request: Request, task_id: int) -> Response:
        """Delete a task."""
        delete_task(task_for(caller(request), task_id), actor=caller(request))
        return Response(status=204)


class StatsView(RegistryView):
    """What tasks add up to."""

    @extend_schema(
        operation_id="registry_tasks_stats",
        summary="Get statistics of tasks",
        description="Of your own; staff see everybody's. Counts are exact; durations are those of the latest tasks "
        "that ended.",
        tags=TASKS,
        parameters=query_parameters(requests.StatsQuery),
        responses={200: schemas.RegistryStats, **errors(401, 422)},
    )
    def get(self, request: Request) -> Response:
        """Return the figures of all tasks, or of one type's."""
        query = parse_query(requests.StatsQuery, request)
        owner_id = owner_scope(caller(request))
        whole = rendering.stats(statistics(owner_id=owner_id, type_name=query.task_type))
        if query.task_type is not None:
            parts = {query.task_type: whole} if whole["total"] else {}
        else:
            by_type = statistics_by_type(owner_id=owner_id)
            parts = {name: rendering.stats(figures) for name, figures in by_type.items()}
        return Response({**whole, "by_type": parts})


def _given(wanted: requests.RegistryTaskCreateRequest) -> dict[str, Any]:
    return {"parameters": {}, **wanted.given()}
