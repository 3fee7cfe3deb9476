"""Licences: what there are, who must be named, and letting an image out of quarantine."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import rendering, requests, schemas
from jobs.api.common import actor_of, answered, body, caller, sent
from jobs.api.pictures import AnyAccept
from jobs.services.access import image_for, job_for, project_for
from jobs.services.dataset import images_of
from jobs.services.licenses import TEXT_TYPE, as_attribution, licenses_of_job, licenses_of_project
from jobs.services.releases import release, undo_release
from pixtasks.accounts.idempotency import IDEMPOTENCY_KEY, idempotent
from pixtasks.common.openapi import errors
from pixtasks.common.streaming import streamed
from pixtasks.common.validation import parse_body

TAGS = ["Licences"]
_OVERVIEW = {
    "images": 12,
    "quarantined": 2,
    "licenses": [
        {
            "license": "BY-SA",
            "name": "CC BY-SA",
            "images": 10,
            "quarantined": 0,
            "commercial_use": True,
            "derivatives": True,
            "share_alike": True,
            "attribution": True,
        },
        {
            "license": "BY-NC",
            "name": "CC BY-NC",
            "images": 2,
            "quarantined": 2,
            "commercial_use": False,
            "derivatives": True,
            "share_alike": False,
            "attribution": True,
        },
    ],
}


class JobLicensesView(APIView):
    """The licences of a job's images."""

    @extend_schema(
        operation_id="jobs_licenses",
        summary="Count the images of a job by licence",
        description="With what each licence permits. Images in quarantine are counted, too, and named.",
        tags=TAGS,
        responses={200: schemas.Licenses, **errors(401, 403, 404)},
        examples=[answered("Two licences", _OVERVIEW)],
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Return the counts."""
        return body(rendering.licenses(licenses_of_job(job_for(caller(request), job_id))))


class ProjectLicensesView(APIView):
    """The licences of a project's images."""

    @extend_schema(
        operation_id="projects_licenses",
        summary="Count the images of a project by licence",
        description="Over all its jobs, with what each licence permits.",
        tags=TAGS,
        responses={200: schemas.Licenses, **errors(401, 403, 404)},
    )
    def get(self, request: Request, project_id: int) -> Response:
        """Return the counts."""
        return body(rendering.licenses(licenses_of_project(project_for(caller(request), project_id))))


class JobAttributionView(APIView):
    """Who must be named for a job's images."""

    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="jobs_attribution",
        summary="Download the attribution list of a job",
        description="Plain text: title, creator, licence and addresses of every image that is neither in quarantine "
        "nor rejected.",
        tags=TAGS,
        responses={
            (200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, description="ATTRIBUTION.txt"),
            **errors(401, 403, 404),
        },
    )
    def get(self, request: Request, job_id: int) -> HttpResponseBase:
        """Return the list while it is being made."""
        job = job_for(caller(request), job_id)
        name = f"job-{job.pk}-ATTRIBUTION.txt"
        return streamed(request._request, as_attribution(images_of(job)), content_type=TEXT_TYPE, filename=name)


class ReleaseView(APIView):
    """Letting an image out of quarantine by hand."""

    @extend_schema(
        operation_id="images_release",
        summary="Let an image out of quarantine",
        description="With a reason, which is kept. No policy puts it back until that is undone.",
        tags=TAGS,
        parameters=[IDEMPOTENCY_KEY],
        request=requests.ReleaseRequest,
        responses={201: schemas.Release, **errors(400, 401, 403, 404, body=True)},
        examples=[sent("Asked the creator", {"reason": "The creator agreed by mail on 3 May."})],
    )
    @idempotent
    def post(self, request: Request, image_id: int) -> Response:
        """Let it out."""
        wanted = parse_body(requests.ReleaseRequest, request)
        image = image_for(caller(request), image_id)
        return body(rendering.release(release(image, reason=wanted.reason, **actor_of(request)), ""), 201)

    @extend_schema(
        operation_id="images_release_undo",
        summary="Undo that an image was let out of quarantine",
        description="It is judged by the project's policy again.",
        tags=TAGS,
        request=None,
        responses={204: None, **errors(400, 401, 403, 404)},
    )
    def delete(self, request: Request, image_id: int) -> Response:
        """Take it back."""
        undo_release(image_for(caller(request), image_id), **actor_of(request))
        return Response(status=204)
