"""Listening sockets: what an address means for those who call it, and a clear sentence where it is not to be had."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from pixtasks.common.errors import PixtasksError

_BACKLOG = 2048


class CannotListen(PixtasksError):
    """The address cannot be used."""


@dataclass(frozen=True, slots=True)
class Listener:
    """A listening socket and what others need to know of it.

    Args:
        socket: the open socket; web servers are given it, so a restart of theirs refuses nobody.
        host: the address to call, as it stands in a URL ("127.0.0.1", "[::1]", "pictures.example").
        address: the address as an IP literal, without brackets.
        port: the port it got.
        is_loopback: only this machine can call it.
        names: what callers may write into the Host header.
    """

    socket: socket.socket
    host: str
    address: str
    port: int
    is_loopback: bool
    names: tuple[str, ...]

    @property
    def url(self) -> str:
        """``http://host:port``"""
        return f"http://{self.host}:{self.port}"

    @property
    def endpoint(self) -> str:
        """``address:port``, an IPv6 address in brackets."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def listen(host: str, port: int) -> Listener:
    """Open a listening TCP socket.

    Args:
        host: an IP address or a name of this machine; 0.0.0.0 or :: for all addresses.
        port: 0 picks a free one.

    Raises:
        CannotListen: the port is taken, or the address is none of this machine; the sentence says what to do.
    """
    host = host.strip().removeprefix("[").removesuffix("]")
    try:
        family, _, _, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (socket.gaierror, UnicodeError, OverflowError) as error:
        raise CannotListen(f"{host!r} is not an address of this machine. Use 127.0.0.1, or 0.0.0.0 for all.") from error
    literal = str(where[0]).partition("%")[0]
    try:
        sock = socket.create_server(
            (str(where[0]), port),
            family=family,
            backlog=_BACKLOG,
            dualstack_ipv6=literal == "::" and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        raise CannotListen(_reason(host, port, error)) from error
    # Accepted connections inherit it; a web server that is given the socket by number may not set it itself.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    address = ipaddress.ip_address(literal)
    called = _own_address(address) if address.is_unspecified else literal
    bracketed = f"[{called}]" if ":" in called else called
    is_name = host not in {literal, ""}
    return Listener(
        socket=sock,
        host=host if is_name else bracketed,
        address=called,
        port=sock.getsockname()[1],
        is_loopback=address.is_loopback,
        names=_names(host, address) if address.is_unspecified else tuple({host if is_name else bracketed, bracketed}),
    )


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} of {host} is taken by another program. Use another --port, or --port 0 for a free one."
    if error.errno == errno.EACCES:
        return f"Port {port} needs administrator's rights. Choose one above 1023 with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine. Use 127.0.0.1, or 0.0.0.0 for all."
    return f"Cannot listen on {host} port {port}: {error.strerror or error}."


def _own_address(wildcard: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return the address by which this machine calls itself where it listens on all."""
    return "127.0.0.1" if wildcard.version == 4 or socket.has_dualstack_ipv6() else "::1"


def _names(host: str, wildcard: ipaddress.IPv4Address | ipaddress.IPv6Address) -> tuple[str, ...]:
    """Return this machine's name and the addresses by which others are likely to call it."""
    names = {host, socket.gethostname()}
    for family, probe in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as sock:
                sock.connect((probe, 9))  # Sends nothing: it asks which own address would be used.
                own = str(sock.getsockname()[0])
        except OSError:
            continue
        names.add(f"[{own}]" if family == socket.AF_INET6 else own)
    return tuple(sorted(names))
