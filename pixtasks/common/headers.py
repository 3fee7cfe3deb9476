"""Security headers of every answer; a view that sets a stricter policy of its own keeps it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase

from .slashes import CONSOLE_PREFIX

_SHARED: Final = (
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGE_POLICY: Final = f"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; {_SHARED}"
"""HTML pages: scripts come from files of this product, never from the page's text."""
# The console's widgets are written for Alpine, which evaluates expressions in attributes; inline scripts stay refused.
CONSOLE_POLICY: Final = (
    f"default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; {_SHARED}"
)
DATA_POLICY: Final = "default-src 'none'; frame-ancestors 'none'"
"""Everything that is not a page: nothing in it may run or load anything, should a browser show it."""
PERMISSIONS: Final = "camera=(), microphone=(), geolocation=(), payment=(), usb=()"

_POLICY = "Content-Security-Policy"


class SecurityHeadersMiddleware:
    """Adds a Content-Security-Policy by kind of answer, and a Permissions-Policy."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        response = self.get_response(request)
        if isinstance(response, HttpResponseBase):
            return _add(request, response)
        return _add_later(request, response)


async def _add_later(request: HttpRequest, answer: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return _add(request, await answer)


def _add(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if _POLICY not in response:
        response[_POLICY] = _policy(request.path_info, response.get("Content-Type", ""))
    response.headers.setdefault("Permissions-Policy", PERMISSIONS)
    return response


def _policy(path: str, content_type: str) -> str:
    if not content_type.startswith("text/html"):
        return DATA_POLICY
    in_console = path == CONSOLE_PREFIX or path.startswith(f"{CONSOLE_PREFIX}/")
    return CONSOLE_POLICY if in_console else PAGE_POLICY
