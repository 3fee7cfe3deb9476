"""A source as it once answered: a server on loopback, and the product's own web client that is led to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from jobs.engines import WebError
from jobs.fetch.web import WebClient, WebResponse
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits


@dataclass(frozen=True, slots=True)
class Answer:
    """What the source answers to some requests.

    Attributes:
        url: the address that is asked. Parameters in it must be in the request, which may have others besides; of
            several answers that fit, the one with most parameters is sent.
        body: bytes, text, or anything else as JSON.
        headers: besides Content-Length; Content-Type is told from the body where it is not here.
        method: GET, or POST of a form.
    """

    url: str
    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "GET"

    def fits(self, url: str, method: str = "GET") -> bool:
        """Tell whether a request is one for this answer."""
        own, asked = urlsplit(self.url), urlsplit(url)
        given = set(parse_qsl(asked.query, keep_blank_values=True))
        same = (own.scheme, own.netloc, own.path or "/") == (asked.scheme, asked.netloc, asked.path or "/")
        return self.method == method and same and given.issuperset(parse_qsl(own.query, keep_blank_values=True))

    def likeness(self, url: str) -> tuple[int, int, int]:
        """Return how well it answers a request for something similar, to be compared; -1 first: not at all."""
        own, asked = urlsplit(self.url), urlsplit(url)
        if (own.scheme, own.netloc, own.path or "/") != (asked.scheme, asked.netloc, asked.path or "/"):
            return (-1, 0, 0)
        mine, given = parse_qsl(own.query, keep_blank_values=True), parse_qsl(asked.query, keep_blank_values=True)
        values = {value for _, value in mine} & {value for _, value in given}
        return (len(set(mine) & set(given)), len(values), -len(mine))

    def content(self) -> tuple[str, bytes]:
        """Return the content type and the bytes."""
        if isinstance(self.body, bytes):
            return "application/octet-stream", self.body
        if isinstance(self.body, str):
            return "text/plain; charset=utf-8", self.body.encode()
        return "application/json", json.dumps(self.body).encode()


class RecordedWeb:
    """The engines' ``Web``: every address leads to the server on loopback, and the answer seems to come from there.

    Attributes:
        asked: the addresses, in order.
        unknown: those of them that nothing was recorded for; they are answered with 404.
        instead: what every request is answered with, or fails with, while it is set.
        alter: changes every recorded answer before it is sent, while it is set.
        busy: whether a request is under way.
        signed: whether the requests carried a token when they were recorded; None where nothing was.
    """

    def __init__(self, client: WebClient, origin: str, *, loosely: bool = False) -> None:
        self.asked: list[str] = []
        self.unknown: list[str] = []
        self.instead: Answer | WebError | None = None
        self.alter: Callable[[Answer], Answer] | None = None
        self.busy = False
        self.signed: bool | None = None
        self._client = client
        self._origin = origin
        self._loosely = loosely

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 5_000_000,
        robots: bool = False,
    ) -> WebResponse:
        """Return what was recorded for the address; a recorded source forbids nothing by robots.txt."""
        return self._asked(url, lambda here: self._client.get(here, headers=headers, max_bytes=max_bytes))

    def post(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None, max_bytes: int = 5_000_000
    ) -> WebResponse:
        """Return what was recorded for a POST to the address, whatever the form holds."""
        return self._asked(url, lambda here: self._client.post(here, form, headers=headers, max_bytes=max_bytes))

    def _asked(self, url: str, ask: Callable[[str], WebResponse]) -> WebResponse:
        self.asked.append(url)
        if isinstance(self.instead, WebError):
            raise self.instead
        self.busy = True
        try:
            response = ask(f"{self._origin}/{quote(url, safe='')}")
        finally:
            self.busy = False
        return replace(response, url=url)

    def answer(self, url: str, answers: Sequence[Answer], method: str = "GET") -> Answer:
        """Return the recorded answer to an address."""
        if isinstance(self.instead, Answer):
            return self.instead
        if self._loosely:
            answers = [max(answers, key=lambda each: each.likeness(url))] if answers else []
            fitting = [each for each in answers if each.likeness(url)[0] >= 0]
        else:
            fitting = [each for each in answers if each.fits(url, method)]
        if not fitting:
            self.unknown.append(url)
            return Answer(url, status=404)
        found = max(fitting, key=lambda each: len(parse_qsl(urlsplit(each.url).query, keep_blank_values=True)))
        return self.alter(found) if self.alter else found


@contextmanager
def recorded(answers: Sequence[Answer], *, loosely: bool = False) -> Iterator[RecordedWeb]:
    """Serve the answers on a free port of loopback, and give the web client that is led to them.

    Args:
        loosely: where nothing was recorded for an address, take the answer to the most similar one of its path.
    """
    webs: list[RecordedWeb] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            self.do_GET()

        def do_GET(self) -> None:
            answer = webs[0].answer(unquote(self.path[1:]), answers, self.command)
            content_type, body = answer.content()
            self.send_response(answer.status)
            for name, value in {"Content-Type": content_type, **answer.headers, "Content-Length": len(body)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    limits = FetchLimits(max_redirects=0, connect_seconds=10, total_seconds=30)
    try:
        with WebClient(AddressPolicy([f"127.0.0.1:{server.server_port}"]), limits) as client:
            webs.append(RecordedWeb(client, f"http://127.0.0.1:{server.server_port}", loosely=loosely))
            yield webs[0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
