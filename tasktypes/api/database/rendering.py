"""Rows become bodies of dialect D. Nothing here asks the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pixtasks.common.openapi import FieldFault
from pixtasks.common.pagination import PageRequest
from tasktypes.api.database import schemas
from tasktypes.models import Task
from tasktypes.services.database_status import STATES, DatabaseStatus, status_word
from tasktypes.services.database_tasks import BatchItem, Submitted, canonical_json
from tasktypes.services.statistics import Statistics, Times
from tasktypes.states import State

_PREFIX = 255
CANCELLED = "The task was cancelled."


def task(row: Task) -> schemas.DatabaseTask:
    """Return a task."""
    return schemas.DatabaseTask(task_name=row.type_name, **_facts(row))


def created(submitted: Submitted) -> schemas.CreateTaskResponse:
    """Return a task that was submitted, new or not."""
    row = submitted.task
    return schemas.CreateTaskResponse(
        task_name=schemas.TaskNameEnum(row.type_name),
        message=submitted.message,
        is_duplicate=submitted.is_duplicate,
        **_facts(row),
    )


def task_list(rows: Sequence[Task], page: PageRequest, total: int) -> schemas.TaskListResponse:
    """Return a page of tasks."""
    return schemas.TaskListResponse(
        tasks=[task(row) for row in rows],
        total=total,
        page=page.page,
        page_size=page.page_size,
        total_pages=page.pages(total),
    )


def batch(items: Sequence[BatchItem]) -> schemas.BatchCreateTaskResponse:
    """Return what became of each payload."""
    submitted = [item.submitted for item in items if item.submitted is not None]
    duplicates = sum(one.is_duplicate for one in submitted)
    return schemas.BatchCreateTaskResponse(
        results=[_item(item) for item in items],
        created=len(submitted) - duplicates,
        duplicates=duplicates,
        failed=len(items) - len(submitted),
    )


def stats(over_all: Statistics, by_name: Mapping[str, Statistics]) -> schemas.TaskStatsResponse:
    """Return what tasks add up to."""
    return schemas.TaskStatsResponse(
        **_figures(over_all),
        by_task_name={name: schemas.TaskFigures(**_figures(figures)) for name, figures in by_name.items()},
    )


def _facts(row: Task) -> dict[str, Any]:
    cancelled = row.status == State.CANCELLED
    payload = canonical_json(row.parameters)
    return {
        "id": row.pk,
        "task_payload": row.parameters,
        "task_payload_prefix": payload[:_PREFIX],
        "status": status_word(row.status),
        "created_at": row.created_at,
        "last_run_at": row.started_at,
        # What waits for its next attempt does not run, although it did (CONTRACT X43).
        "started_at": None if row.status == State.PENDING else row.started_at,
        "completed_at": row.completed_at,
        "retries": row.retries,
        "max_retries": row.max_retries,
        "error_message": row.error_message or (CANCELLED if cancelled else None),
        "result_data": {**(row.result or {}), "cancelled": True} if cancelled else row.result,
    }


def _item(item: BatchItem) -> schemas.BatchItemResult:
    errors = [FieldFault(loc=list(fault.loc), msg=fault.msg, type=fault.type) for fault in item.errors]
    if item.submitted is None:
        message = "; ".join(f"{'.'.join(map(str, fault.loc[3:])) or 'payload'}: {fault.msg}" for fault in item.errors)
        return schemas.BatchItemResult(index=item.index, success=False, id=None, message=message, errors=errors)
    return schemas.BatchItemResult(
        index=item.index, success=True, id=item.submitted.task.pk, message=item.submitted.message, errors=errors
    )


def _figures(figures: Statistics) -> dict[str, Any]:
    counts = {word: sum(figures.counts[state] for state in STATES[word]) for word in DatabaseStatus}
    return {
        "total": figures.total,
        "counts": schemas.StatusCounts(
            not_started=counts[DatabaseStatus.NOT_STARTED],
            success=counts[DatabaseStatus.SUCCESS],
            error=counts[DatabaseStatus.ERROR],
        ),
        "success_rate": figures.success_rate,
        "wait_seconds": _times(figures.wait),
        "run_seconds": _times(figures.run),
    }


def _times(times: Times) -> schemas.TimeFigures:
    return schemas.TimeFigures(mean=times.mean, p50=times.p50, p95=times.p95)
