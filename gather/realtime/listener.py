"""One client's place in the fan-out: what it listens to, and a bounded queue of what it has not been sent yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from gather.realtime.frames import Frame
from gather.realtime.signin import Caller
from gather.realtime.sources import Audience

QUEUE_BYTES: Final = 4_000_000
"""Characters of unsent frames per client at most, whatever their number."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """Why a client is sent away: the close code of its WebSocket, and a sentence."""

    code: int
    reason: str


TOO_SLOW: Final = Farewell(4408, "too slow, resume with since")
FULL: Final = Farewell(1013, "this server has as many listeners as it may, try again")
SIGNED_OUT: Final = Farewell(4401, "the sign-in has ended, sign in again")


class Listener:
    """What the hub knows of a client.

    Attributes:
        caller: who it is.
        audience: what it listens to; changed by the hub alone.
        wake: set when there is something to send.
        farewell: done when it must leave.
    """

    def __init__(self, caller: Caller, audience: Audience) -> None:
        self.caller = caller
        self.audience = audience
        self.wake = asyncio.Event()
        self.farewell: asyncio.Future[Farewell] = asyncio.get_running_loop().create_future()
        self._waiting: deque[Frame] = deque()
        self._size = 0

    def push(self, frames: Sequence[Frame]) -> None:
        """Queue frames; a client that does not take them in time must leave and resume."""
        if self.farewell.done():
            return
        self._waiting.extend(frames)
        self._size += sum(len(frame.text) for frame in frames)
        if len(self._waiting) > settings.PIXTASKS_REALTIME_QUEUE or self._size > QUEUE_BYTES:
            self.dismiss(TOO_SLOW)
        self.wake.set()

    def dismiss(self, farewell: Farewell) -> None:
        """Let it leave; what waits for it is dropped."""
        self._waiting.clear()
        self._size = 0
        if not self.farewell.done():
            self.farewell.set_result(farewell)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits for it."""
        return not self._waiting

    @property
    def crowded(self) -> bool:
        """Whether half of its queue is full."""
        return len(self._waiting) > settings.PIXTASKS_REALTIME_QUEUE // 2

    def take(self) -> Frame | None:
        """Return the next frame to send, or None."""
        if not self._waiting:
            return None
        frame = self._waiting.popleft()
        self._size -= len(frame.text)
        return frame

    def take_some(self, most: int) -> list[Frame]:
        """Return the next frames to send, at most so many."""
        return [frame for _ in range(min(most, len(self._waiting))) if (frame := self.take()) is not None]
