"""Rows as dialect R shows them. Plain dictionaries: a list may have a thousand of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tasktypes.models import Task, TaskType
from tasktypes.services.outside import Leased
from tasktypes.services.statistics import Statistics, Times
from tasktypes.states import State

Body = dict[str, Any]


def task_type(row: TaskType) -> Body:
    """Return a RegisteredTaskType."""
    return {
        "id": row.pk,
        "name": row.name,
        "description": row.description,
        "parameters_schema": row.parameters_schema,
        "metadata": row.metadata,
        "is_active": row.is_active,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
    }


def task(row: Task) -> Body:
    """Return a RegistryTask."""
    return tasks([row])[0]


def tasks(rows: Sequence[Task]) -> list[Body]:
    """Return RegistryTasks; their prerequisites cost one query, however many rows there are."""
    prerequisites = _prerequisites(rows)
    return [_task(row, prerequisites.get(row.pk, [])) for row in rows]


def claimed(rows: Iterable[Leased]) -> list[Body]:
    """Return ClaimedTasks."""
    leased = list(rows)
    return [
        {
            **body,
            "attempt": one.attempt,
            "lease_token": one.lease_token,
            "lease_expires_at": one.task.lease_expires_at,
        }
        for one, body in zip(leased, tasks([one.task for one in leased]), strict=True)
    ]


def heartbeat(row: Task) -> Body:
    """Return a Heartbeat."""
    return {
        "id": row.pk,
        "status": row.status,
        "attempt": row.attempt,
        "lease_expires_at": row.lease_expires_at,
        "cancel": row.cancel_requested_at is not None,
    }


def stats(figures: Statistics) -> Body:
    """Return a RegistryTypeStats."""
    return {
        "total": figures.total,
        "by_status": {state.value: figures.counts[state] for state in State},
        "success_rate": figures.success_rate,
        "wait_seconds": _times(figures.wait),
        "run_seconds": _times(figures.run),
        "sample_size": figures.sample_size,
    }


def _task(row: Task, depends_on: list[int]) -> Body:
    return {
        "id": row.pk,
        "task_type_id": row.task_type_id,
        "status": row.status,
        "parameters": row.parameters,
        "priority": row.priority,
        "metadata": row.metadata,
        "result": row.result,
        "error_message": row.error_message,
        "created_at": row.created_at,
        "updated_at": None if row.updated_at == row.created_at else row.updated_at,
        "started_at": row.started_at,
        "completed_at": row.completed_at,
        "task_type": row.type_name,
        "public_id": row.public_id,
        "run_after": row.run_after,
        "depends_on": depends_on,
        "on_dependency_failure": row.on_dependency_failure,
        "retries": row.retries,
        "max_retries": row.max_retries,
        "progress": row.progress,
        "cancel_requested": row.cancel_requested_at is not None,
    }


def _prerequisites(rows: Sequence[Task]) -> dict[int, list[int]]:
    links = Task.depends_on.through._default_manager.filter(from_task_id__in=[row.pk for row in rows])
    found: dict[int, list[int]] = {}
    for task_id, prerequisite_id in links.order_by("id").values_list("from_task_id", "to_task_id"):
        found.setdefault(task_id, []).append(prerequisite_id)
    return found


def _times(times: Times) -> Body:
    return {"mean": times.mean, "p50": times.p50, "p95": times.p95}
