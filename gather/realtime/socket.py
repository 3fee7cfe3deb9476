"""One WebSocket: sign-in, the client's messages, and the frames to it (docs/websocket.md)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

from django.db import DatabaseError, InterfaceError

from gather.realtime import catch_up
from gather.realtime.channels import Channels
from gather.realtime.frames import Frame
from gather.realtime.hub import cursor_of, hub, parse_cursor
from gather.realtime.listener import FULL, Farewell, Listener
from gather.realtime.messages import EVERYTHING, MOST_ERRORS, BadMessage, Message, Pace, channel_of, read_message
from gather.realtime.origin import headers_of, origin_allowed
from gather.realtime.signin import Caller, Kind, Refused, credential_of, resolve, shown, sign_in
from gather.realtime.threads import in_thread
from gather.realtime.wire import ShortWay
from pixtasks.common.json import dump_json

logger = logging.getLogger(__name__)
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PATHS: Final = frozenset({"", "/", "/ws", "/ws/"})
SIGN_IN_SECONDS: Final = 10.0
HOLD_SECONDS: Final = 0.25
"""Live frames wait so long after the opening and after each message that comes while they wait: a client that resumes
gets what it missed first."""
_LONGEST_HOLD_SECONDS: Final = 5.0
_PARTING_SECONDS: Final = 5.0
_TURN: Final = 50
"""So many frames to one client at a time, then the others have a turn."""

UNAUTHENTICATED: Final = Farewell(4401, "sign in: a session, ?token= or an authenticate message within 10 seconds")
TOO_MANY_ERRORS: Final = Farewell(4400, f"more than {MOST_ERRORS} messages were refused")
TRY_AGAIN: Final = Farewell(1013, "the database is not available, try again")


class Goodbye(Exception):
    """Ends a connection from within."""

    def __init__(self, farewell: Farewell) -> None:
        super().__init__(farewell.reason)
        self.farewell = farewell


async def websocket(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket (ASGI application)."""
    await receive()
    query = take_query(scope)
    if scope["path"] not in PATHS or not origin_allowed(headers_of(scope)):
        # Before it is open: the server answers 403.
        await send({"type": "websocket.close", "code": 4403})
        return
    await send({"type": "websocket.accept"})
    await Connection(scope, query, receive, send).serve()


def take_query(scope: Scope) -> dict[str, str]:
    """Return the query's parameters and hide the token from whatever logs the address afterwards."""
    raw: bytes = scope.get("query_string", b"")
    query = {name: values[-1] for name, values in parse_qs(raw.decode("latin-1"), keep_blank_values=True).items()}
    if "token" in query:
        scope["query_string"] = b"token=hidden"
    return query


