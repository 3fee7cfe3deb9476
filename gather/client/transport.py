"""One HTTP request and its answer, over connections that are kept: no proxy, no redirect, no cookie.

A redirect is not followed, because the API key would go with it.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from gather.client.errors import TaskServiceError, Timeout, Unavailable, error_of

_LONGEST_ANSWER: Final = 64_000_000
_MOST_IDLE: Final = 8


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Transport:
    """Sends requests to one address; several threads may use it at once.

    Args:
        base_url: http(s)://host[:port][/path].
        headers: of every request.
        timeout: seconds for connecting, and for each wait for bytes.

    Raises:
        ValueError: the address is not of that form.
    """

    def __init__(self, base_url: str, headers: dict[str, str], timeout: float) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname or address.username is not None:
            raise ValueError(f"{base_url!r} is not the address of a task service, such as http://localhost:8000")
        self._secure = address.scheme == "https"
        self._host, self._port = address.hostname, address.port
        self._prefix = address.path.rstrip("/")
        self._headers = {"Accept": "application/json", **headers}
        self._timeout = timeout
        self._trust = ssl.create_default_context() if self._secure else None
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._closed = False

    def send(self, call: Call) -> Any:
        """Return the decoded answer of a request.

        Raises:
            TaskServiceError: there was no good one; its class says why.
        """
        if self._closed:
            raise RuntimeError("this client is closed")
        kept = self._take()
        if kept is not None:
            try:
                return self._exchange(kept, call)
            except (http.client.RemoteDisconnected, ConnectionError):
                pass  # The service closed it while nothing was sent; that says nothing about the service.
            except (OSError, http.client.HTTPException) as error:
                raise _no_answer(error, self._timeout) from error
        try:
            return self._exchange(self._connection(), call)
        except (OSError, http.client.HTTPException) as error:
            raise _no_answer(error, self._timeout) from error

    def close(self) -> None:
        """Close what is kept; what is under way ends by itself."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def __del__(self) -> None:
        # A module-level client is never closed: what it keeps ends with it.
        for connection in getattr(self, "_idle", ()):
            connection.close()

    def _exchange(self, connection: http.client.HTTPConnection, call: Call) -> Any:
        whole = False
        try:
            connection.request(call.method, self._prefix + call.path, call.body, {**self._headers, **call.headers})
            response = connection.getresponse()
            text = response.read(_LONGEST_ANSWER)
            if response.length:
                raise http.client.IncompleteRead(text, response.length)
            whole = response.isclosed() and not response.will_close
        finally:
            if whole:
                self._keep(connection)
            else:
                connection.close()
        try:
            body = json.loads(text) if text else None
        except ValueError:
            body = None
        if 200 <= response.status < 300:
            return body
        raise error_of(response.status, body, _seconds(response.getheader("Retry-After")))

    def _connection(self) -> http.client.HTTPConnection:
        if self._trust is not None:
            return http.client.HTTPSConnection(self._host, self._port, timeout=self._timeout, context=self._trust)
        return http.client.HTTPConnection(self._host, self._port, timeout=self._timeout)

    def _take(self) -> http.client.HTTPConnection | None:
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _keep(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            if not self._closed and len(self._idle) < _MOST_IDLE:
                self._idle.append(connection)
                return
        connection.close()


def _no_answer(error: Exception, timeout: float) -> TaskServiceError:
    if isinstance(error, TimeoutError):
        return Timeout(f"The task service did not answer within {timeout:g} seconds")
    return Unavailable(f"The task service cannot be reached: {str(error) or type(error).__name__}")


def _seconds(header: str | None) -> float | None:
    """Return what Retry-After means in seconds from now: a number, or a date (RFC 9110, 10.2.3)."""
    if header is None:
        return None
    try:
        return max(0.0, float(header) if header.strip().isdecimal() else _until(header))
    except (ValueError, TypeError, OverflowError):
        return None


def _until(date: str) -> float:
    return parsedate_to_datetime(date).timestamp() - time.time()
