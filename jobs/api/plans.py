"""What a job is going to cost, before it is started."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import engine_schemas as schemas
from jobs.api.common import answered, body, caller
from jobs.services.access import job_for
from jobs.services.planner import EnginePlan, plan_job
from pixtasks.common.openapi import errors

_EXAMPLE: dict[str, Any] = {
    "job_id": 123,
    "chunks": 3,
    "images": 1200,
    "requests": 60,
    "bytes": 360000000,
    "free_bytes": 52000000000,
    "workers": 2,
    "earliest_finish": "2024-01-01T10:00:00Z",
    "finish_between": ["2024-01-01T10:00:30Z", "2024-01-01T10:10:00Z"],
    "engines": [
        {
            "engine": "openverse",
            "backend": "openverse",
            "usable": True,
            "chunks": 3,
            "images": 1200,
            "requests": 60,
            "requests_basis": "pages of 20",
            "page_size": 20,
            "licensed": True,
            "limits": {"starts": 10, "window_seconds": 60.0, "used": 0},
            "waiting_before": 0,
            "quota_remaining": 20,
            "quota_reset_at": "2024-01-01T10:01:00Z",
            "available_at": None,
            "wait_seconds": 180.0,
            "bytes": 360000000,
            "bytes_basis": "300,000 each, a default",
            "seconds_between": [60.0, 1200.0],
            "seconds_basis": "a default",
        }
    ],
    "warnings": ["openverse gives at most 400 results for a keyword, not 1000."],
}


def _rendered(one: EnginePlan) -> schemas.EnginePlan:
    limits = None
    if one.starts is not None and one.window is not None:
        limits = schemas.EngineLimits(starts=one.starts, window_seconds=one.window, used=one.used)
    return schemas.EnginePlan(
        engine=one.engine,
        backend=one.backend or None,
        usable=one.usable,
        chunks=one.chunks,
        images=one.images,
        requests=one.requests,
        requests_basis=one.page_basis,
        page_size=one.page_size,
        licensed=one.licensed,
        limits=limits,
        waiting_before=one.waiting,
        quota_remaining=one.quota_remaining,
        quota_reset_at=one.quota_reset_at,
        available_at=one.available_at,
        wait_seconds=round(one.wait_seconds, 1),
        bytes=one.bytes,
        bytes_basis=one.bytes_basis,
        seconds_between=[round(seconds, 1) for seconds in one.seconds],
        seconds_basis=one.pace_basis,
    )


class PlanView(APIView):
    """The plan of a job."""

    @extend_schema(
        operation_id="jobs_plan",
        summary="Plan a job: requests, disk, time, warnings",
        description=(
            "Nothing is asked of any source, and nothing changes. Counted is what the job would do if it were started "
            "now; each figure says what it is based on."
        ),
        tags=["Jobs"],
        request=None,
        responses={200: schemas.JobPlan, **errors(401, 403, 404)},
        examples=[
            answered("Three keywords at Openverse", _EXAMPLE),
            answered("Unknown", {"detail": "Crawl job not found"}, 404),
            answered("Somebody else's", {"detail": "Access denied to this resource"}, 403),
        ],
    )
    def post(self, request: Request, job_id: int) -> Response:
        """Return what the job is going to cost."""
        plan = plan_job(job_for(caller(request), job_id))
        return body(
            schemas.JobPlan(
                job_id=job_id,
                chunks=plan.chunks,
                images=plan.images,
                requests=plan.requests,
                bytes=plan.bytes,
                free_bytes=plan.free,
                workers=plan.workers,
                earliest_finish=plan.earliest_finish,
                finish_between=list(plan.finish),
                engines=[_rendered(one) for one in plan.engines],
                warnings=plan.warnings,
            )
        )
