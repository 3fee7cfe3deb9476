"""Rows become bodies of dialect G. Nothing here asks the database for more than it was given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from gather.api import schemas
from gather.api.requests import GatherStatus
from gather.models import GatherRecord, GatherRun
from gather.services.estimates import estimated_duration
from gather.services.runs import CancelledRun
from gather.services.status import RunStatus, status_word
from jobs.models import Image
from pixtasks.common.pagination import KeysetPage
from tasktypes.states import TERMINAL

STARTED = "Automated gather task started successfully"
RETRIED = "Automated gather task goes on from its last save"
CANCELLED = "Task cancelled successfully"
_IMAGE_FIELDS = (
    "source_url", "page_url", "title", "license", "license_version", "license_url", "creator", "creator_url",
    "attribution", "keyword", "engine", "backend", "format", "bytes", "width", "height", "sha256",
)  # fmt: skip


def started(run: GatherRun) -> schemas.GatherStarted:
    """Return a run that was started (CONTRACT G10)."""
    return schemas.GatherStarted(task_id=run.task.public_id, message=STARTED, data=_plan(run, run.gather_count))


def retried(run: GatherRun) -> schemas.GatherStarted:
    """Return a run that goes on; its estimate is of what is left."""
    left = run.gather_count - run.completed_iterations
    return schemas.GatherStarted(task_id=run.task.public_id, message=RETRIED, data=_plan(run, left))


def status(found: RunStatus) -> schemas.GatherTaskStatus:
    """Return where a run stands (CONTRACT G15)."""
    return schemas.GatherTaskStatus(
        task_id=found.task_id,
        status=GatherStatus(found.status),
        progress=schemas.GatherProgress(current=found.current, total=found.total, percentage=found.percentage),
        result=found.result,
        updates=[schemas.GatherUpdate(**update) for update in found.updates],
        start_time=found.started_at,
        end_time=found.ended_at,
    )


def cancelled(found: CancelledRun) -> schemas.GatherCancelled:
    """Return a run that is cancelled (CONTRACT G23)."""
    return schemas.GatherCancelled(
        task_id=found.task_id,
        message=CANCELLED,
        partial_results=schemas.PartialResults(
            completed_iterations=found.completed_iterations,
            results=[schemas.GatherResultLine(**line) for line in found.results],
        ),
    )


def summary(run: GatherRun) -> schemas.GatherRunSummary:
    """Return a run in a list; fetched with its task and project."""
    task = run.task
    return schemas.GatherRunSummary(
        task_id=task.public_id,
        project_id=_project_id(run),
        project_slug=run.project.slug,
        job_id=run.job_id,
        status=GatherStatus(status_word(task)),
        gather_count=run.gather_count,
        completed_iterations=run.completed_iterations,
        exhausted=run.exhausted,
        schedule=run.schedule,
        created_at=run.created_at,
        start_time=task.started_at,
        end_time=task.completed_at if task.status in TERMINAL else None,
    )


def data_list(run: GatherRun, records: Iterable[GatherRecord]) -> schemas.GatherDataList:
    """Return what the iterations of a run left."""
    return schemas.GatherDataList(
        task_id=run.task.public_id,
        project_id=_project_id(run),
        completed_iterations=run.completed_iterations,
        records=[schemas.GatherData(**_record(record)) for record in records],
        failures=[schemas.GatherFailure(iteration_number=one["iteration"], error=one["error"]) for one in run.failures],
    )


def data_images(task_id: str, record: GatherRecord, page: KeysetPage[Image]) -> schemas.GatherDataImages:
    """Return one record with a page of its images."""
    return schemas.GatherDataImages(
        task_id=task_id, **_record(record), images=[_image(row) for row in page.rows], next=page.next
    )


def _plan(run: GatherRun, iterations: int) -> schemas.GatherPlan:
    return schemas.GatherPlan(
        project_id=_project_id(run),
        gather_count=run.gather_count,
        estimated_duration=estimated_duration(run.project_id, iterations),
    )


def _project_id(run: GatherRun) -> str:
    return str(run.task.parameters["projectId"])


def _record(record: GatherRecord) -> dict[str, Any]:
    return {
        "gather_data_id": record.data_id,
        "iteration_number": record.iteration,
        "counts": schemas.GatherCounts(
            images=record.images, duplicates=record.duplicates, found=record.found, failed=record.failed
        ),
        "sources": [schemas.GatherSourceCounts(**one) for one in record.sources],
        "errors": [schemas.GatherSourceError(**one) for one in record.errors],
        "seconds": record.seconds,
        "created_at": record.created_at,
    }


def _image(row: Image) -> schemas.GatherImage:
    return schemas.GatherImage(
        id=row.pk,
        url=reverse("image-file", args=[row.pk]),
        thumbnail_url=reverse("image-thumbnail", args=[row.pk]),
        **{name: getattr(row, name) for name in _IMAGE_FIELDS},
    )
