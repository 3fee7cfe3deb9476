"""The parts of a job, and what they could not fetch."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import rendering, requests, schemas
from jobs.api.common import caller, cursor_page
from jobs.services import queries
from jobs.services.access import job_for
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.validation import parse_query

TAGS = ["Jobs"]


class ChunksView(APIView):
    """The chunks of a job."""

    @extend_schema(
        operation_id="jobs_chunks",
        summary="List the chunks of a job",
        description="One per keyword and engine, with the task that does it; none before the job has started.",
        tags=TAGS,
        parameters=query_parameters(requests.ChunksQuery),
        responses={200: schemas.ChunkPage, **errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Return a page of chunks."""
        query = parse_query(requests.ChunksQuery, request)
        job = job_for(caller(request), job_id)
        return cursor_page(queries.chunk_list(job, status=query.status), query, rendering.chunk)


class FailuresView(APIView):
    """What a job could not fetch."""

    @extend_schema(
        operation_id="jobs_failures",
        summary="List the candidates that did not become a new image",
        tags=TAGS,
        parameters=query_parameters(requests.FailuresQuery),
        responses={200: schemas.FailurePage, **errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Return a page of failures."""
        query = parse_query(requests.FailuresQuery, request)
        failures = queries.failure_list(
            job_for(caller(request), job_id), outcome=query.outcome, keyword=query.keyword, engine=query.engine
        )
        return cursor_page(failures, query, rendering.failure, order=(("chunk_id", int), ("rank", int)))
