"""A small real web: a server of the test's own pages, and the client that engines are given here."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jobs.engines import WebError


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


class PlainWeb:
    """The engines' ``Web`` with the standard library: no guard, no proxies."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 5_000_000,
        robots: bool = False,
    ) -> Answer:
        self.asked.append(url)
        request = urllib.request.Request(url, headers=dict(headers or {}))
        try:
            try:
                response = self._opener.open(request, timeout=10)
            except urllib.error.HTTPError as error:
                response = error
            with response:
                body = response.read(max_bytes + 1)
                if len(body) > max_bytes:
                    raise WebError("too_large", f"more than {max_bytes} bytes")
                return Answer(response.status, response.url, {k.lower(): v for k, v in response.headers.items()}, body)
        except urllib.error.URLError as error:
            outcome = "refused" if isinstance(error.reason, ConnectionRefusedError) else "dns"
            raise WebError(outcome, str(error.reason)) from error


@dataclass
class Site:
    """Documents by path: (status, headers, body)."""

    origin: str
    documents: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)

    def put(
        self,
        path: str,
        body: str | bytes = b"",
        content_type: str = "text/html; charset=utf-8",
        *,
        status: int = 200,
        **headers: str,
    ) -> str:
        """Serve a document and return its address."""
        content = body.encode() if isinstance(body, str) else body
        fields = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
        self.documents[path] = (status, fields, content)
        return self.origin + path


@pytest.fixture
def web() -> PlainWeb:
    return PlainWeb()


def _handler(site: Callable[[], Site]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = site().documents.get(self.path, (404, {}, b"nothing here"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    return Handler


@pytest.fixture
def site() -> Iterator[Site]:
    """Serve what the test puts on it, on a free port of loopback."""
    holder: list[Site] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(lambda: holder[0]))
    server.daemon_threads = True
    holder.append(Site(f"http://127.0.0.1:{server.server_port}"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield holder[0]
    server.shutdown()
    server.server_close()
    thread.join()
