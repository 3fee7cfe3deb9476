"""libcurl's multi interface driven by epoll or kqueue: as many sockets as the process may open.

``CurlMulti.select`` stops working at file descriptor 1024 (FD_SETSIZE), silently; so the sockets are watched here
(libcurl, curl_multi_socket_action(3)).
"""

from __future__ import annotations

import selectors
import time
from typing import Any

import pycurl


class CurlLoop:
    """One ``CurlMulti`` with its connections, and the sockets it waits for.

    Args:
        kept_connections: idle connections that are kept open at most.
    """

    def __init__(self, kept_connections: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._due: float | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._multi.setopt(pycurl.M_MAXCONNECTS, kept_connections)

    def add(self, curl: Any) -> None:
        """Start a transfer."""
        self._multi.add_handle(curl)

    def remove(self, curl: Any) -> None:
        """Take a transfer out, finished or not."""
        self._multi.remove_handle(curl)

    def step(self, seconds: float) -> list[tuple[Any, int, str]]:
        """Wait for at most so long until sockets are ready, serve them once, and return what has finished.

        Returns:
            (handle, libcurl error number, message); 0 and "" for a transfer that succeeded.
        """
        now = time.monotonic()
        if self._due is not None:
            if self._due <= now:
                self._due = None
                self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
                seconds = 0.0
            else:
                seconds = min(seconds, self._due - now)
        for key, events in self._selector.select(seconds):
            # An earlier event of this round may have ended this one's connection.
            if key.fd in self._selector.get_map():
                ready = (pycurl.CSELECT_IN if events & selectors.EVENT_READ else 0) | (
                    pycurl.CSELECT_OUT if events & selectors.EVENT_WRITE else 0
                )
                self._multi.socket_action(key.fd, ready)
        return self._finished()

    def close(self) -> None:
        """Close the connections; every transfer was removed before."""
        self._multi.close()
        self._selector.close()

    def _finished(self) -> list[tuple[Any, int, str]]:
        finished: list[tuple[Any, int, str]] = []
        while True:
            left, good, bad = self._multi.info_read()
            finished.extend((curl, 0, "") for curl in good)
            finished.extend(bad)
            if not left:
                return finished

    def _watch(self, what: int, descriptor: int, multi: Any, data: Any) -> None:
        known = descriptor in self._selector.get_map()
        if what == pycurl.POLL_REMOVE:
            if known:
                self._selector.unregister(descriptor)
            return
        events = (selectors.EVENT_READ if what & pycurl.POLL_IN else 0) | (
            selectors.EVENT_WRITE if what & pycurl.POLL_OUT else 0
        )
        if not events:
            if known:
                self._selector.unregister(descriptor)
        elif known:
            self._selector.modify(descriptor, events)
        else:
            self._selector.register(descriptor, events)

    def _set_timer(self, milliseconds: int) -> None:
        self._due = None if milliseconds < 0 else time.monotonic() + milliseconds / 1000
