"""The guarded way to the network for engines: one request after the other, bounded in size and time."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode, urlsplit

import pycurl

from jobs.engines.base import WebError
from pixtasks.common.net.curl import GuardedHandle
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits
from pixtasks.common.net.urls import BadUrlError, prepare_url

from .books import origin_of
from .leave import SiteLeave, Unread
from .outcomes import Outcome
from .transfers import SiteFileTransfer

__all__ = ["WebClient", "WebError", "WebResponse"]

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))


@dataclass(frozen=True, slots=True)
class WebResponse:
    """An answer, whatever its status.

    Attributes:
        url: the address after redirects.
        headers: by lower-case name; several of one name are joined with ", ".
        body: as it came, never decompressed.
    """

    status: int
    url: str
    headers: dict[str, str]
    body: bytes


class WebClient:
    """Implements the engines' ``Web``; a context manager that keeps its connections until it is closed.

    Redirects are followed here and not in libcurl, because libcurl would send an API key that travels in a header
    of the caller's on to another site.
    """

    def __init__(self, policy: AddressPolicy, limits: FetchLimits) -> None:
        self._policy = policy
        self._limits = limits
        self._sites = SiteLeave(limits)
        self._next: dict[str, float] = {}
        self._max_bytes = 0
        self._size = 0
        self._chunks: list[bytes] = []
        self._lines: list[bytes] = []
        self._handle = GuardedHandle(policy, limits, write=self._write, follow=False)
        self._handle.curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 5_000_000,
        robots: bool = False,
    ) -> WebResponse:
        """Return the answer to a GET, redirects followed.

        Args:
            headers: request headers; after a redirect to another scheme, host or port they are left out.
            max_bytes: size of the body.
            robots: ask for the robots.txt of every site on the way, and obey it with its Crawl-delay, and so its
                tdmrep.json: for pages. An interface made for programs is called by its own terms.

        Raises:
            WebError: there is no complete answer; its outcome is one of ``Outcome``.
            ValueError: a header's name or value is malformed.
        """
        lines = [_header_line(name, value) for name, value in (headers or {}).items()]
        origin = None
        for _ in range(self._limits.max_redirects + 1):
            try:
                prepared, _host = prepare_url(url)
            except BadUrlError as error:
                raise WebError(Outcome.BAD_URL, str(error)) from None
            parts = urlsplit(prepared)
            here = (parts.scheme.lower(), parts.netloc.lower())
            if origin is not None and here != origin:
                lines = []
            origin = here
            if robots:
                self._ask_leave(prepared)
            response = self._request(prepared, lines, max_bytes)
            following = self._handle.redirect_url
            if response.status not in _REDIRECTS or not following:
                return response
            url = following
        raise WebError(Outcome.TOO_MANY_REDIRECTS, f"more than {self._limits.max_redirects} redirects")

    def post(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None, max_bytes: int = 5_000_000
    ) -> WebResponse:
        """Return the answer to a POST of a form; a redirect is an answer, because the form may hold a secret.

        Args:
            headers: request headers.
            max_bytes: size of the body.

        Raises:
            WebError: there is no complete answer; its outcome is one of ``Outcome``.
            ValueError: a header's name or value is malformed.
        """
        lines = [_header_line(name, value) for name, value in (headers or {}).items()]
        try:
            prepared, _host = prepare_url(url)
        except BadUrlError as error:
            raise WebError(Outcome.BAD_URL, str(error)) from None
        curl = self._handle.curl
        curl.setopt(pycurl.POSTFIELDS, urlencode(form))
        try:
            # Without "Expect: 100-continue", which not every server answers.
            return self._request(prepared, [*lines, "Expect:"], max_bytes)
        finally:
            curl.setopt(pycurl.HTTPGET, 1)

    def close(self) -> None:
        """Close the connections."""
        self._handle.close()

    def _ask_leave(self, url: str) -> None:
        """Return when the site allows the address now.

        Raises:
            WebError: its files forbid it, or cannot be had.
        """
        origin = origin_of(url)
        while (leave := self._sites.ask(origin, url)).unread is not None:
            self._wait_turn(origin, leave.delay)
            self._read(leave.unread)
        if leave.refusal is not None:
            raise WebError(*leave.refusal)
        self._wait_turn(origin, leave.delay)

    def _read(self, unread: Unread) -> None:
        reader = SiteFileTransfer(self._policy, self._limits, unread)
        try:
            ended = False
            while not ended:
                code, message = 0, ""
                try:
                    reader.handle.curl.perform()
                except pycurl.error as error:
                    code, message = error.args[0], str(error.args[1])
                ended = reader.ended(code, message) is not None
        finally:
            reader.handle.close()

    def _wait_turn(self, origin: str, delay: float) -> None:
        if delay:
            wait = self._next.get(origin, 0.0) - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            self._next[origin] = time.monotonic() + delay

    def _request(self, url: str, lines: list[str], max_bytes: int) -> WebResponse:
        self._max_bytes = max_bytes
        self._size = 0
        self._chunks.clear()
        self._lines.clear()
        curl = self._handle.curl
        self._handle.begin(url)
        curl.setopt(pycurl.MAXFILESIZE_LARGE, max_bytes)
        curl.setopt(pycurl.HTTPHEADER, ["Accept-Encoding: identity", *lines])
        try:
            curl.perform()
        except pycurl.error as error:
            code, message = error.args[0], str(error.args[1])
            if code == pycurl.E_WRITE_ERROR and self._size > max_bytes:
                raise WebError(Outcome.TOO_LARGE, f"more than {max_bytes} bytes") from None
            raise WebError(*self._handle.failure(code, message)) from None
        return WebResponse(self._handle.status, self._handle.final_url, self._headers(), b"".join(self._chunks))

    def _write(self, chunk: bytes) -> int | None:
        self._size += len(chunk)
        if self._size > self._max_bytes:
            return -1
        self._chunks.append(chunk)
        return None

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for raw in self._lines:
            line = raw.decode("latin-1").strip()
            if line.startswith("HTTP/"):  # an interim answer (1xx) came before
                headers.clear()
                continue
            name, colon, value = line.partition(":")
            if colon:
                name, value = name.strip().lower(), value.strip()
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return headers


def _header_line(name: str, value: str) -> str:
    if not _NAME.fullmatch(name) or not value.isprintable() or not value.isascii():
        raise ValueError(f"the header {name!r} has a malformed name or value")
    return f"{name}: {value}" if value else f"{name};"
