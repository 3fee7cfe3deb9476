"""Something on this machine that nobody may reach, and a count of every socket that the guard lends to libcurl."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from pixtasks.common.net import curl

_counters: list[list[int]] = []


class Canary:
    """Listens on every address of this machine, IPv6 and IPv4, and counts who connects; it answers nobody."""

    def __init__(self) -> None:
        self.connections = 0
        self._last = 0
        self._socket = _listener()
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            connection, peer = self._socket.accept()
            connection.close()
            if peer[1] == self._last:
                self._socket.close()
                return
            self.connections += 1

    def stop(self) -> None:
        """Count the connections that came, and listen no more."""
        # Connections are accepted in order: once the own one has been, so has every one before it.
        with socket.socket() as own:
            own.bind(("127.0.0.1", 0))
            self._last = own.getsockname()[1]
            own.connect(("127.0.0.1", self.port))
            self._thread.join(10)


def _listener() -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=512)
    return socket.create_server(("0.0.0.0", 0), backlog=512)


@contextmanager
def canary() -> Iterator[Canary]:
    """Listen for the length of a ``with`` block; its end fails where anybody else has connected."""
    listening = Canary()
    try:
        yield listening
    finally:
        listening.stop()
    assert listening.connections == 0, f"{listening.connections} connections reached the canary"


@contextmanager
def lent_sockets() -> Iterator[list[int]]:
    """Count, in the one item of the list, the sockets made for libcurl meanwhile, by any thread."""
    if not _counters:
        sys.addaudithook(_heard)  # For ever: Python takes no audit hook back.
        _counters.append([0])
    counter = [0]
    _counters.append(counter)
    try:
        yield counter
    finally:
        _counters.remove(counter)


def _heard(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.__new__" and isinstance(arguments[0], curl._LentSocket):
        for counter in _counters:
            counter[0] += 1


class Redirector(ThreadingHTTPServer):
    """A site that may be reached; ``/to/<number>`` leads to that address, ``/page`` is an HTML page."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, targets: list[bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Redirects)
        self.targets = targets
        self.page = b""
        self.connections = 0
        self.asked: list[str] = []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def url(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://127.0.0.1:{self.server_port}{path}"

    def handle_error(self, *_: object) -> None:
        """Say nothing: clients hang up."""


class _Redirects(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Redirector

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        _, _, number = self.path.partition("/to/")
        if number.isdigit():
            head = b"HTTP/1.1 302 Found\r\nLocation: " + self.server.targets[int(number)]
            self.wfile.write(head + b"\r\nContent-Length: 0\r\n\r\n")
        elif self.path == "/page":
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(self.server.page)}"
            )
            self.wfile.write(head.encode() + b"\r\n\r\n" + self.server.page)
        else:
            self.wfile.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")

    def do_POST(self) -> None:
        self.do_GET()


@contextmanager
def redirector(targets: list[bytes]) -> Iterator[Redirector]:
    """Serve for the length of a ``with`` block."""
    server = Redirector(targets)
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        server.thread.join(10)
