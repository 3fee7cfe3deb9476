"""A name that is public at the first look-up and private at the next: run in a network and a mount space of its own.

``unshare -m -n python -m tests.attack.network.rebinding`` prints one JSON document: per client what each request
ended with, and how many connections the private side saw.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

PUBLIC = "93.184.216.34"
PRIVATE = "127.0.0.1"
_A, _NAME = 1, 12  # DNS: the record of an IPv4 address; where the question's name begins
_SIOCSIFFLAGS, _SIOCSIFADDR, _IFF_UP, _IFF_RUNNING = 0x8914, 0x8916, 0x1, 0x40  # netdevice(7)


class Resolver(threading.Thread):
    """A DNS server for every name: what it answers can be changed between two look-ups."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.answers: list[list[str]] = []
        self.asked = 0
        self._lock = threading.Lock()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))
        self.start()

    def will_say(self, *answers: list[str]) -> None:
        """Answer so, one after the other; the last for ever."""
        with self._lock:
            self.answers = [list(one) for one in answers]
            self.asked = 0

    def run(self) -> None:
        while True:
            question, sender = self._socket.recvfrom(2048)
            end = question.index(b"\0", 12) + 5
            kind = struct.unpack("!H", question[end - 4 : end - 2])[0]
            with self._lock:
                now = self.answers[min(self.asked, len(self.answers) - 1)]
                # IPv4 is asked for by every client; the question for IPv6 gets the same turn.
                self.asked += kind == _A
            records = [socket.inet_aton(one) for one in now] if kind == _A else []
            head = question[:2] + struct.pack("!HHHHH", 0x8580, 1, len(records), 0, 0)
            body = b"".join(struct.pack("!HHHIH", 0xC000 | _NAME, _A, 1, 0, 4) + record for record in records)
            self._socket.sendto(head + question[12:end] + body, sender)


class Counting(threading.Thread):
    """An HTTP server on one address that counts its connections and answers a fixed text."""

    def __init__(self, address: str, port: int, answer: bytes) -> None:
        super().__init__(daemon=True)
        self.connections = 0
        self.answer = answer
        self._socket = socket.create_server((address, port))
        self.port: int = self._socket.getsockname()[1]
        self.start()

    def run(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            self.connections += 1
            with connection:
                connection.recv(65536)
                connection.sendall(self.answer)


def _prepare() -> None:
    """Bring loopback up with a public address on it, and have names looked up here; both in this space only."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        up = struct.pack("16sH14s", b"lo", _IFF_UP | _IFF_RUNNING, b"")
        fcntl.ioctl(handle, _SIOCSIFFLAGS, up)
        place = struct.pack("HH4s8s", socket.AF_INET, 0, socket.inet_aton(PUBLIC), b"")
        fcntl.ioctl(handle, _SIOCSIFADDR, struct.pack("16s16s", b"lo:1", place))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    for path, text in (
        ("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"),
        ("/etc/nsswitch.conf", "hosts: files dns\n"),
    ):
        own = Path(tempfile.mkstemp()[1])
        own.write_text(text)
        if os.path.exists(path):
            subprocess.run(["mount", "--bind", str(own), os.path.realpath(path)], check=True)


def _clients(folder: Path) -> dict[str, Callable[[str], str]]:
    from jobs.engines import EngineError, Query, resolve
    from jobs.fetch.images import ImageFetcher
    from jobs.fetch.storage import ImageStorage
    from jobs.fetch.web import WebClient, WebError
    from pixtasks.common.net.guard import AddressPolicy
    from pixtasks.common.net.limits import FetchLimits
    from tasktypes.webhooks.services import sending
    from tests.fetch.site import collect

    limits = FetchLimits(connect_seconds=5, total_seconds=10)

    def image(url: str) -> str:
        with ImageFetcher[str](ImageStorage(location=folder), limits, AddressPolicy()) as fetcher:
            fetcher.submit("it", url)
            return str(collect(fetcher)["it"].outcome)

    def engine(url: str) -> str:
        with WebClient(AddressPolicy(), limits) as web:
            try:
                return str(web.get(url).status)
            except WebError as error:
                return str(error.outcome)

    def site(url: str) -> str:
        found = resolve("site")
        options = found.Options.model_validate({"url": url})
        with WebClient(AddressPolicy(), limits) as web:
            try:
                found.search(Query(keyword="cat", engine="site", limit=1, options=options), None, web)
            except EngineError as error:
                return "blocked_address" if "PIXTASKS_FETCH_ALLOW" in error.message else error.message
        return "200"

    def webhook(url: str) -> str:
        tried = sending.post(url, b"{}", event_id="0", live_secrets=["whsec_x"])
        return str(tried.http_status) if tried.http_status else "blocked_address" if tried.hopeless else tried.error

    return {"image fetch": image, "engines": engine, "site": site, "webhooks": webhook}


def main() -> None:
    """Let every client meet every lie, and print what came of it."""
    _prepare()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django
    from django.conf import settings
    from django.test.utils import override_settings

    django.setup()
    resolver = Resolver()
    private = Counting(PRIVATE, 0, b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")
    page = b"<!doctype html><title>x</title>"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    public = Counting(PUBLIC, private.port, head % len(page) + page)
    moved = b"HTTP/1.1 302 Found\r\nLocation: http://again.test:%d/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    mover = Counting(PUBLIC, 0, moved % private.port)
    report: dict[str, Any] = {}
    # No server is to be reached from this network: what robots.txt said is remembered in this process.
    own = {
        "PIXTASKS_FETCH_ALLOW": [],
        "CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    }
    with tempfile.TemporaryDirectory() as folder, override_settings(**own):
        for name, ask in _clients(Path(folder)).items():
            url = f"http://rebind.test:{private.port}/"
            before = public.connections
            resolver.will_say([PUBLIC], [PRIVATE])
            first, second = ask(url), ask(url)
            seen = public.connections - before
            resolver.will_say([PRIVATE])
            plain = ask(url)
            # Nobody listens on the public one: is the private one tried instead?
            resolver.will_say([PUBLIC, PRIVATE])
            both = ask(f"http://rebind.test:{_closed()}/")
            resolver.will_say([PUBLIC], [PRIVATE])
            redirected = ask(f"http://rebind.test:{mover.port}/")
            report[name] = {
                "public, then private": [first, second],
                "private": plain,
                "public closed beside private": both,
                "redirect to a rebound name": redirected,
                "public connections": seen,
                "private connections": private.connections + _closed_connections(),
            }
    shutil.rmtree(settings.TEST_DATA_DIR, ignore_errors=True)
    print(json.dumps(report))


_beside: list[Counting] = []


def _closed() -> int:
    """Return a port that only the private address listens on."""
    if not _beside:
        _beside.append(Counting(PRIVATE, 0, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"))
    return _beside[0].port


def _closed_connections() -> int:
    return sum(one.connections for one in _beside)


if __name__ == "__main__":
    main()
