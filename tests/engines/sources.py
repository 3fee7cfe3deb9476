"""A source of images on loopback: it answers as recorded, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Reply:
    """One recorded answer.

    Attributes:
        path: of the requests that it answers.
        query: parameters that a request must have for this answer; further ones are free.
        method: GET or POST.
    """

    path: str
    body: bytes = b""
    query: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json; charset=utf-8"
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that came; header names in lower case, ``form`` of a POST."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    form: Mapping[str, str]


class Source:
    """A server of recorded answers; of several that fit, the first one is sent."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.asked: list[Asked] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.origin = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def play(self, replies: Sequence[Reply]) -> None:
        """Answer with these from now on."""
        self.replies = list(replies)
        self.asked.clear()

    def answer(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        for reply in self.replies:
            if (reply.method, reply.path) == (asked.method, asked.path) and reply.query.items() <= asked.query.items():
                return reply
        return Reply(asked.path, json.dumps({"detail": f"No recorded answer to {asked}"}).encode(), status=404)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(source: Source) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self._do(dict(parse_qsl(body, keep_blank_values=True)))

        def _do(self, form: dict[str, str]) -> None:
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            reply = source.answer(Asked(self.command, parts.path, query, headers, form))
            self.send_response(reply.status)
            for name, value in {"Content-Type": reply.content_type, **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *args: object) -> None:
            return

    return Handler
