"""What can be done to a job: start, cancel, retry, watch (CONTRACT J06-J22)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import rendering, schemas
from jobs.api.common import actor_of, answered, body, caller
from jobs.models import JobStatus
from jobs.services.access import job_for
from jobs.services.crawl_jobs import cancel_job, retry_job, start_job
from jobs.services.progress import job_progress
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.openapi import errors
from pixtasks.common.throttles import GeneralThrottle, StartJobThrottle
from pixtasks.common.times import wire_time

TAGS = ["Jobs"]
POLL_SECONDS = 5
_DENIED = [
    answered("Unknown", {"detail": "Crawl job not found"}, 404),
    answered("Somebody else's", {"detail": "Access denied to this resource"}, 403),
]
_CANCELLED = {
    "job_id": 123,
    "status": "cancelled",
    "revoked_tasks": 6,
    "message": "Job cancelled successfully. 6 task(s) revoked.",
}
_CANCEL: dict[str, Any] = {
    "tags": TAGS,
    "request": None,
    "responses": {200: schemas.JobCancelled, **errors(400, 401, 403, 404)},
    "examples": [
        answered("Cancelled", _CANCELLED),
        answered("It has ended", {"detail": "Cannot cancel job with status: completed"}, 400),
        *_DENIED,
    ],
}


class StartView(APIView):
    """Start a job."""

    # Throttles count in this order, so what the narrow limit refuses has counted in the general one too.
    throttle_classes = (GeneralThrottle, StartJobThrottle)

    @extend_schema(
        operation_id="jobs_start",
        summary="Start a crawl job",
        description="One task per keyword, template and engine. At most 10 starts a minute for each user.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={200: schemas.JobStarted, **errors(400, 401, 403, 404, 409, 422)},
        examples=[
            answered(
                "Started",
                {
                    "job_id": 123,
                    "status": "running",
                    "task_ids": ["550e8400-e29b-41d4-a716-446655440000"],
                    "total_chunks": 1,
                    "message": "Job started with 1 tasks",
                },
            ),
            answered(
                "Not pending",
                {"detail": "Cannot start job with status 'running'. Only pending jobs can be started."},
                400,
            ),
            *_DENIED,
        ],
    )
    @idempotent
    def post(self, request: Request, job_id: int) -> Response:
        """Start a pending job."""
        started = start_job(job_for(caller(request), job_id), **actor_of(request))
        count = len(started.task_ids)
        return body(
            schemas.JobStarted(
                job_id=job_id,
                task_ids=started.task_ids,
                total_chunks=count,
                message=f"Job started with {count} tasks",
            )
        )


def _cancel(request: Request, job_id: int) -> Response:
    revoked = cancel_job(job_for(caller(request), job_id), **actor_of(request))
    message = f"Job cancelled successfully. {revoked} task(s) revoked."
    return body(schemas.JobCancelled(job_id=job_id, revoked_tasks=revoked, message=message))


class CancelView(APIView):
    """Cancel a job."""

    @extend_schema(
        operation_id="jobs_cancel",
        summary="Cancel a pending or running job",
        description="Running tasks stop at their next checkpoint; what was stored stays.",
        **_CANCEL,
    )
    def post(self, request: Request, job_id: int) -> Response:
        """Cancel a pending or running job."""
        return _cancel(request, job_id)


class StopView(APIView):
    """Another name of cancel (CONTRACT X21)."""

    @extend_schema(operation_id="jobs_stop", summary="Stop a job", description="Another name of `cancel`.", **_CANCEL)
    def post(self, request: Request, job_id: int) -> Response:
        """Cancel a pending or running job."""
        return _cancel(request, job_id)


class RetryView(APIView):
    """Run again what failed."""

    @extend_schema(
        operation_id="jobs_retry",
        summary="Run the failed and cancelled chunks of an ended job again",
        description=(
            "They go on from what they stored. A job that was cancelled before it started is pending again. 400 where "
            "the job has not ended, is still stopping, or nothing of it failed."
        ),
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=None,
        responses={200: schemas.JobRetried, **errors(400, 401, 403, 404, 409, 422)},
        examples=[
            answered(
                "Two chunks",
                {"job_id": 123, "status": "running", "retried_chunks": 2, "message": "2 chunk(s) will run again."},
            ),
            *_DENIED,
        ],
    )
    @idempotent
    def post(self, request: Request, job_id: int) -> Response:
        """Run again what failed or was cancelled."""
        count = retry_job(job_for(caller(request), job_id), **actor_of(request))
        status = JobStatus.RUNNING if count else JobStatus.PENDING
        message = f"{count} chunk(s) will run again." if count else "The job is pending again."
        return body(schemas.JobRetried(job_id=job_id, status=status, retried_chunks=count, message=message))


class ProgressView(APIView):
    """How far a job is."""

    @extend_schema(
        operation_id="jobs_progress",
        summary="Get the progress of a job",
        description="Poll every 5 to 10 seconds until the status is completed, failed or cancelled.",
        tags=TAGS,
        parameters=[
            OpenApiParameter(
                name="X-Poll-Interval",
                location=OpenApiParameter.HEADER,
                response=[200],
                description="Seconds to wait before asking again; absent once the job has ended.",
                type=int,
            ),
            *(
                OpenApiParameter(
                    name=name,
                    location=OpenApiParameter.HEADER,
                    response=[200],
                    description=f"{which} of the estimate; absent where there is none.",
                    type=OpenApiTypes.DATETIME,
                )
                for name, which in (("X-Estimated-Earliest", "Earliest"), ("X-Estimated-Latest", "Latest"))
            ),
        ],
        responses={200: schemas.JobProgress, **errors(401, 403, 404)},
        examples=[
            answered(
                "Running",
                {
                    "job_id": 123,
                    "status": "running",
                    "progress": 75,
                    "total_chunks": 10,
                    "active_chunks": 2,
                    "completed_chunks": 7,
                    "failed_chunks": 1,
                    "downloaded_images": 750,
                    "estimated_completion": None,
                    "started_at": "2024-01-01T10:00:00Z",
                    "updated_at": "2024-01-01T10:15:00Z",
                },
            ),
            *_DENIED,
        ],
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Return how far a job is."""
        figures = job_progress(job_for(caller(request), job_id))
        response = body(rendering.progress(figures))
        if figures.status in (JobStatus.PENDING, JobStatus.RUNNING):
            response.headers["X-Poll-Interval"] = str(POLL_SECONDS)
        if figures.estimated_between is not None:
            earliest, latest = figures.estimated_between
            response.headers["X-Estimated-Earliest"] = wire_time(earliest)
            response.headers["X-Estimated-Latest"] = wire_time(latest)
        return response
