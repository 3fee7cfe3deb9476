"""Decides which network addresses this product may connect to (RELIABILITY.md, security checklist, SSRF).

The decision is made about the address of a socket, at the moment of each connect, never about a name: names change
their address between two look-ups, and an address has dozens of spellings.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

# Python's is_global differs between patch releases (192.0.0.8 is global before 3.11.10), so the list is our own:
# the IANA special-purpose registries, and 168.63.129.16, which looks public and is Azure's host agent.
_REFUSED_V4: Final = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Only global unicast can be public at all. 2001::/23 holds Teredo (2001::/32), benchmarking and ORCHID.
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3ffe::/16", "3fff::/20"))
_NAT64: Final = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR: Final = IPv6Network("2002::/16")
_ISATAP: Final = (0x00005EFE, 0x02005EFE)


class AddressPolicy:
    """Which addresses may be connected to: every public one, and those of an explicit list.

    Args:
        allow: entries ``network[:port]`` that are allowed although they are not public: ``127.0.0.1:8000``,
            ``10.0.0.0/8``, ``[::1]:80``, ``fd00::/8``. Without a port the entry holds for all ports.

    Raises:
        ValueError: an entry is not of that form.
    """

    __slots__ = ("_allowed",)

    def __init__(self, allow: Iterable[str] = ()) -> None:
        self._allowed = tuple(_entry(text) for text in allow)

    @classmethod
    def from_settings(cls) -> AddressPolicy:
        """Return the policy of ``PIXTASKS_FETCH_ALLOW``.

        Raises:
            ImproperlyConfigured: an entry is malformed.
        """
        try:
            return cls(settings.PIXTASKS_FETCH_ALLOW)
        except ValueError as error:
            raise ImproperlyConfigured(f"PIXTASKS_FETCH_ALLOW: {error}") from error

    def permits(self, address: str, port: int) -> bool:
        """Tell whether a socket may connect there.

        Args:
            address: the address in canonical form, as ``getpeername`` or libcurl give it; anything else (a name,
                a decimal or octal number) is refused.
            port: 1–65535.
        """
        try:
            ip: _Address = ip_address(address)
        except ValueError:
            return False
        if not 0 < port < 65536:
            return False
        # ::ffff:a.b.c.d is a.b.c.d for the socket; the other embeddings go through a relay and stay what they are.
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        return is_public(ip) or any(
            ip in network for network, only in self._allowed if only in (None, port) and network.version == ip.version
        )


def is_public(ip: _Address) -> bool:
    """Tell whether the address belongs to a host of the public internet.

    An IPv6 address that carries an IPv4 one (mapped, 6to4, NAT64, ISATAP) is as public as what it carries.
    """
    if isinstance(ip, IPv4Address):
        return ip.is_global and not any(ip in network for network in _REFUSED_V4)
    if ip.scope_id is not None:
        return False
    if ip.ipv4_mapped is not None:
        return is_public(ip.ipv4_mapped)
    number = int(ip)
    if ip in _NAT64:
        return is_public(IPv4Address(number & 0xFFFFFFFF))
    if ip in _SIX_TO_FOUR:
        return is_public(IPv4Address(number >> 80 & 0xFFFFFFFF))
    if number >> 32 & 0xFFFFFFFF in _ISATAP and not is_public(IPv4Address(number & 0xFFFFFFFF)):
        return False
    return ip in _GLOBAL_V6 and ip.is_global and not any(ip in network for network in _REFUSED_V6)


def _entry(text: str) -> tuple[_Network, int | None]:
    network, colon, port = text.strip(), "", ""
    if network.startswith("["):
        network, closing, port = network[1:].partition("]")
        if not closing or (port and not port.startswith(":")):
            raise ValueError(f"{text!r} is not network[:port]; write [::1]:8000 or [fd00::/8]")
        colon, port = port[:1], port[1:]
    elif network.count(":") == 1:
        network, colon, port = network.partition(":")
    try:
        parsed = ip_network(network)
    except ValueError as error:
        raise ValueError(f"{text!r} is not network[:port], such as 127.0.0.1:8000 or 10.0.0.0/8 ({error})") from None
    if not colon:
        return parsed, None
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(f"{text!r}: the port must be a number from 1 to 65535")
    return parsed, int(port)
