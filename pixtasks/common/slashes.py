"""Every route answers with and without its trailing slash, directly (CONTRACT X08)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase, HttpResponsePermanentRedirect
from django.urls import Resolver404, resolve

CONSOLE_PREFIX = "/admin"
"""Below it Django's own behaviour stays: a missing slash is answered with a redirect."""


def _resolves(path: str) -> bool:
    try:
        match = resolve(path)
    except Resolver404:
        return False
    # The console's catch-all matches everything and has no name.
    return not (path.startswith(CONSOLE_PREFIX) and match.url_name is None)


def _toggled(path: str) -> str:
    return path[:-1] if path.endswith("/") else path + "/"


class EitherSlashMiddleware:
    """Hands a path that no route has to the route that differs by the trailing slash only.

    A redirect would turn a POST into a GET or drop its body, so the path of the request is changed instead. It stays
    the outermost middleware: whatever follows sees the documented path.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        redirect = self._adapt(request)
        if redirect is None:
            return self.get_response(request)
        return _soon(redirect) if iscoroutinefunction(self) else redirect

    @staticmethod
    def _adapt(request: HttpRequest) -> HttpResponseBase | None:
        path = request.path_info
        if path == "/" or _resolves(path) or not _resolves(_toggled(path)):
            return None
        if path == CONSOLE_PREFIX or path.startswith(f"{CONSOLE_PREFIX}/"):
            if request.method in {"GET", "HEAD"} and not path.endswith("/"):
                return HttpResponsePermanentRedirect(request.get_full_path(force_append_slash=True))
            return None
        request.path_info = _toggled(path)
        request.path = _toggled(request.path)
        return None


async def _soon(response: HttpResponseBase) -> HttpResponseBase:
    return response