class Connection:
    """An open WebSocket."""

    def __init__(self, scope: Scope, query: dict[str, str], receive: Receive, send: Send) -> None:
        self._scope = scope
        self._query = query
        self._receive = receive
        self._transmit = send
        self._hub = hub()
        self._short_way = ShortWay.found(send)
        self._pace = Pace()
        self._errors = 0
        self._listener: Listener | None = None
        self._channels: Channels | None = None
        self._work: asyncio.Queue[tuple[Message, asyncio.Future[None]]] = asyncio.Queue()

    async def serve(self) -> None:
        """Talk until one side leaves."""
        farewell: Farewell | None = None
        try:
            caller = await self._first_caller()
            if caller is None:
                return
            while caller is not None:
                caller, farewell = await self._serve_as(caller)
        except Goodbye as goodbye:
            farewell = goodbye.farewell
        if farewell is not None:
            await self._part(farewell)

    async def _first_caller(self) -> Caller | None:
        """Return who it is; None where the client left before it said so."""
        if self._hub.is_full:
            raise Goodbye(FULL)
        try:
            credentials = shown(headers_of(self._scope), self._query.get("token"))
            caller = await in_thread(sign_in, credentials)
            if caller is not None:
                return caller
            async with asyncio.timeout(SIGN_IN_SECONDS):
                return await self._authenticated()
        except Refused as refused:
            raise Goodbye(Farewell(4401, str(refused)[:100])) from refused
        except TimeoutError:
            raise Goodbye(UNAUTHENTICATED) from None
        except (DatabaseError, InterfaceError, OSError) as error:
            logger.warning("nobody can sign in: %s", error)
            raise Goodbye(TRY_AGAIN) from error

    async def _authenticated(self) -> Caller | None:
        """Wait for the first good authenticate message."""
        while (message := await self._next_message()) is not None:
            if message.action != "authenticate":
                await self._refuse(BadMessage("UNAUTHORIZED", "authenticate first"))
                continue
            caller = await in_thread(resolve, credential_of(message.token))
            await self._reply(action="authenticated", user=caller.name)
            return caller
        return None

    async def _serve_as(self, caller: Caller) -> tuple[Caller | None, Farewell | None]:
        """Serve a caller until the end, or until it signs in as another: then that one is returned."""
        self._channels = channels = Channels(caller)
        self._listener = listener = Listener(caller, channels.audience)
        reader = asyncio.create_task(self._read())
        writer = asyncio.create_task(self._write(listener, channels))
        try:
            ends: set[asyncio.Future[Any]] = {reader, writer, listener.farewell}
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(listener)
            for task in (reader, writer):
                task.cancel()
            results = await asyncio.gather(reader, writer, return_exceptions=True)
        if listener.farewell in done:
            return None, listener.farewell.result()
        listener.farewell.cancel()
        for result in results:
            if isinstance(result, Goodbye):
                return None, result.farewell
            if isinstance(result, Caller):
                return result, None
            if isinstance(result, Exception) and not isinstance(result, OSError):
                raise result
        return None, None

    async def _read(self) -> Caller | None:
        """Take messages until the client leaves; return whom it signed in as, where that is another."""
        while (message := await self._next_message()) is not None:
            if message.action == "authenticate":
                caller = await self._signed_in_anew(message.token)
                if caller is not None:
                    return caller
            else:
                # The writer does it, between two frames; the next message is read when it is done.
                done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._work.put_nowait((message, done))
                assert self._listener is not None
                self._listener.wake.set()
                await done
        return None

    async def _signed_in_anew(self, token: str) -> Caller | None:
        """Take a fresh credential of the same user; return the caller where ``local`` becomes somebody."""
        assert self._listener is not None
        now = self._listener.caller
        try:
            caller = await in_thread(resolve, credential_of(token))
        except Refused as refused:
            raise Goodbye(Farewell(4401, str(refused)[:100])) from refused
        except (DatabaseError, InterfaceError, OSError):
            await self._refuse(BadMessage("UNAVAILABLE", TRY_AGAIN.reason))
            return None
        if now.credential.kind != Kind.ANONYMOUS and (caller.user, caller.is_staff) != (now.user, now.is_staff):
            await self._refuse(BadMessage("FORBIDDEN", "this connection belongs to another user, open a new one"))
            return None
        await self._reply(action="authenticated", user=caller.name)
        if now.credential.kind == Kind.ANONYMOUS:
            return caller
        self._listener.caller = caller
        return None

    async def _write(self, listener: Listener, channels: Channels) -> None:
        """Send what the client asked for, then frames as they come."""
        await self._begin(listener, channels)
        loop = asyncio.get_running_loop()
        live_at = loop.time() + HOLD_SECONDS
        latest = live_at + _LONGEST_HOLD_SECONDS
        while True:
            listener.wake.clear()
            while not self._work.empty():
                message, done = self._work.get_nowait()
                await self._change(message, listener, channels)
                done.set_result(None)
                if loop.time() < live_at:
                    live_at = min(latest, loop.time() + HOLD_SECONDS)
            remaining = live_at - loop.time()
            if remaining > 0:
                await _until_set(listener.wake, remaining)
                continue
            while self._work.empty() and (frames := listener.take_some(_TURN)):
                await self._send_frames([frame for frame in frames if channels.is_new(frame)])
                if not listener.is_idle:
                    await asyncio.sleep(0)
            if self._work.empty():
                await listener.wake.wait()

    async def _begin(self, listener: Listener, channels: Channels) -> None:
        since = None
        try:
            if "channel" in self._query:
                await channels.subscribe(channel_of(self._query["channel"]))
                listener.audience = channels.audience
            if "since" in self._query:
                since = parse_cursor(self._query["since"])
                if since is None:
                    raise BadMessage("VALIDATION_ERROR", '"since" in the address is the cursor of a frame')
        except BadMessage as bad:
            await self._refuse(bad)

        async def send_new(frame: Frame) -> None:
            if channels.is_new(frame):
                await self._send_frame(frame)

        try:
            positions = await catch_up.join(self._hub, listener, since, send_new)
        except catch_up.TooFarBack:
            await self._refuse(BadMessage("GONE", "since is too long ago: ask the API, then go on from now"))
            positions = self._hub.join(listener)
        channels.cursor = cursor_of(positions)

    async def _change(self, message: Message, listener: Listener, channels: Channels) -> None:
        """Do what a message asks for; with ``since`` what was missed is sent first."""
        try:
            if message.action == "ping":
                if listener.is_idle:
                    channels.cursor = cursor_of(self._hub.positions)
                await self._reply(action="pong", cursor=channels.cursor)
                return
            if message.action == "unsubscribe":
                channels.unsubscribe(message.channel)
                self._hub.listen(listener, channels.audience)
                await self._reply(action="unsubscribed", channel=message.channel)
                return
            if message.channel == EVERYTHING and message.since is not None:
                raise BadMessage("VALIDATION_ERROR", 'resume "all" with ?channel=all&since=<cursor> in the address')
            await channels.subscribe(message.channel)
            if message.since is None:
                self._hub.listen(listener, channels.audience)
            else:
                await channels.replay(message.channel, message.since, self._send_frame)
                self._hub.listen(listener, channels.audience)
                # What the feed read in between is told by nobody else.
                await channels.replay(message.channel, message.since, self._send_frame)
            await self._reply(action="subscribed", channel=message.channel)
        except BadMessage as bad:
            await self._refuse(bad)

    async def _next_message(self) -> Message | None:
        """Return the next good message; None when the client has left."""
        while True:
            event = await self._receive()
            if event["type"] == "websocket.disconnect":
                return None
            delay = self._pace.delay()
            if delay:
                await asyncio.sleep(delay)  # The server stops reading from the client meanwhile.
            try:
                return read_message(event)
            except BadMessage as bad:
                await self._refuse(bad)

    async def _refuse(self, bad: BadMessage) -> None:
        self._errors += 1
        if self._errors > MOST_ERRORS:
            raise Goodbye(TOO_MANY_ERRORS)
        await self._transmit({"type": "websocket.send", "text": bad.text})

    async def _reply(self, **document: Any) -> None:
        await self._transmit({"type": "websocket.send", "text": dump_json(document).decode()})

    async def _send_frames(self, frames: Sequence[Frame]) -> None:
        if self._short_way is not None and frames:
            await self._short_way.write(b"".join([frame.wire for frame in frames]))
            return
        for frame in frames:
            await self._send_frame(frame)

    async def _send_frame(self, frame: Frame) -> None:
        await self._transmit({"type": "websocket.send", "text": frame.text})

    async def _part(self, farewell: Farewell) -> None:
        """Close; a client that does not even take that is cut off."""
        close = {"type": "websocket.close", "code": farewell.code, "reason": farewell.reason}
        try:
            async with asyncio.timeout(_PARTING_SECONDS):
                await self._transmit(close)
        except TimeoutError:
            cut_off(self._transmit)
        except (OSError, RuntimeError):
            pass  # It has left already.


def cut_off(send: Send) -> None:
    """Drop a connection whose client does not read: the server would go on waiting for it to."""
    # ASGI has no word for that; uvicorn's send belongs to something that has a transport.
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()


async def _until_set(event: asyncio.Event, seconds: float) -> None:
    # Not asyncio.wait_for: that of Python 3.11 loses a cancellation that comes together with the event.
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
