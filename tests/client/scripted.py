"""A server on loopback that answers as its script says; for what the product's own server seldom does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TASK: dict[str, Any] = {
    "id": 7,
    "task_name": "ExampleDatabaseTask",
    "task_payload": {"message": "this", "count": 1},
    "task_payload_prefix": '{"count":1,"message":"this"}',
    "status": "not_started",
    "created_at": "2025-12-02T10:52:50Z",
    "last_run_at": None,
    "started_at": None,
    "completed_at": None,
    "retries": 0,
    "max_retries": 3,
    "error_message": None,
    "result_data": None,
}
CREATED = TASK | {"message": "Task ExampleDatabaseTask created as new task 7", "is_duplicate": False}


@dataclass(frozen=True)
class Say:
    """One answer.

    Attributes:
        status: 0 closes the connection without any answer.
        wait: keeps the answer back until the script is released.
        cut: leaves out so many bytes of the body that was announced.
    """

    status: int = 200
    body: Any = field(default_factory=lambda: dict(TASK))
    headers: dict[str, str] = field(default_factory=dict)
    wait: bool = False
    cut: int = 0


@dataclass
class Script:
    """The answers to come, and what was asked; after the last answer it repeats it."""

    answers: list[Say]
    url: str = ""
    asked: list[tuple[str, str, dict[str, str], Any]] = field(default_factory=list)
    connections: int = 0
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def scripted(*answers: Say) -> Iterator[Script]:
    """Serve a script in a thread for the length of a ``with`` block."""
    script = Script(list(answers))
    lock = threading.Lock()

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def setup(self) -> None:
            with lock:
                script.connections += 1
            super().setup()

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            with lock:
                script.asked.append((self.command, self.path, dict(self.headers.items()), body))
                say = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            if say.wait:
                script.released.wait(timeout=30)
            self.close_connection = say.status == 0 or say.cut > 0
            if say.status == 0:
                return
            text = say.body if isinstance(say.body, bytes) else json.dumps(say.body).encode()
            self.send_response(say.status)
            for name, value in {"Content-Length": str(len(text)), **say.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text[: len(text) - say.cut])

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815 -- the names that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Say nothing: clients that go away are what some tests are about."""

    server = Server(("127.0.0.1", 0), Answer)
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield script
    finally:
        script.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
