"""Server-sent events: ``GET /api/v1/events``, the same frames over plain HTTP.

It is answered before Django, by a coroutine: a stream of Django's would hold a thread for as long as it is open.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping
from typing import Any, Final

from django.db import DatabaseError, InterfaceError

from gather.realtime import catch_up
from gather.realtime.channels import Channels
from gather.realtime.frames import Frame
from gather.realtime.hub import cursor_of, hub, parse_cursor
from gather.realtime.listener import FULL, Listener
from gather.realtime.messages import BadMessage, channel_of
from gather.realtime.origin import allowed_by_name, headers_of, origin_allowed
from gather.realtime.signin import Caller, Refused, shown, sign_in
from gather.realtime.socket import Receive, Scope, Send, cut_off, take_query
from gather.realtime.threads import in_thread
from pixtasks.common.dialects import AUTHENTICATE_HEADER, Problem, detail_body
from pixtasks.common.errors import FieldError
from pixtasks.common.json import dump_json

logger = logging.getLogger(__name__)

PATHS: Final = frozenset({"/api/v1/events", "/api/v1/events/"})
HEARTBEAT_SECONDS: Final = 15.0
RETRY_MILLISECONDS: Final = 2000
_TURN: Final = 50


class Answer(Exception):
    """Ends the request with an error instead of a stream."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def with_events(http: Any) -> Any:
    """Return an ASGI application that answers the route of the events itself and leaves the rest to ``http``."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in PATHS and scope["method"] == "GET":
            await _Stream(scope, receive, send).serve()
        else:
            await http(scope, receive, send)

    return application


class _Stream:
    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._headers = headers_of(scope)
        self._query = take_query(scope)
        self._receive = receive
        self._transmit = send

    async def serve(self) -> None:
        """Answer with a stream, or with the reason why not."""
        try:
            caller, since, channels, narrow = await self._prepared()
        except Answer as answer:
            await self._refuse(answer.problem)
            return
        listener = Listener(caller, channels.audience)
        writer = asyncio.create_task(self._write(listener, since, narrow))
        reader = asyncio.create_task(self._until_left())
        try:
            ends: set[asyncio.Future[Any]] = {writer, reader, listener.farewell}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            pass  # The server stops: end the stream as usual; the client comes back with the id of its last event.
        finally:
            hub().leave(listener)
            writer.cancel()
            reader.cancel()
            listener.farewell.cancel()
            outcome, _ = await asyncio.gather(writer, reader, return_exceptions=True)
        if isinstance(outcome, Exception) and not isinstance(outcome, OSError):
            raise outcome
        try:
            async with asyncio.timeout(1.0):
                await self._send(b"", more=False)
        except TimeoutError:
            cut_off(self._transmit)
        except (OSError, RuntimeError):
            pass  # It has left already.

    async def _prepared(self) -> tuple[Caller, tuple[int, ...] | None, Channels, str | None]:
        """Return who listens, from where on, to what, and the one task that it wants to hear of.

        Raises:
            Answer: with what the request is refused.
        """
        if not origin_allowed(self._headers):
            raise Answer(Problem(403, "This page may not listen: its origin is not one of the installation's"))
        if hub().is_full:
            raise Answer(Problem(503, FULL.reason, headers={"Retry-After": "5"}))
        try:
            caller = await in_thread(sign_in, shown(self._headers, self._query.get("token")))
        except Refused as refused:
            raise Answer(_unauthenticated(str(refused))) from refused
        except (DatabaseError, InterfaceError, OSError) as error:
            logger.warning("nobody can sign in: %s", error)
            raise Answer(
                Problem(503, "The database is not available; please retry later.", headers={"Retry-After": "5"})
            ) from error
        if caller is None:
            raise Answer(_unauthenticated("Authentication credentials were not provided or are not valid."))
        # A browser that comes back sends both: the address it was given, and how far it came.
        place, text = "since", self._query.get("since")
        if "last-event-id" in self._headers:
            place, text = "Last-Event-ID", self._headers["last-event-id"]
        since = parse_cursor(text) if text else None
        if text and since is None:
            fault = FieldError(("query", place), f"{place} is the id of an event: two numbers and a dot")
            raise Answer(Problem(422, fault.msg, errors=(fault,)))
        channels = Channels(caller)
        name = self._query.get("channel")
        if name is not None:
            try:
                await channels.subscribe(channel_of(name))
            except BadMessage as bad:
                raise Answer(_problem_of(bad)) from bad
        return caller, since, channels, name.removeprefix("task:") if name not in {None, "all"} and name else None

    async def _write(self, listener: Listener, since: tuple[int, ...] | None, narrow: str | None) -> None:
        async def send(frame: Frame) -> None:
            if narrow is None or frame.task == narrow:
                await self._send(f"id: {frame.cursor}\ndata: {frame.text}\n\n".encode())

        await self._open()
        try:
            positions = await catch_up.join(hub(), listener, since, send)
        except catch_up.TooFarBack:
            await self._send(b": since is too long ago; these are the events from now on\n\n")
            positions = hub().join(listener)
        await self._send(f"id: {cursor_of(positions)}\n\n".encode())
        sent = 0
        while True:
            listener.wake.clear()
            while (frame := listener.take()) is not None:
                await send(frame)
                sent += 1
                if sent % _TURN == 0:
                    await asyncio.sleep(0)
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await listener.wake.wait()
            except TimeoutError:
                if not listener.is_idle:
                    continue
                # Without data it is no event, but the client knows how far it is.
                await self._send(f": still here\nid: {cursor_of(hub().positions)}\n\n".encode())

    async def _until_left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _open(self) -> None:
        await self._start(200, {"content-type": "text/event-stream", "x-accel-buffering": "no"})
        await self._send(f"retry: {RETRY_MILLISECONDS}\n\n".encode())

    async def _refuse(self, problem: Problem) -> None:
        status, body = detail_body(problem)
        data = dump_json(body)
        headers = {"content-type": "application/json", "content-length": str(len(data)), **problem.headers}
        await self._start(status, headers)
        await self._send(data, more=False)

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        every = {"cache-control": "no-store", "vary": "origin", "x-request-id": str(uuid.uuid4()), **headers}
        origin = self._headers.get("origin")
        if origin is not None and origin in allowed_by_name():
            every["access-control-allow-origin"] = origin
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in every.items()]
        await self._transmit({"type": "http.response.start", "status": status, "headers": pairs})

    async def _send(self, data: bytes, *, more: bool = True) -> None:
        await self._transmit({"type": "http.response.body", "body": data, "more_body": more})


def _unauthenticated(message: str) -> Problem:
    return Problem(401, message, headers={"WWW-Authenticate": AUTHENTICATE_HEADER})


def _problem_of(bad: BadMessage) -> Problem:
    status = {"FORBIDDEN": 403, "NOT_FOUND": 404}.get(bad.word, 422)
    errors = (FieldError(("query", "channel"), bad.message),) if status == 422 else ()
    return Problem(status, bad.message, errors=errors)
