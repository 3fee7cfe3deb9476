"""A web of pictures for crawls: distinct JPEGs on loopback, with a page, a next link and a list of addresses."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.images import photo_variants


@dataclass
class PictureServer:
    """What is served, and what was asked for.

    Attributes:
        pictures: bytes per path.
        delay: seconds each picture takes.
        hits: how often each path was asked for, but for the files of rules, which there are not.
        asked_robots: how often /robots.txt was asked for; asked_tdmrep: the same for /.well-known/tdmrep.json.
        refusals: status and further headers per path, of paths that have no picture.
    """

    pictures: dict[str, bytes]
    delay: float = 0.0
    per_page: int = 100
    port: int = 0
    hits: dict[str, int] = field(default_factory=dict)
    asked_robots: int = 0
    asked_tdmrep: int = 0
    refusals: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def urls(self) -> list[str]:
        """Return the addresses of all pictures, in order."""
        return [f"{self.root}{path}" for path in self.pictures]

    @property
    def digests(self) -> set[str]:
        """Return the sha256 of every picture."""
        return {hashlib.sha256(data).hexdigest() for data in self.pictures.values()}

    def page(self, number: int) -> bytes:
        """Return one page of the gallery, which links to the next."""
        paths = list(self.pictures)[number * self.per_page : (number + 1) * self.per_page]
        images = "".join(f'<img src="{path}" alt="picture">' for path in paths)
        more = (number + 1) * self.per_page < len(self.pictures)
        link = f'<a rel="next" href="/gallery/{number + 1}">next</a>' if more else ""
        return f"<!doctype html><title>Gallery</title>{images}{link}".encode()


def make_pictures(count: int, seed: int = 1) -> dict[str, bytes]:
    """Return ``count`` JPEGs of distinct bytes by path."""
    return {f"/p/{number}.jpg": picture.data for number, picture in enumerate(
        photo_variants(count, seed, formats=("jpeg",))
    )}  # fmt: skip


@contextmanager
def serve(pictures: dict[str, bytes], *, delay: float = 0.0, per_page: int = 100) -> Iterator[PictureServer]:
    """Serve pictures from a thread for the length of a ``with`` block."""
    state = PictureServer(pictures, delay=delay, per_page=per_page)
    lock = threading.Lock()

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if self.path == "/robots.txt":
                state.asked_robots += 1
                self.answer(404, "text/plain", b"no rules here")
                return
            if self.path == "/.well-known/tdmrep.json":
                state.asked_tdmrep += 1
                self.answer(404, "text/plain", b"nothing reserved here")
                return
            with lock:
                state.hits[self.path] = state.hits.get(self.path, 0) + 1
            if self.path in state.pictures:
                time.sleep(state.delay)
                self.answer(200, "image/jpeg", state.pictures[self.path])
            elif self.path.startswith("/gallery/"):
                self.answer(200, "text/html", state.page(int(self.path.rsplit("/", 1)[1])))
            else:
                status, headers = state.refusals.get(self.path, (404, {}))
                self.answer(status, "text/plain", b"no such picture", headers)

        def answer(self, status: int, kind: str, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 256  # With 5, connections that come at once wait a second for their second try.

        def handle_error(self, *_: object) -> None:
            """Say nothing: clients that were killed leave broken pipes behind."""

    server = Server(("127.0.0.1", 0), Answer)
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
