"""Reads what has happened and hands it to who listens: one feed per event loop, while anybody listens."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections, connection, connections

from gather.realtime.frames import Frame, Line
from gather.realtime.listener import SIGNED_OUT, Listener
from gather.realtime.signin import Caller, Refused, resolve
from gather.realtime.sources import SOURCES, Audience, Position
from gather.realtime.threads import in_thread

logger = logging.getLogger(__name__)

RECHECK_SECONDS: Final = 30.0
_MOST_PATIENCE: Final = 5.0
_BUSY_SECONDS: Final = 0.1
_BURST_PAUSES: Final = (0.0, *([0.05] * 20))
Positions = tuple[Position, ...]


def cursor_of(positions: Positions) -> str:
    """Return from where a client goes on that has had everything up to these positions."""
    return ".".join(str(position.horizon) for position in positions)


def parse_cursor(text: str) -> tuple[int, ...] | None:
    """Return the ids of a cursor, or None where it is none."""
    parts = text.split(".")
    if len(parts) != len(SOURCES) or not all(part.isascii() and part.isdecimal() for part in parts):
        return None
    if any(len(part) > 18 for part in parts):
        return None
    return tuple(int(part) for part in parts)


class Hub:
    """Everybody who listens in one event loop. All methods belong to that loop."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self.positions: Positions = ()
        self._by_owner: defaultdict[int, set[Listener]] = defaultdict(set)
        self._by_task: defaultdict[str, set[Listener]] = defaultdict(set)
        self._everything: set[Listener] = set()
        self._received: set[Listener] = set()
        self._running: list[asyncio.Task[None]] = []
        self._ready: asyncio.Event | None = None

    @property
    def is_full(self) -> bool:
        """Whether this process serves as many clients as it may."""
        return len(self.listeners) >= settings.PIXTASKS_REALTIME_CLIENTS

    async def ready(self, listener: Listener) -> None:
        """Let a client in, who hears nothing yet, and wait until the feed runs."""
        self.listeners.add(listener)
        if self._ready is None:
            self._ready = asyncio.Event()
            self._running = [asyncio.create_task(self._feed(self._ready)), asyncio.create_task(self._recheck())]
        await self._ready.wait()

    def join(self, listener: Listener) -> Positions:
        """Let a client that is in hear what is read from now on; return where that begins."""
        self._index(listener)
        return self.positions

    def leave(self, listener: Listener) -> None:
        """Forget a client; without any the feed ends."""
        self.listeners.discard(listener)
        self._unindex(listener)
        if not self.listeners and self._ready is not None:
            for task in self._running:
                task.cancel()
            self._running = []
            self._ready = None
            self.positions = ()

    def listen(self, listener: Listener, audience: Audience) -> None:
        """Change what a client listens to."""
        self._unindex(listener)
        listener.audience = audience
        self._index(listener)

    def _index(self, listener: Listener) -> None:
        audience = listener.audience
        for owner in audience.owners:
            self._by_owner[owner].add(listener)
        for task in audience.tasks:
            self._by_task[task].add(listener)
        if audience.everything:
            self._everything.add(listener)
        if audience.received and (audience.owners or audience.everything):
            self._received.add(listener)

    def _unindex(self, listener: Listener) -> None:
        audience = listener.audience
        for owner in audience.owners:
            _drop(self._by_owner, owner, listener)
        for task in audience.tasks:
            _drop(self._by_task, task, listener)
        self._everything.discard(listener)
        self._received.discard(listener)

    def _deliver(self, frames: list[Frame]) -> None:
        """Give every listener its frames of a batch, in order, at once."""
        shares: defaultdict[Listener, list[Frame]] = defaultdict(list)
        for frame in frames:
            heard: set[Listener] = self._received if frame.for_staff else self._everything
            own = self._by_owner.get(frame.owner) if frame.owner is not None else None
            asked = self._by_task.get(frame.task)
            if own or asked:
                heard = heard.union(own or (), asked or ())
            for listener in heard:
                shares[listener].append(frame)
        for listener, share in shares.items():
            listener.push(share)

    async def _feed(self, ready: asyncio.Event) -> None:
        """Read and deliver until cancelled; a database that is away is asked again until it answers."""
        loop = asyncio.get_running_loop()
        thread = ThreadPoolExecutor(1, thread_name_prefix="realtime-feed")
        patience = pause = float(settings.PIXTASKS_REALTIME_POLL_SECONDS)
        try:
            while True:
                try:
                    if not ready.is_set():
                        self.positions = await loop.run_in_executor(thread, _start)
                    frames, positions, more = await loop.run_in_executor(thread, _read, self.positions)
                except Exception as error:
                    if not isinstance(error, DatabaseError | InterfaceError | OSError):
                        logger.exception("live progress could not be read, trying again")
                    else:
                        logger.warning("live progress waits for the database: %s", error)
                    await loop.run_in_executor(thread, _forget_connection)
                    patience = min(2 * patience, _MOST_PATIENCE)
                    await asyncio.sleep(patience)
                    continue
                patience = pause
                # Without a pause between these two: who joins is either before the batch or after it.
                self.positions = positions
                self._deliver(frames)
                # Only after the first read: by then the gaps of what was deleted or rolled back long ago are closed.
                ready.set()
                if more:
                    await self._let_them_take()
                else:
                    # While something happens, more often: smaller batches reach the last of many clients sooner.
                    await asyncio.sleep(min(pause, _BUSY_SECONDS) if frames else pause)
        finally:
            thread.submit(connections.close_all)
            thread.shutdown(wait=False)

    async def _let_them_take(self) -> None:
        """Give clients a moment between the batches of a burst: it is not they who are slow."""
        for pause in _BURST_PAUSES:
            await asyncio.sleep(pause)
            if not any(listener.crowded for listener in self.listeners):
                return

    async def _recheck(self) -> None:
        """Ask again and again whether everybody may still listen."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            callers = defaultdict(list)
            for listener in self.listeners:
                callers[listener.caller].append(listener)
            for caller, listeners in callers.items():
                if not await still_welcome(caller):
                    for listener in listeners:
                        listener.dismiss(SIGNED_OUT)
                        listener.wake.set()


async def still_welcome(caller: Caller) -> bool:
    """Whether a caller's credential still leads to the same user and rights; True while nobody can tell."""
    try:
        return await in_thread(resolve, caller.credential) == caller
    except Refused:
        return False
    except Exception as error:
        logger.exception("whether a client may go on listening is not known: %s", type(error).__name__)
        return True


