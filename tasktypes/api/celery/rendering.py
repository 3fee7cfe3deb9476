"""Rows become bodies of dialect C. Nothing here asks the database."""

from __future__ import annotations

import json
import re
from typing import Any

from django_celery_results.models import TaskResult

from tasktypes.api.celery import schemas
from tasktypes.handlers import Handler
from tasktypes.models import Task
from tasktypes.services.celery_states import TaskStatus, celery_status

_TELLS_ERROR = frozenset({TaskStatus.FAILURE, TaskStatus.RETRY, TaskStatus.REVOKED})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_BOUNDS = {
    "min": ("minimum", "exclusiveMinimum", "minLength", "minItems"),
    "max": ("maximum", "exclusiveMaximum", "maxLength", "maxItems"),
}


def available(handler: Handler[Any]) -> schemas.AvailableTask:
    """Return what a handler takes, from its own model (CONTRACT C01, C08)."""
    schema = handler.Params.model_json_schema(mode="validation")
    definitions = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    return schemas.AvailableTask(
        task_type=handler.name,
        name=_spoken(handler.name),
        description=handler.description,
        parameters={
            name: _parameter(part, definitions, required=name in required)
            for name, part in schema.get("properties", {}).items()
        },
        parameters_schema=schema,
    )


def launched(task: Task) -> schemas.TaskLaunchResponse:
    """Return what was launched."""
    return schemas.TaskLaunchResponse(
        task_id=task.public_id,
        task_type=task.type_name,
        message=f"Task {task.type_name} launched successfully",
    )


def status(task: Task) -> schemas.TaskStatusResponse:
    """Return where a task stands; fetched with ``retried_from`` (CONTRACT C03, X59)."""
    word = celery_status(task)
    told = word in _TELLS_ERROR
    return schemas.TaskStatusResponse(
        task_id=task.public_id,
        status=word,
        result=task.result if word == TaskStatus.SUCCESS else None,
        error=(task.error_message or None) if told else None,
        traceback=(task.traceback or None) if told else None,
        meta=task.progress if word == TaskStatus.PROGRESS else None,
        task_type=task.type_name,
        created_at=task.created_at,
        started_at=task.started_at,
        completed_at=task.completed_at,
        attempts=task.attempt,
        retried_from=task.retried_from.public_id if task.retried_from is not None else None,
    )


def plain_status(row: TaskResult) -> schemas.TaskStatusResponse:
    """Return what a task of plain Celery code left behind."""
    value = _loaded(row.result)
    good = row.status == TaskStatus.SUCCESS
    return schemas.TaskStatusResponse(
        task_id=row.task_id,
        status=row.status,
        result=value if good else None,
        error=None if good else _sentence(value),
        traceback=row.traceback or None,
        meta=value if row.status == TaskStatus.PROGRESS and isinstance(value, dict) else None,
        task_type=row.task_name,
        created_at=row.date_created,
        started_at=row.date_started,
        completed_at=row.date_done if row.status in _PLAIN_ENDS else None,
        attempts=None,
        retried_from=None,
    )


_PLAIN_ENDS = frozenset({TaskStatus.SUCCESS, TaskStatus.FAILURE, TaskStatus.REVOKED})


def revoked(task: Task, *, asked: bool, terminate: bool) -> schemas.TaskRevoked:
    """Return what became of a revoke (CONTRACT X29, X65)."""
    word = TaskStatus.REVOKED if asked else celery_status(task)
    message = f"Task {task.public_id} has been revoked"
    if not asked:
        message = f"Task {task.public_id} had already finished with status {word}"
    return schemas.TaskRevoked(task_id=task.public_id, status=word, terminate=terminate, message=message)


def retried(new: Task, old: Task) -> schemas.TaskRetried:
    """Return the new task that repeats an old one."""
    return schemas.TaskRetried(
        task_id=new.public_id,
        retried_from=old.public_id,
        message=f"Task {old.public_id} is retried as task {new.public_id}",
    )


def execution(row: Task | TaskResult) -> schemas.Execution:
    """Return one line of the history."""
    one = status(row) if isinstance(row, Task) else plain_status(row)
    return schemas.Execution(
        source="ledger" if isinstance(row, Task) else "celery",
        worker=row.worker or None,
        **one.model_dump(include=set(schemas.Execution.model_fields) - {"source", "worker"}),
    )


def _parameter(part: dict[str, Any], definitions: dict[str, Any], *, required: bool) -> schemas.TaskParameter:
    whole = _resolved(part, definitions)
    bounds = {
        side: next((whole[key] for key in keys if isinstance(whole.get(key), int | float)), None)
        for side, keys in _BOUNDS.items()
    }
    return schemas.TaskParameter(
        type=str(whole.get("type", "any")),
        required=required,
        default=part.get("default"),
        description=str(part.get("description", "")),
        **bounds,
    )


def _resolved(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that is there: references followed, and null left out."""
    choices = [choice for choice in part.get("anyOf", ()) if choice.get("type") != "null"]
    if len(choices) == 1:
        return _resolved(choices[0], definitions)
    reference = part.get("$ref")
    if reference:
        return _resolved(definitions[reference.rsplit("/", 1)[1]], definitions)
    return part


def _spoken(name: str) -> str:
    """Return a handler's name for people: ``jobs.download_images`` is "Download images"."""
    return " ".join(_WORD.findall(name.rsplit(".", 1)[-1])).capitalize()


def _loaded(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _sentence(value: Any) -> str | None:
    """Return what Celery stored of an exception: ``{"exc_type", "exc_message", …}``."""
    if value is None or not isinstance(value, dict) or "exc_type" not in value:
        return None if value is None else str(value)
    said = value.get("exc_message") or ""
    said = ", ".join(map(str, said)) if isinstance(said, list) else str(said)
    return f"{value['exc_type']}: {said}" if said else str(value["exc_type"])
