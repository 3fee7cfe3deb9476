"""The ASGI application on a real uvicorn on loopback, in a thread of the test's process, and clients of it."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import uvicorn
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

import pixtasks.asgi
from gather.realtime.hub import hub

PATIENCE = 60.0
R = TypeVar("R")


class Server:
    """A running server."""

    def __init__(self, *, compressing: bool = False) -> None:
        config = uvicorn.Config(
            pixtasks.asgi.create_application(),
            port=0,
            loop="asyncio",
            lifespan="off",
            ws="websockets-sansio",
            ws_per_message_deflate=compressing,
            ws_max_size=16384,
            log_level="info",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=2,
        )
        self.server = uvicorn.Server(config)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="uvicorn", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self.server.serve()

    def start(self) -> None:
        self._thread.start()
        until(lambda: self.server.started)

    def stop(self) -> None:
        self.server.should_exit = True
        self._thread.join(timeout=PATIENCE)
        assert not self._thread.is_alive()

    @property
    def port(self) -> int:
        return int(self.server.servers[0].sockets[0].getsockname()[1])

    def inside(self, ask: Callable[[], R]) -> R:
        """Call a function in the server's event loop."""

        async def call() -> R:
            return ask()

        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(PATIENCE)

    @property
    def listeners(self) -> int:
        return self.inside(lambda: len(hub().listeners))

    @property
    def hearing(self) -> bool:
        """Whether somebody's lines are handed on."""
        return self.inside(lambda: bool(hub()._by_owner))

    @contextmanager
    def socket(
        self, query: str = "", *, path: str = "/ws/", listening: bool = True, **options: Any
    ) -> Iterator[Socket]:
        """Connect; unless told otherwise return only when everything from now on is heard."""
        options.setdefault("compression", None)
        with connect(f"ws://127.0.0.1:{self.port}{path}{query}", **options) as connection:
            client = Socket(connection)
            if listening:
                assert client.ask(action="ping")["action"] == "pong"
            yield client

    @contextmanager
    def stream(self, query: str = "", *, headers: dict[str, str] | None = None) -> Iterator[Stream]:
        """Ask for the events over HTTP."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            client.request("GET", f"/api/v1/events{query}", headers=headers or {})
            yield Stream(client.getresponse())
        finally:
            client.close()


class Socket:
    """A client that reads frames."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def say(self, **message: Any) -> None:
        self.connection.send(json.dumps(message))

    def read(self) -> Any:
        return json.loads(self.connection.recv(timeout=PATIENCE))

    def ask(self, **message: Any) -> Any:
        """Send a message and return the next thing that comes."""
        self.say(**message)
        return self.read()

    def until_action(self, action: str) -> list[Any]:
        """Return the frames that come before the reply of that action."""
        frames: list[Any] = []
        while (frame := self.read()).get("action") != action:
            frames.append(frame)
        return frames

    def frames(self, number: int) -> list[Any]:
        return [self.read() for _ in range(number)]

    def code_of_end(self) -> int:
        """Read until the server closes, and return its code."""
        while True:
            try:
                self.connection.recv(timeout=PATIENCE)
            except ConnectionClosed as closed:
                return closed.rcvd.code if closed.rcvd else 1006


class Stream:
    """An answer that is read event by event."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.answer = answer
        self.status = answer.status
        self.last_id = ""

    @property
    def error(self) -> Any:
        return json.loads(self.answer.read())["detail"]

    def next(self) -> Any:
        """Return the document of the next event that has data."""
        while True:
            fields = self.block()
            if "data" in fields:
                return json.loads(fields["data"])

    def opened(self) -> None:
        """Read until everything from now on is heard."""
        while not self.last_id:
            self.block()

    def block(self) -> dict[str, str]:
        """Return the fields up to the next empty line."""
        fields: dict[str, str] = {}
        while line := self.answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            fields[name] = value
        self.last_id = fields.get("id", self.last_id)
        return fields


def until(done: Callable[[], Any]) -> None:
    """Wait for what no event tells of."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)
