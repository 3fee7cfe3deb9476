"""Waiting transfers by host, so that a wait in line costs no connection and no timeout."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class HostQueue(Generic[T]):
    """Hands out waiting items, hosts taking turns, never more than ``per_host`` of one host at a time."""

    __slots__ = ("_active", "_per_host", "_ready", "_waiting", "length")

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._waiting: dict[str, deque[T]] = {}
        self._active: dict[str, int] = {}
        # Hosts that have something waiting and a free place; each at most once.
        self._ready: deque[str] = deque()
        self.length = 0

    def put(self, host: str, item: T) -> None:
        """Add an item at the end of its host's line."""
        self.length += 1
        line = self._waiting.get(host)
        if line is not None:
            line.append(item)
            return
        self._waiting[host] = deque((item,))
        if self._active.get(host, 0) < self._per_host:
            self._ready.append(host)

    def take(self) -> tuple[str, T] | None:
        """Return the next item that may start, with its host; None where every host is busy or nothing waits."""
        if not self._ready:
            return None
        host = self._ready.popleft()
        line = self._waiting[host]
        item = line.popleft()
        active = self._active[host] = self._active.get(host, 0) + 1
        if not line:
            del self._waiting[host]
        elif active < self._per_host:
            self._ready.append(host)
        self.length -= 1
        return host, item

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

    def clear(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()
        self._ready.clear()
        self.length = 0
