"""The OpenAPI document and its two readers, open to all; their assets come from this product (CONTRACT J43, X63)."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.engines import engines
from tasktypes.handlers import handlers

# The pages run their own scripts and ask their own origin only: a browser makes no request to anybody else.
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGE_METHODS = ["get", "head"]  # OPTIONS would be answered through the page's template, which has nothing to say.
SWAGGER_SETTINGS = {
    "deepLinking": True,
    "displayRequestDuration": True,
    "docExpansion": "list",
    "filter": True,
    "persistAuthorization": True,
    "validatorUrl": None,  # Else the document's address is sent to a service outside.
}


@require_safe
def openapi_json(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI 3.1 document."""
    # What is registered shows in the document, so it is made again when that changes.
    body = _document(settings.PIXTASKS_ANONYMOUS_API, tuple(handlers.names()), tuple(engines.names()))
    return HttpResponse(body, content_type="application/json")


@lru_cache(maxsize=4)
def _document(anonymous: bool, handler_names: tuple[str, ...], engine_names: tuple[str, ...]) -> bytes:
    generator: Any = SchemaGenerator()
    return json.dumps(generator.get_schema(request=None, public=True), ensure_ascii=False).encode()


class DocsView(SpectacularSwaggerView):
    """Swagger UI."""

    url_name = "openapi"
    http_method_names = PAGE_METHODS

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the page."""
        response: Response = super().get(request, *args, **kwargs)
        assert response.data is not None
        response.data |= {"settings": json.dumps(SWAGGER_SETTINGS), "contact": _contact()}
        response["Content-Security-Policy"] = CONTENT_POLICY
        return response


class RedocView(SpectacularRedocView):
    """Redoc."""

    url_name = "openapi"
    http_method_names = PAGE_METHODS

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the page."""
        response: Response = super().get(request, *args, **kwargs)
        assert response.data is not None
        response.data |= {"contact": _contact()}
        response["Content-Security-Policy"] = CONTENT_POLICY
        return response


def _contact() -> dict[str, str]:
    contact: dict[str, str] = spectacular_settings.CONTACT
    return contact
