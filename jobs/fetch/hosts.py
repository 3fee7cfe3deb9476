"""Waiting transfers by host, so that a wait in line costs no connection and no timeout."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class HostQueue(Generic[T]):
    """Hands out waiting items, hosts taking turns, never more than ``per_host`` of one host at a time.

    A host may also be paced (so many seconds from one start to the next) or held (nothing before a moment). Moments are
    those of ``time.monotonic``.

    Args:
        per_host: at the same time.
        pace: of every host.
    """

    __slots__ = ("_active", "_every", "_not_before", "_pace", "_per_host", "_ready", "_resting", "_waiting", "length")

    def __init__(self, per_host: int, pace: float = 0.0) -> None:
        self._per_host = per_host
        self._every = pace
        self._waiting: dict[str, deque[T]] = {}
        self._active: dict[str, int] = {}
        # Hosts that have something waiting and a free place; each at most once, here or among those that rest.
        self._ready: deque[str] = deque()
        self._resting: list[tuple[float, str]] = []
        self._pace: dict[str, float] = {}
        self._not_before: dict[str, float] = {}
        self.length = 0

    @property
    def due(self) -> float | None:
        """The moment at which the next host has rested enough; None where none rests."""
        return self._resting[0][0] if self._resting else None

    def put(self, host: str, item: T, *, first: bool = False) -> None:
        """Add an item at the end of its host's line, or at its head."""
        self.length += 1
        line = self._waiting.get(host)
        if line is not None:
            if first:
                line.appendleft(item)
            else:
                line.append(item)
            return
        self._waiting[host] = deque((item,))
        if self._active.get(host, 0) < self._per_host:
            self._ready.append(host)

    def take(self, now: float) -> tuple[str, T] | None:
        """Return the next item that may start, with its host; None where every host is busy, rests, or is empty."""
        while self._resting and self._resting[0][0] <= now:
            self._ready.append(heapq.heappop(self._resting)[1])
        while self._ready:
            host = self._ready.popleft()
            line = self._waiting[host]
            if not line:  # What stood in it was taken out.
                del self._waiting[host]
                continue
            if self._not_before and (until := self._not_before.get(host, now)) > now:
                heapq.heappush(self._resting, (until, host))
                continue
            item = line.popleft()
            active = self._active[host] = self._active.get(host, 0) + 1
            if (self._pace or self._every) and (seconds := self._pace.get(host, self._every)):
                self._not_before[host] = now + seconds
            if not line:
                del self._waiting[host]
            elif active < self._per_host:
                self._ready.append(host)
            self.length -= 1
            return host, item
        return None

    def release(self, host: str) -> None:
        """Tell that an item of this host has ended."""
        active = self._active[host]
        if active > 1:
            self._active[host] = active - 1
        else:
            del self._active[host]
        # Below its limit it was in line already.
        if active == self._per_host and host in self._waiting:
            self._ready.append(host)

    def pace(self, host: str, seconds: float) -> None:
        """Leave at least so many seconds between two starts at this host from now on."""
        if seconds > self._pace.get(host, self._every):
            self._pace[host] = seconds

    def hold(self, host: str, until: float) -> None:
        """Start nothing at this host before that moment."""
        if until > self._not_before.get(host, 0.0):
            self._not_before[host] = until

    def take_out(self, host: str, unwanted: Callable[[T], bool]) -> list[T]:
        """Take those items out of a host's line and return them."""
        line = self._waiting.get(host)
        if line is None:
            return []
        taken = [item for item in line if unwanted(item)]
        if taken:
            # The line stays, even empty for a moment: its host is among the ready or the resting once.
            kept = [item for item in line if not unwanted(item)]
            line.clear()
            line.extend(kept)
            self.length -= len(taken)
        return taken

    def clear(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()
        self._ready.clear()
        self._resting.clear()
        self.length = 0