def _forget_connection() -> None:
    connection.close()


def _start() -> Positions:
    close_old_connections()
    return tuple(source.start() for source in SOURCES)


def _read(positions: Positions) -> tuple[list[Frame], Positions, bool]:
    """Return the new frames of all sources, the positions after them, and whether there is more."""
    connection.close_if_unusable_or_obsolete()
    frames: list[Frame] = []
    more = False
    for index, source in enumerate(SOURCES):
        lines, position, unread = source.read(positions[index])
        positions = (*positions[:index], position, *positions[index + 1 :])
        frames += framed(lines, positions, index)
        more = more or unread
    return frames, positions, more


def framed(lines: Sequence[Line], positions: Positions, index: int) -> list[Frame]:
    """Return a source's lines ready to be sent; each cursor lies below the first line that is still unsent."""
    horizons = [position.horizon for position in positions]
    end = horizons[index]
    frames = []
    for line, following in zip_longest(lines, lines[1:]):
        horizons[index] = end if following is None else min(end, following.row - 1)
        frames.append(line.frame(".".join(map(str, horizons))))
    return frames


def _drop(index: dict[Any, set[Listener]], key: object, listener: Listener) -> None:
    listeners = index.get(key)
    if listeners is not None:
        listeners.discard(listener)
        if not listeners:
            del index[key]


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def hub() -> Hub:
    """Return the hub of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]
