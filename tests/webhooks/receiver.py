"""A receiver of webhooks on loopback: it keeps what came and answers what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pixtasks.common.signing import PREVIOUS_SIGNATURE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, verify


@dataclass(frozen=True)
class Received:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def check(self, *secrets: str) -> None:
        """Verify it as a receiver with these secrets does."""
        verify(
            secrets,
            self.body,
            [self.headers.get(SIGNATURE_HEADER), self.headers.get(PREVIOUS_SIGNATURE_HEADER)],
            timestamp=self.headers[TIMESTAMP_HEADER],
        )


@dataclass
class Receiver:
    """What came, and the statuses of the next answers; after these it is 200.

    Attributes:
        answers: a status each, or a status with headers and body.
    """

    port: int = 0
    requests: list[Received] = field(default_factory=list)
    answers: list[int | tuple[int, dict[str, str], bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def events(self) -> list[str]:
        return [request.document["event"] for request in self.requests]


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Receive in a thread for the length of a ``with`` block."""
    state = Receiver()
    lock = threading.Lock()

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                state.requests.append(Received(self.path, dict(self.headers.items()), body))
                answer = state.answers.pop(0) if state.answers else 200
            status, headers, text = answer if isinstance(answer, tuple) else (answer, {}, b"thank you")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing: an answer that is cut short is what one test is about."""

    server = Server(("127.0.0.1", port), Answer)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
