"""Stored images: what is known of them."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from jobs.api import rendering, requests, schemas
from jobs.api.common import body, caller, cursor_page
from jobs.services import queries
from jobs.services.access import image_for, job_for
from jobs.services.queries import ImageFilter
from pixtasks.common.openapi import errors, query_parameters
from pixtasks.common.validation import parse_query

TAGS = ["Images"]


class JobImagesView(APIView):
    """The images of a job."""

    @extend_schema(
        operation_id="jobs_images",
        summary="List the images of a job",
        description="In the order they were stored; while the job runs, more come at the end. Images in quarantine "
        "are left out unless they are asked for.",
        tags=TAGS,
        parameters=query_parameters(requests.ImagesQuery),
        responses={200: schemas.ImagePage, **errors(401, 403, 404, 422)},
    )
    def get(self, request: Request, job_id: int) -> Response:
        """Return a page of images."""
        query = parse_query(requests.ImagesQuery, request)
        wanted = ImageFilter(
            checked=False if query.valid == "unchecked" else None,
            valid={"true": True, "false": False}.get(query.valid or ""),
            issue=query.issue,
            keyword=query.keyword,
            engine=query.engine,
            format=query.format,
            quarantine=query.quarantine,
        )
        return cursor_page(queries.image_list(job_for(caller(request), job_id), wanted), query, rendering.image)


class ImageView(APIView):
    """One image."""

    @extend_schema(
        operation_id="images_retrieve",
        summary="Get an image's metadata and verdicts",
        tags=TAGS,
        responses={200: schemas.Image, **errors(401, 403, 404)},
    )
    def get(self, request: Request, image_id: int) -> Response:
        """Return an image with the verdict of each level."""
        image = image_for(caller(request), image_id)
        return body(rendering.image_with_verdicts(image, queries.image_verdicts(image)))
