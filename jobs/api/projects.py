"""Projects: what jobs belong to (CONTRACT J46)."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import rendering, requests, schemas
from jobs.api.common import actor_of, answered, body, caller, numbered_page, sent
from jobs.licenses import LicensePolicy
from jobs.models import Project
from jobs.services import queries
from jobs.services.access import project_for
from jobs.services.projects import create_project, delete_project, update_project
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.validation import parse_body, parse_query

TAGS = ["Projects"]
EXAMPLE = {
    "id": 7,
    "name": "Office machines",
    "slug": "office-machines",
    "description": "",
    "owner": "user@example.com",
    "jobs": 1,
    "license_policy": {
        "require_commercial_use": False,
        "require_derivatives": False,
        "allow_share_alike": True,
        "allow_unknown_license": True,
    },
    "created_at": "2024-01-01T09:55:00Z",
    "updated_at": "2024-01-01T09:55:00Z",
}


def _rendered(projects: list[Project]) -> list[schemas.Project]:
    counts = queries.job_counts(projects)
    return [rendering.project(project, counts.get(project.pk, 0)) for project in projects]


class ProjectsView(APIView):
    """All projects."""

    @extend_schema(
        operation_id="projects_list",
        summary="List projects",
        description="Your own, newest first; staff see everybody's.",
        tags=TAGS,
        parameters=query_parameters(requests.PageQuery),
        responses={200: schemas.ProjectPage, **errors(401, 422)},
    )
    def get(self, request: Request) -> Response:
        """Return a page of projects."""
        query = parse_query(requests.PageQuery, request)
        return numbered_page(queries.project_list(caller(request)), query, _rendered)

    @extend_schema(
        operation_id="projects_create",
        summary="Create a project",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.ProjectCreateRequest,
        responses={201: schemas.Project, **errors(401, 403, 409, body=True)},
        examples=[sent("A project", {"name": "Office machines"}), answered("Created", {**EXAMPLE, "jobs": 0}, 201)],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Create a project of the caller."""
        wanted = parse_body(requests.ProjectCreateRequest, request)
        project = create_project(
            owner=caller(request),
            name=wanted.name,
            slug=wanted.slug,
            description=wanted.description,
            license_policy=LicensePolicy(**wanted.license_policy.model_dump()),
            **actor_of(request),
        )
        return body(rendering.project(project, 0), 201)


class ProjectView(APIView):
    """One project."""

    @extend_schema(
        operation_id="projects_retrieve",
        summary="Get a project",
        tags=TAGS,
        responses={200: schemas.Project, **errors(401, 403, 404)},
        examples=[answered("A project", EXAMPLE)],
    )
    def get(self, request: Request, project_id: int) -> Response:
        """Return a project."""
        return body(_rendered([project_for(caller(request), project_id)])[0])

    @extend_schema(
        operation_id="projects_update",
        summary="Change a project",
        description="Where the licence policy changes, the images that are stored are judged again by a task.",
        tags=TAGS,
        request=requests.ProjectUpdateRequest,
        responses={200: schemas.Project, **errors(401, 403, 404, body=True)},
        examples=[
            sent("A new name", {"name": "Machines"}),
            sent("For commercial use only", {"license_policy": {"require_commercial_use": True}}),
        ],
    )
    def patch(self, request: Request, project_id: int) -> Response:
        """Change what is sent, keep the rest; a new policy judges the images that are stored, in a task."""
        project = project_for(caller(request), project_id)
        changes = parse_body(requests.ProjectUpdateRequest, request).model_dump(exclude_unset=True)
        return body(_rendered([update_project(project, **changes, **actor_of(request))])[0])

    @extend_schema(
        operation_id="projects_delete",
        summary="Delete a project and all its jobs",
        description="Running jobs are cancelled first.",
        tags=TAGS,
        request=None,
        responses={204: None, **errors(401, 403, 404)},
    )
    def delete(self, request: Request, project_id: int) -> Response:
        """Delete a project."""
        delete_project(project_for(caller(request), project_id), **actor_of(request))
        return Response(status=204)
