"""The parts of a job."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import rendering, requests, schemas
from jobs.api.common import answered, body, caller
from jobs.services import queries
from jobs.services.access import job_for
from jobs.services.chunks import shared_figures
from jobs.services.crawl_jobs import DOWNLOAD
from jobs.services.template_yields import template_yields
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.pagination import keyset_page
from pixtasks.common.validation import parse_query

TAGS = ["Jobs"]


class ChunksView(APIView):
    """The chunks of a job."""

    @extend_schema(
        operation_id="jobs_chunks",
        summary="List the chunks of a job",
        description="One per keyword, template and engine, with its task; none before the job has started.",
        tags=TAGS,
        parameters=query_parameters(requests.ChunksQuery),
        responses={200: schemas.ChunkPage, **errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Return a page of chunks."""
        query = parse_query(requests.ChunksQuery, request)
        job = job_for(caller(request), job_id)
        chunks = queries.chunk_list(job, status=query.status)
        page = keyset_page(chunks, cursor=query.cursor, limit=query.limit, order=(("id", int),), newest_first=False)
        shared = shared_figures([row.pk for row in page.rows if row.task.type_name != DOWNLOAD])
        return Response(page.body([rendering.chunk(row, shared.get(row.pk)).model_dump() for row in page.rows]))


class TemplatesView(APIView):
    """What the keyword templates of a job bring."""

    @extend_schema(
        operation_id="jobs_templates",
        summary="Get what each keyword template of a job brought",
        description="So far, where the job runs. The plain keyword is a template of its own.",
        tags=TAGS,
        responses={200: schemas.TemplateYields, **errors(401, 403, 404)},
        examples=[
            answered(
                "Two templates",
                {
                    "job_id": 123,
                    "items": [
                        {
                            "template": "{keyword}", "chunks": 6, "asked": 600, "found": 640, "stored": 512,
                            "duplicates": 70, "failed": 58, "valid": 488,
                        },
                        {
                            "template": "close-up of {keyword}", "chunks": 6, "asked": 600, "found": 300, "stored": 91,
                            "duplicates": 180, "failed": 29, "valid": 87,
                        },
                    ],
                },
            )
        ],
    )  # fmt: skip
    def get(self, request: Request, job_id: int) -> Response:
        """Return the yields."""
        job = job_for(caller(request), job_id)
        return body(rendering.template_yields(job.pk, template_yields(job)))
