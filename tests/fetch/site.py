"""A real web site on 127.0.0.1 that behaves well or badly, as its path says."""

from __future__ import annotations

import gzip
import io
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from PIL import Image

from jobs.fetch.images import Download, ImageFetcher


def picture(number: int = 0, *, kind: str = "JPEG", size: tuple[int, int] = (40, 30)) -> bytes:
    """Return a small image; another number gives other bytes."""
    file = io.BytesIO()
    colour = (number % 256, number // 256 % 256, 99)
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue() + number.to_bytes(4, "big")


def collect(fetcher: ImageFetcher) -> dict[Any, Download]:
    """Pump until nothing is in flight; every ticket comes out exactly once."""
    found: dict[Any, Download] = {}
    for _ in range(10_000):
        if not fetcher.in_flight:
            return found
        for download in fetcher.pump(0.2):
            assert download.ticket not in found
            found[download.ticket] = download
    raise AssertionError("the fetcher does not come to an end")


class Site(ThreadingHTTPServer):
    """Serves until ``stop``; counts what it is asked, but for its robots.txt and its tdmrep.json.

    Attributes:
        robots: what it answers there: status, body and further headers; how often it was asked is in ``asked_robots``.
        tdmrep, asked_tdmrep: the same for ``/.well-known/tdmrep.json``.
    """

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.lock = threading.Lock()
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.robots: tuple[int, bytes, dict[str, str]] = (404, b"no rules here", {})
        self.asked_robots = 0
        self.tdmrep: tuple[int, bytes, dict[str, str]] = (404, b"nothing reserved here", {})
        self.asked_tdmrep = 0
        self.connections = 0
        self.busy = 0
        self.most_busy = 0
        self.release = threading.Event()
        self.together = threading.Barrier(200)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self.server_port

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    def stop(self) -> None:
        self.release.set()
        self.shutdown()
        self.server_close()
        self._thread.join(5)

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients of these tests hang up on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site
    timeout = 20

    def setup(self) -> None:
        super().setup()
        with self.server.lock:
            self.server.connections += 1

    def log_request(self, code: object = "-", size: object = "-") -> None:
        pass

    log_error = log_request

    def do_GET(self) -> None:
        if self.path == "/robots.txt":
            self.answer_rules()
            return
        if self.path == "/.well-known/tdmrep.json":
            self.answer_reservations()
            return
        parts = urlsplit(self.path)
        name, _, argument = parts.path[1:].partition("/")
        self.query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        with self.server.lock:
            self.server.requests.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
            self.server.busy += 1
            self.server.most_busy = max(self.server.most_busy, self.server.busy)
        try:
            getattr(self, f"answer_{name}")(unquote(argument))
        finally:
            with self.server.lock:
                self.server.busy -= 1

    def send(self, body: bytes, *, status: int = 200, kind: str = "image/jpeg", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def answer_rules(self) -> None:
        with self.server.lock:
            self.server.asked_robots += 1
            status, body, headers = self.server.robots
        self.send(body, status=status, kind="text/plain", **headers)

    def answer_reservations(self) -> None:
        with self.server.lock:
            self.server.asked_tdmrep += 1
            status, body, headers = self.server.tdmrep
        self.send(body, status=status, kind="application/json", **headers)

    def answer_image(self, argument: str) -> None:
        self.send(picture(int(argument)))

    def answer_kind(self, argument: str) -> None:
        self.send(picture(kind=argument.upper()), kind="application/octet-stream")

    def answer_status(self, argument: str) -> None:
        self.send(b"<html>no</html>" * 10, status=int(argument), kind="text/html", **self.query)

    def answer_hop(self, argument: str) -> None:
        left = int(argument)
        self.send(b"", status=302, Location=f"/hop/{left - 1}" if left > 1 else "/image/1")

    def answer_to(self, argument: str) -> None:
        target = self.query["url"].encode().decode("latin-1")  # http.server writes headers as Latin-1
        self.send(b"moved", status=302, Location=target)

    def answer_loop(self, argument: str) -> None:
        self.send(b"", status=301, Location="/loop/")

    def answer_drip(self, argument: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(picture()[:100])
        for _ in range(100):
            if self.server.release.wait(0.1):
                break
            self.wfile.write(b"x")
            self.wfile.flush()

    def answer_silence(self, argument: str) -> None:
        self.server.release.wait(10)
        self.close_connection = True

    def answer_together(self, argument: str) -> None:
        self.server.together.wait(10)
        self.answer_image(argument)

    def answer_nap(self, argument: str) -> None:
        time.sleep(0.1)
        self.answer_image(argument)

    def answer_slow(self, argument: str) -> None:
        time.sleep(0.02)
        self.answer_image(argument)

    def answer_large(self, argument: str) -> None:
        self.send(picture() + b"\0" * int(argument))

    def answer_endless(self, argument: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        piece = picture() + b"\0" * 100_000
        for _ in range(200):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def answer_empty(self, argument: str) -> None:
        self.send(b"")

    def answer_none(self, argument: str) -> None:
        self.send_response(204)
        self.end_headers()

    def answer_partial(self, argument: str) -> None:
        self.send(picture(), status=206, Content_Range="bytes 0-99/500")

    def answer_page(self, argument: str) -> None:
        self.send(b"<!doctype html><title>hello</title>" + b"<p>text</p>" * int(argument or "0"))

    def answer_svg(self, argument: str) -> None:
        self.send(b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", kind="image/svg+xml")

    def answer_truncated(self, argument: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5000")
        self.end_headers()
        self.wfile.write(picture())
        self.close_connection = True

    def answer_cut(self, argument: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"1000\r\n" + picture())
        self.close_connection = True

    def answer_reset(self, argument: str) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def answer_hangup(self, argument: str) -> None:
        self.close_connection = True

    def answer_garbage(self, argument: str) -> None:
        self.wfile.write(b"this is not HTTP at all, and quite long too\r\n\r\n" * 20)
        self.close_connection = True

    def answer_gzipped(self, argument: str) -> None:
        self.send(gzip.compress(picture()), Content_Encoding="gzip")

    def answer_tagged(self, argument: str) -> None:
        padding = b"\0" * int(self.query.pop("size", "0"))
        self.send(picture(5) + padding, **self.query)

    def answer_later(self, argument: str) -> None:
        """Ask to wait a second, so often as the path says."""
        asked = sum(1 for path, _ in self.server.requests if path == self.path)
        if asked > int(argument):
            self.send(picture(6))
        else:
            self.send(b"later", status=429, kind="text/plain", Retry_After="1")

    def answer_cookie(self, argument: str) -> None:
        self.send(picture(7), Set_Cookie="seen=1; Path=/")

    def answer_echo(self, argument: str) -> None:
        self.send(argument.encode(), kind="text/plain; charset=utf-8", X_One="a", Retry_After="7")
