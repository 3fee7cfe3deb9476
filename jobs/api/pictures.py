"""The files of images, over HTTP with headers that keep a foreign file from doing harm (RFC 9110, 9111).

Bytes from the network are only ever shown as the raster format that they were sniffed as; anything else is a
download. Files are content-addressed, so an entity tag is the sha256 and a browser may keep what it has.
"""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.views import APIView

from jobs.api import requests
from jobs.api.common import caller
from jobs.models import Image
from jobs.services import pictures
from jobs.services.access import image_for
from pixtasks.common.dialects import Problem, json_response
from pixtasks.common.openapi import ErrorDetail, errors, query_parameters
from pixtasks.common.validation import parse_query

TAGS = ["Images"]
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-site",
}
_IMMUTABLE = {**_SAFE, "Cache-Control": "private, max-age=31536000, immutable"}
_ATTACHMENT_TYPE = "application/octet-stream"
_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))", re.ASCII)
_IF_NONE_MATCH = OpenApiParameter(
    name="If-None-Match",
    location=OpenApiParameter.HEADER,
    description="The ETag of the copy at hand; 304 where it is still the one.",
    type=str,
)
_NOT_MODIFIED = OpenApiResponse(description="The copy at hand is the one")


class AnyAccept(DefaultContentNegotiation):
    """Answers whatever the Accept header says: a picture has one form, and an image tag asks for ``image/*``."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        """Return the first renderer, which only errors use."""
        return renderers[0], renderers[0].media_type


class ImageFileView(APIView):
    """The file of an image."""

    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="images_file",
        summary="Get the file of an image",
        description="As it was fetched, byte by byte. One range of bytes is honoured, several are answered in full.",
        tags=TAGS,
        parameters=[
            OpenApiParameter(
                name="Range",
                location=OpenApiParameter.HEADER,
                description="Such as bytes=0-1023.",
                type=str,
            ),
            _IF_NONE_MATCH,
        ],
        responses={
            **{
                (status, media_type): OpenApiResponse(OpenApiTypes.BINARY, description=description)
                for status, description in ((200, "The whole file"), (206, "The part that was asked for"))
                for media_type in (*pictures.CONTENT_TYPES.values(), _ATTACHMENT_TYPE)
            },
            304: _NOT_MODIFIED,
            416: OpenApiResponse(ErrorDetail, description="The file is shorter than that"),
            **errors(401, 403, 404),
        },
    )
    def get(self, request: Request, image_id: int) -> HttpResponse:
        """Return the file, or a part of it."""
        image = image_for(caller(request), image_id)
        tag = f'"{image.sha256}"'
        if _known(request, tag):
            return HttpResponse(status=304, headers={**_IMMUTABLE, "ETag": tag})
        size = pictures.file_size(image)
        headers = {**_IMMUTABLE, "ETag": tag, "Accept-Ranges": "bytes", **_shown_as(image)}
        wanted = _range(request, tag, size)
        if wanted is None:
            return HttpResponse(pictures.read_file(image), headers=headers)
        if not wanted:
            problem = Problem(416, f"The file has {size} bytes only", headers={"Content-Range": f"bytes */{size}"})
            return json_response(problem, request.path)
        data = pictures.read_file(image, wanted.start, len(wanted))
        headers["Content-Range"] = f"bytes {wanted.start}-{wanted.start + len(data) - 1}/{size}"
        return HttpResponse(data, status=206, headers=headers)


class ThumbnailView(APIView):
    """A small preview of an image."""

    content_negotiation_class = AnyAccept

    @extend_schema(
        operation_id="images_thumbnail",
        summary="Get a small preview of an image",
        description=(
            "A JPEG; transparency is shown on white. A picture that is broken or too large to decode is answered "
            "with a gray placeholder, also 200, and the header `X-Thumbnail: placeholder`."
        ),
        tags=TAGS,
        parameters=[
            *query_parameters(requests.ThumbnailQuery),
            _IF_NONE_MATCH,
            OpenApiParameter(
                name="X-Thumbnail",
                location=OpenApiParameter.HEADER,
                response=[200],
                description="Whether the picture itself is shown.",
                type=str,
                enum=["picture", "placeholder"],
            ),
        ],
        responses={
            (200, pictures.THUMBNAIL_TYPE): OpenApiResponse(OpenApiTypes.BINARY, description="The preview"),
            304: _NOT_MODIFIED,
            **errors(401, 403, 404, 422),
        },
    )
    def get(self, request: Request, image_id: int) -> HttpResponse:
        """Return the preview."""
        query = parse_query(requests.ThumbnailQuery, request)
        image = image_for(caller(request), image_id)
        tag = f'"{pictures.thumbnail_tag(image, query.size)}"'
        if _known(request, tag):
            return HttpResponse(status=304, headers={**_IMMUTABLE, "ETag": tag})
        kind = {"Content-Type": pictures.THUMBNAIL_TYPE}
        try:
            data = pictures.thumbnail(image, query.size)
        except pictures.Unshowable:
            # Not for ever: a larger PIXTASKS_MAX_IMAGE_PIXELS or a newer decoder may show it.
            brief = {**_SAFE, "Cache-Control": "private, max-age=300", "X-Thumbnail": "placeholder"}
            return HttpResponse(pictures.placeholder(query.size), headers={**kind, **brief})
        return HttpResponse(data, headers={**kind, **_IMMUTABLE, "ETag": tag, "X-Thumbnail": "picture"})


def _known(request: Request | HttpRequest, tag: str) -> bool:
    """Whether the client has this very representation (weak comparison, RFC 9110, 13.1.2)."""
    tags = [one.removeprefix("W/") for one in parse_etags(request.headers.get("If-None-Match", ""))]
    return tag in tags or "*" in tags


def _shown_as(image: Image) -> dict[str, str]:
    content_type = pictures.CONTENT_TYPES.get(image.format)
    name = f"{image.sha256[:16]}.{image.format}" if content_type else f"{image.sha256[:16]}.bin"
    how = "inline" if content_type else "attachment"
    return {
        "Content-Type": content_type or _ATTACHMENT_TYPE,
        "Content-Disposition": f'{how}; filename="{name}"',
    }


def _range(request: Request, tag: str, size: int) -> range | None:
    """Return the bytes that are wanted; None for all, an empty range where the file has none of them.

    A header that is malformed or names several ranges is ignored, as RFC 9110, 14.2 allows, and so is one whose
    ``If-Range`` names another version.
    """
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or request.headers.get("If-Range", tag) != tag:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        return range(max(0, size - int(suffix)), size)
    if last is not None and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1 if last is not None else size, size))
