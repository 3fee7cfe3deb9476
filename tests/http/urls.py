"""Routes that fail in every way a view can, under the prefixes of both error forms."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import include, path
from pydantic import BaseModel, Field
from rest_framework import exceptions, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pixtasks.accounts.authentication import OPEN_AUTHENTICATION, has_scope
from pixtasks.common import errors
from pixtasks.common.throttles import GeneralThrottle, StartJobThrottle
from pixtasks.common.validation import body_of, parse_body, parse_query

RAISED: dict[str, BaseException] = {
    "rule": errors.RuleViolation("Cannot cancel job with status: completed"),
    "unauthenticated": errors.NotAuthenticated(),
    "denied": errors.AccessDenied(),
    "missing": errors.NotFound("Crawl job not found"),
    "conflict": errors.Conflict("taken"),
    "limited": errors.RateLimited("slow down", retry_after=6.2),
    "unavailable": errors.Unavailable(),
    "invalid": errors.InvalidInput(
        errors.FieldError(("body", "gatherCount"), "gatherCount must be between 1 and 100", "value_error")
    ),
    "django404": Http404("a secret path"),
    "django403": PermissionDenied(),
    "suspicious": SuspiciousOperation("a secret reason"),
    "database": OperationalError("password=secret host=db"),
    "throttled": exceptions.Throttled(wait=2.5),
    "serializer": serializers.ValidationError({"name": [exceptions.ErrorDetail("Required.", code="required")]}),
    "crash": ZeroDivisionError("a secret detail"),
}


class Fail(APIView):
    """Raises what its path names, in a REST framework view."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def get(self, request: Request, kind: str) -> Response:
        raise RAISED[kind]


def plain_fail(request: HttpRequest, kind: str) -> HttpResponse:
    """Raises what its path names, in a plain Django view."""
    raise RAISED[kind]


def plain_not_allowed(request: HttpRequest) -> HttpResponse:
    return HttpResponseNotAllowed(["PUT"])


class Sample(BaseModel):
    """A body with one field."""

    count: int = Field(default=1, ge=1, le=5)


class Echo(APIView):
    """Answers with the body it read."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request: Request) -> Response:
        return Response({"body": body_of(request), "length": len(request._request.body)})

    def put(self, request: Request) -> Response:
        return Response(parse_body(Sample, request).model_dump())

    def get(self, request: Request) -> Response:
        return Response(parse_query(Sample, request).model_dump())


class WhoAmI(APIView):
    """Answers with the caller, as the open dialects see it."""

    authentication_classes = OPEN_AUTHENTICATION

    def get(self, request: Request) -> Response:
        return Response({"caller": str(request.user), "staff": request.user.is_staff})

    def post(self, request: Request) -> Response:
        return Response({"caller": str(request.user), "worker": has_scope(request, "worker")})


class Limited(APIView):
    """Counts starts."""

    authentication_classes = OPEN_AUTHENTICATION
    throttle_classes = (GeneralThrottle, StartJobThrottle)

    def post(self, request: Request) -> Response:
        return Response({})


def _routes(fail: Any, plain: Any) -> list[Any]:
    return [
        path("fail/<str:kind>", fail),
        path("plain/<str:kind>", plain),
        path("only-put", plain_not_allowed),
        path("echo", Echo.as_view()),
        path("slashed/", Echo.as_view()),
        path("who", WhoAmI.as_view()),
        path("limited", Limited.as_view()),
    ]


urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/auth/", include("pixtasks.accounts.api.urls")),
    path("api/", include(_routes(Fail.as_view(), plain_fail))),
    path("tasks/", include(_routes(Fail.as_view(), plain_fail))),
    path("api/v1/automated-gather/", include(_routes(Fail.as_view(), plain_fail))),
    path("page/<str:kind>", plain_fail),
]

handler400 = "pixtasks.common.dialects.handler400"
handler403 = "pixtasks.common.dialects.handler403"
handler404 = "pixtasks.common.dialects.handler404"
handler500 = "pixtasks.common.dialects.handler500"
