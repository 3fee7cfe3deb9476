"""The one place that configures libcurl: every request of the product goes through a handle made here.

A handle connects only to addresses its policy permits, whatever name, spelling, redirect or proxy variable is tried:
libcurl asks ``open_socket`` for the socket of each connect, with the final address. Connections that are kept are
only ever shared by handles of one policy: whoever uses a ``CurlMulti`` gives it one policy for its whole life.
"""

from __future__ import annotations

import errno
import math
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Final

import pycurl

from .guard import AddressPolicy
from .limits import FetchLimits
from .outcomes import Outcome

#: Slower than this for ``read_seconds`` is a timeout: a server that drips bytes must not hold a slot.
SLOW_BYTES_PER_SECOND: Final = 100
_SOCKET_BAD: Final[int] = pycurl.SOCKET_BAD
_BUFFER_BYTES: Final = 262_144
_CUT_SHORT: Final = frozenset((pycurl.E_WRITE_ERROR, pycurl.E_FILESIZE_EXCEEDED))
_WEB: Final = pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS

# Numbers of libcurl's CURLcode (libcurl-errors(3)); pycurl does not name them all.
_OUTCOMES: Final[dict[int, Outcome]] = {
    1: Outcome.BAD_URL,  # unsupported protocol: where a redirect leads, as the request's own is checked before
    3: Outcome.BAD_URL,
    5: Outcome.DNS,
    6: Outcome.DNS,
    7: Outcome.REFUSED,
    18: Outcome.INCOMPLETE,
    28: Outcome.TIMEOUT,
    47: Outcome.TOO_MANY_REDIRECTS,
    52: Outcome.RESET,
    55: Outcome.RESET,
    56: Outcome.RESET,
    63: Outcome.TOO_LARGE,
    **dict.fromkeys((35, 53, 54, 58, 59, 60, 64, 66, 77, 80, 82, 83, 90, 91, 98), Outcome.TLS),
}
_UNREACHABLE: Final = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN))


class _LentSocket(socket.socket):
    """A socket that pycurl duplicates and drops at once; without this, dropping it unclosed would be warned about."""

    def __del__(self) -> None:
        self.close()


