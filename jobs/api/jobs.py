"""Crawl jobs: list, create, read, change, delete (CONTRACT J46)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import rendering, requests, schemas
from jobs.api.common import actor_of, answered, body, caller, numbered_page, sent
from jobs.models import CrawlJob, Project
from jobs.services import queries
from jobs.services.access import job_for, project_for
from jobs.services.crawl_jobs import create_job, delete_job, update_job
from jobs.services.progress import job_progress, jobs_progress
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.validation import parse_body, parse_query

TAGS = ["Jobs"]
_WANTED: dict[str, Any] = {
    "name": "Portable computers",
    "keywords": ["laptop", "computer", "notebook"],
    "engines": ["google", "bing"],
    "max_images": 100,
}
EXAMPLE: dict[str, Any] = {
    "id": 123,
    "project_id": 7,
    **_WANTED,
    "options": {},
    "status": "pending",
    "progress": 0,
    "total_chunks": 6,
    "active_chunks": 0,
    "completed_chunks": 0,
    "failed_chunks": 0,
    "downloaded_images": 0,
    "duplicate_images": 0,
    "valid_images": 0,
    "invalid_images": 0,
    "outcomes": {},
    "created_at": "2024-01-01T09:58:00Z",
    "updated_at": "2024-01-01T09:58:00Z",
    "started_at": None,
    "completed_at": None,
    "keyword_templates": ["{keyword}"],
    "rebalance": False,
}
_TEMPLATES = ["{keyword}", "{keyword} photo", "close-up of {keyword}"]
_OPTIONS = {
    "name": "From a list and a page",
    "keywords": ["covers"],
    "engines": ["urls", "site"],
    "max_images": 1000,
    "options": {
        "urls": {"urls": ["https://example.com/a.jpg", "https://example.com/b.jpg"]},
        "site": {"url": "https://example.com/gallery", "max_pages": 10},
    },
}


def _rendered(jobs: list[CrawlJob]) -> list[schemas.Job]:
    figures = jobs_progress(jobs)
    return [rendering.job(job, figures[job.pk]) for job in jobs]


def _one(job: CrawlJob, status: int = 200) -> Response:
    return body(rendering.job(job, job_progress(job)), status)


def _create(request: Request, project: Project, wanted: requests.ProjectJobCreateRequest) -> Response:
    job = create_job(
        project=project,
        name=wanted.name,
        keywords=wanted.keywords,
        engines=wanted.engines,
        max_images=wanted.max_images,
        options=wanted.options,
        keyword_templates=wanted.keyword_templates,
        rebalance=wanted.rebalance,
        **actor_of(request),
    )
    return _one(job, 201)


class JobsView(APIView):
    """All jobs."""

    @extend_schema(
        operation_id="jobs_list",
        summary="List crawl jobs",
        description="Your own, newest first; staff see everybody's.",
        tags=TAGS,
        parameters=query_parameters(requests.JobsQuery),
        responses={200: schemas.JobPage, **errors(401, 422)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of jobs."""
        query = parse_query(requests.JobsQuery, request)
        return numbered_page(
            queries.job_list(caller(request), project_id=query.project_id, status=query.status), query, _rendered
        )

    @extend_schema(
        operation_id="jobs_create",
        summary="Create a crawl job",
        description="The job is pending until it is started. Its chunks are keywords × templates × engines.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.JobCreateRequest,
        responses={201: schemas.Job, **errors(400, 401, 403, 404, 409, body=True)},
        examples=[
            sent("Three keywords at two engines", {"project_id": 7, **_WANTED}),
            sent("Engines with options", {"project_id": 7, **_OPTIONS}),
            sent("Other words for the same keyword", {"project_id": 7, **_WANTED, "keyword_templates": _TEMPLATES}),
            answered("Created", EXAMPLE, 201),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create a job in one of the caller's projects."""
        wanted = parse_body(requests.JobCreateRequest, request)
        return _create(request, project_for(caller(request), wanted.project_id), wanted)


class ProjectJobsView(APIView):
    """The jobs of a project."""

    @extend_schema(
        operation_id="project_jobs_list",
        summary="List the jobs of a project",
        tags=TAGS,
        parameters=query_parameters(requests.ProjectJobsQuery),
        responses={200: schemas.JobPage, **errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, project_id: int) -> Response:
        """Return a page of the project's jobs."""
        query = parse_query(requests.ProjectJobsQuery, request)
        project = project_for(caller(request), project_id)
        return numbered_page(
            queries.job_list(caller(request), project_id=project.pk, status=query.status), query, _rendered
        )

    @extend_schema(
        operation_id="project_jobs_create",
        summary="Create a job in a project",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.ProjectJobCreateRequest,
        responses={201: schemas.Job, **errors(400, 401, 403, 404, 409, body=True)},
        examples=[sent("Three keywords at two engines", _WANTED), answered("Created", EXAMPLE, 201)],
    )
    @idempotent
    def post(self, request: Request, project_id: int) -> Response:
        """Create a job in this project."""
        project = project_for(caller(request), project_id)
        return _create(request, project, parse_body(requests.ProjectJobCreateRequest, request))


class JobView(APIView):
    """One job."""

    @extend_schema(
        operation_id="jobs_retrieve",
        summary="Get a crawl job",
        tags=TAGS,
        responses={200: schemas.Job, **errors(401, 403, 404)},
        examples=[answered("A pending job", EXAMPLE)],
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Return a job."""
        return _one(job_for(caller(request), job_id))

    @extend_schema(
        operation_id="jobs_update",
        summary="Change a crawl job",
        description="The name at any time; what it crawls only while it is pending (else 400).",
        tags=TAGS,
        request=requests.JobUpdateRequest,
        responses={200: schemas.Job, **errors(400, 401, 403, 404, body=True)},
        examples=[sent("A new name", {"name": "Notebooks"}), sent("Other keywords", {"keywords": ["tablet"]})],
    )
    def patch(self, request: Request, job_id: int) -> Response:
        """Change what is sent, keep the rest."""
        job = job_for(caller(request), job_id)
        changes = parse_body(requests.JobUpdateRequest, request).model_dump(exclude_unset=True)
        return _one(update_job(job, **changes))

    @extend_schema(
        operation_id="jobs_delete",
        summary="Delete a crawl job",
        description="With its chunks, images and verdicts. A running job is cancelled first.",
        tags=TAGS,
        request=None,
        responses={204: None, **errors(401, 403, 404)},
    )
    def delete(self, request: Request, job_id: int) -> Response:
        """Delete a job."""
        delete_job(job_for(caller(request), job_id), **actor_of(request))
        return Response(status=204)
