"""Through what the present work came in: a request, a command, or neither.

The audit log asks this, so that an entry says where it came from although the service that writes it was not told.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponseBase


@dataclass(frozen=True, slots=True)
class Source:
    """Where work came from; both empty: the product itself.

    Attributes:
        request: the HTTP request that is being answered.
        command: the management command that runs, by its name.
        account: the account of the operating system that it runs under, as ``name@host``.
        actor: the user that whoever runs the command has named with ``--as``; None where nobody was named.
    """

    request: HttpRequest | None = None
    command: str = ""
    account: str = ""
    actor: Any = None


_NOBODY = Source()
_source: ContextVar[Source] = ContextVar("pixtasks_source", default=_NOBODY)


def source() -> Source:
    """Return where the present work came from."""
    return _source.get()


@contextmanager
def from_command(name: str, *, actor: Any = None) -> Iterator[None]:
    """Say that what follows is done by a management command.

    Args:
        name: as behind ``manage.py``, or the name of the command's module.
        actor: the user in whose name it is done, where one was named.
    """
    token = _source.set(Source(command=name.rpartition(".")[2], account=_account(), actor=actor))
    try:
        yield
    finally:
        _source.reset(token)


def _account() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # A container's user may have no name.
        name = "unknown"
    return f"{name}@{socket.gethostname()}"


class OriginMiddleware:
    """Notes which request is being answered."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self._get_response = get_response
        self._is_async = bool(iscoroutinefunction(get_response))
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer the request."""
        if self._is_async:
            return self._later(request)
        token = _source.set(Source(request=request))
        try:
            answer: HttpResponseBase = self._get_response(request)
            return answer
        finally:
            _source.reset(token)

    async def _later(self, request: HttpRequest) -> HttpResponseBase:
        token = _source.set(Source(request=request))
        try:
            answer: HttpResponseBase = await self._get_response(request)
            return answer
        finally:
            _source.reset(token)
