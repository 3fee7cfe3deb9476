"""Notices who reaches for the network without being asked to."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_EVENTS = frozenset({"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "subprocess.Popen", "os.system"})
_watchers: list[Callable[[str], None]] = []


class NetworkReached(AssertionError):
    """Somebody reached for the network."""


@contextmanager
def no_network(allowed: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Refuse connections, look-ups of names and new processes of this process while the block runs.

    Seen is what Python knows of. A library that opens its connections itself (libcurl, Rust) is not.

    Args:
        allowed: asked at each attempt.

    Raises:
        NetworkReached: at the end of the block too, should the attempt's own error have been swallowed.
    """
    attempts: list[str] = []

    def watch(what: str) -> None:
        if not allowed():
            attempts.append(what)
            raise NetworkReached(f"reached for the network: {what}")

    if not _installed:
        _installed.append(True)
        sys.addaudithook(_hook)
    _watchers.append(watch)
    try:
        yield
    finally:
        _watchers.remove(watch)
        if attempts:
            raise NetworkReached(f"reached for the network: {'; '.join(attempts)}")


_installed: list[bool] = []  # a hook cannot be taken away again, so there is one


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _watchers and event in _EVENTS:
        detail = arguments[1] if event == "socket.connect" else arguments[0]
        for watch in tuple(_watchers):
            watch(f"{event} {detail}")
