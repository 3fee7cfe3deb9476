"""Validation of a job's images: start, summary, results (CONTRACT J23-J29)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import rendering, requests, schemas
from jobs.api.common import answered, body, caller, cursor_page, sent
from jobs.services import queries
from jobs.services.access import job_for
from jobs.services.validation import start_validation, summary
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.throttles import caller_address
from pixtasks.common.validation import parse_body, parse_query

TAGS = ["Validation"]
_BAD_LEVEL = {
    "loc": ["body", "level"],
    "msg": "value is not a valid enumeration member; permitted: 'fast', 'medium', 'slow'",
    "type": "type_error.enum",
}


class ValidationView(APIView):
    """Validate a job's images, and see what was found."""

    @extend_schema(
        operation_id="validation_start",
        summary="Validate all images of a job",
        description=(
            "fast reads headers, medium decodes every picture, slow also looks for blur, brightness, contrast and "
            "look-alikes. An empty body means medium. Files are never changed."
        ),
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.ValidationStartRequest,
        responses={200: schemas.ValidationStarted, **errors(401, 403, 404, 409, body=True)},
        examples=[
            sent("The default", {"level": "medium"}),
            answered(
                "Started",
                {
                    "job_id": 123,
                    "images_count": 100,
                    "validation_level": "medium",
                    "task_ids": ["task_123_0", "task_123_1", "task_123_2"],
                    "message": "Validation started for 100 images",
                },
            ),
            answered("No images", {"detail": "No images found for job 123"}, 404),
            answered("Not a level", {"detail": [_BAD_LEVEL]}, 422),
        ],
    )
    @idempotent
    def post(self, request: Request, job_id: int) -> Response:
        """Start a validation run over the images that the job has now."""
        wanted = parse_body(requests.ValidationStartRequest, request)
        user = caller(request)
        started = start_validation(job_for(user, job_id), wanted.level, user, address=caller_address(request))
        return body(rendering.validation_started(started))

    @extend_schema(
        operation_id="validation_summary",
        summary="Get what validation found",
        description="Counts over all levels, per level and per issue, and how far the latest runs are.",
        tags=TAGS,
        responses={200: schemas.ValidationSummary, **errors(401, 403, 404)},
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Return the summary."""
        job = job_for(caller(request), job_id)
        return body(rendering.validation_summary(job.pk, summary(job), queries.validation_runs(job)))


class ValidationResultsView(APIView):
    """The verdicts on a job's images."""

    @extend_schema(
        operation_id="validation_results",
        summary="List the verdicts on a job's images",
        description="One per image and level; a later run of a level replaces its verdicts.",
        tags=TAGS,
        parameters=query_parameters(requests.ResultsQuery),
        responses={200: schemas.ValidationResultPage, **errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Return a page of verdicts."""
        query = parse_query(requests.ResultsQuery, request)
        verdicts = queries.verdict_list(
            job_for(caller(request), job_id),
            level=query.level,
            valid=None if query.valid is None else query.valid == "true",
            issue=query.issue,
        )
        return cursor_page(verdicts, query, rendering.result, order=(("image_id", int), ("level", str)))