class GuardedHandle:
    """One libcurl easy handle that can do only what this product allows.

    It may be used again and again, alone or in a ``CurlMulti``; between two uses only the URL changes.

    Args:
        policy: where it may connect to.
        limits: time, size and redirects.
        write: called with each piece of the body; returns None, or -1 to stop the transfer.
        headers: request header lines ("Accept: image/*").
        follow: follow redirects inside libcurl, at most ``limits.max_redirects``.

    Attributes:
        curl: the ``pycurl.Curl``.
        blocked: "address port p" that was refused since ``begin``, else None.
    """

    __slots__ = ("_no_socket", "_policy", "blocked", "curl")

    def __init__(
        self,
        policy: AddressPolicy,
        limits: FetchLimits,
        *,
        write: Callable[[bytes], int | None],
        headers: Sequence[str] = (),
        follow: bool = True,
    ) -> None:
        self._policy = policy
        self.blocked: str | None = None
        self._no_socket: OSError | None = None
        self.curl = curl = pycurl.Curl()
        curl.setopt(pycurl.OPENSOCKETFUNCTION, self._open_socket)
        # Neither http_proxy nor a .netrc nor a cookie of an earlier answer may take part. A proxy would also make
        # the guard see the proxy's address only.
        curl.setopt(pycurl.PROXY, "")
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.NETRC, pycurl.NETRC_IGNORED)
        curl.setopt(pycurl.PROTOCOLS, _WEB)
        curl.setopt(pycurl.REDIR_PROTOCOLS, _WEB)
        curl.setopt(pycurl.FOLLOWLOCATION, int(follow))
        curl.setopt(pycurl.MAXREDIRS, limits.max_redirects)
        curl.setopt(pycurl.UNRESTRICTED_AUTH, 0)
        curl.setopt(pycurl.HTTP09_ALLOWED, 0)
        # One stuck HTTP/2 connection would hold every transfer of its host.
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.HTTPHEADER, ["Accept-Encoding: identity", *headers])
        curl.setopt(pycurl.USERAGENT, limits.user_agent)
        curl.setopt(pycurl.SSL_VERIFYPEER, 1)
        curl.setopt(pycurl.SSL_VERIFYHOST, 2)
        trusted = _trusted_certificates()
        if trusted:
            curl.setopt(pycurl.CAINFO, trusted)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, math.ceil(limits.connect_seconds * 1000))
        curl.setopt(pycurl.TIMEOUT_MS, math.ceil(limits.total_seconds * 1000))
        curl.setopt(pycurl.LOW_SPEED_LIMIT, SLOW_BYTES_PER_SECOND)
        curl.setopt(pycurl.LOW_SPEED_TIME, max(1, math.ceil(limits.read_seconds)))
        curl.setopt(pycurl.MAXFILESIZE_LARGE, limits.max_bytes)
        curl.setopt(pycurl.BUFFERSIZE, _BUFFER_BYTES)
        curl.setopt(pycurl.WRITEFUNCTION, write)

    def begin(self, url: str, *, seconds: float | None = None) -> None:
        """Aim at an address that ``urls.prepare_url`` has prepared, and forget the last use.

        Args:
            seconds: what this use may take, where an earlier request of the same transfer has used some of its time;
                it holds until it is given again.
        """
        self.blocked = None
        self._no_socket = None
        self.curl.setopt(pycurl.URL, url)
        if seconds is not None:
            self.curl.setopt(pycurl.TIMEOUT_MS, max(1, math.ceil(seconds * 1000)))

    def post(self, url: str, body: bytes) -> tuple[Outcome, str] | None:
        """POST a body, used alone, and return class and sentence of a transfer that failed.

        An answer that the reader cut short, or that was longer than the limit, has not failed: its status was read.

        Args:
            url: as for ``begin``.
        """
        self.begin(url)
        self.curl.setopt(pycurl.POST, 1)
        self.curl.setopt(pycurl.POSTFIELDS, body)
        try:
            self.curl.perform()
        except pycurl.error as error:
            code = error.args[0]
            if code not in _CUT_SHORT or not self.status:
                return self.failure(code, str(error.args[1]))
        return None

    def failure(self, code: int, message: str) -> tuple[Outcome, str]:
        """Return class and sentence of a transfer that ended with a libcurl error."""
        # A name may have a public address beside a private one: only what did not connect at all was blocked.
        if self.blocked is not None and code == pycurl.E_COULDNT_CONNECT:
            return Outcome.BLOCKED_ADDRESS, f"connecting to {self.blocked} is not allowed"
        if code == pycurl.E_COULDNT_CONNECT:
            if self._no_socket is not None:
                return Outcome.UNREACHABLE, f"no socket could be opened: {self._no_socket.strerror}"
            number = self.curl.getinfo(pycurl.OS_ERRNO)
            if number in _UNREACHABLE:
                return Outcome.UNREACHABLE, message
            if number == errno.ETIMEDOUT:
                return Outcome.TIMEOUT, message
        if code == pycurl.E_UNSUPPORTED_PROTOCOL and "HTTP/0.9" in message:
            return Outcome.PROTOCOL, message
        return _OUTCOMES.get(code, Outcome.PROTOCOL), message

    @property
    def status(self) -> int:
        """Status of the last answer, 0 where there was none."""
        status: int = self.curl.getinfo(pycurl.RESPONSE_CODE)
        return status

    @property
    def final_url(self) -> str:
        """Address of the last request, after redirects; "" where libcurl could not read it."""
        return self._told(pycurl.EFFECTIVE_URL)

    @property
    def redirect_url(self) -> str:
        """Address that a redirect which was not followed leads to, absolute; "" where there is none."""
        return self._told(pycurl.REDIRECT_URL)

    @property
    def content_type(self) -> str:
        """Content-Type as the server declared it, "" where it did not."""
        return self._told(pycurl.CONTENT_TYPE)

    @property
    def retry_after(self) -> float | None:
        """Seconds that the server asked to wait (RFC 9110, 10.2.3), None where it said nothing."""
        seconds = self.curl.getinfo(pycurl.RETRY_AFTER)
        return float(seconds) if seconds else None

    @property
    def seconds(self) -> float:
        """How long the last use took."""
        seconds: float = self.curl.getinfo(pycurl.TOTAL_TIME)
        return seconds

    def close(self) -> None:
        """Close the handle and, where it was used alone, its connections."""
        self.curl.close()

    def _told(self, what: int) -> str:
        try:
            return _text(self.curl.getinfo_raw(what))
        except pycurl.error:  # Of an address that libcurl rejects it does not even tell the address.
            return ""

    def _open_socket(self, purpose: int, address: Any) -> socket.socket | int:
        family, kind, protocol, target = address
        if purpose == pycurl.SOCKTYPE_IPCXN and family in (socket.AF_INET, socket.AF_INET6):
            host, port = target[0], target[1]
            # sin6_scope_id is not part of the address that pycurl spells.
            scoped = len(target) > 3 and target[3] != 0
            if not scoped and self._policy.permits(host, port):
                try:
                    return _LentSocket(family, kind, protocol)
                except OSError as error:  # no IPv6 on this machine, too many open files
                    self._no_socket = error
                    return _SOCKET_BAD
            self.blocked = f"{host} port {port}"
        else:
            self.blocked = "something that is no internet address"
        return _SOCKET_BAD


def _text(raw: bytes | None) -> str:
    # A Location or Content-Type may hold any bytes, and what goes into the database must not hold a NUL.
    return raw.decode("utf-8", "replace").replace("\0", "") if raw else ""


def _trusted_certificates() -> str | None:
    """Return the file of trusted certificates: ``SSL_CERT_FILE``, else the system's; None leaves it to libcurl."""
    return os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
