"""The server never connects to a private address, however the address is spelled or reached (SSRF)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from jobs.fetch.images import Download, FetchLimits, ImageFetcher
from jobs.fetch.storage import ImageStorage
from jobs.fetch.web import WebClient, WebError
from pixtasks.common.net.guard import AddressPolicy

from .site import Site, collect

HOSTS = (
    "127.0.0.1 127.1 127.0.1 2130706433 0x7f000001 0x7f.0.0.1 0177.0.0.1 017700000001 127.0.0.1. 127.8.9.10 0 0.0.0.0 "
    "localhost LOCALHOST 127.0.0.%31 １２７.0.0.1 [::1] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] "
    "[::127.0.0.1] [64:ff9b::7f00:1] [2002:7f00:1::1] 10.0.0.1 167772161 172.16.0.1 192.168.1.1 100.64.0.1 "
    "169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 [::ffff:169.254.169.254] [fd00:ec2::254] [fe80::1] "
    "192.0.0.8 224.0.0.1 255.255.255.255 [2001::1] [2001:db8::1] [ff02::1]"
)


def _ipv6() -> bool:
    try:
        socket.socket(socket.AF_INET6).close()
    except OSError:
        return False
    return True


BLOCKED = {"blocked_address"} if _ipv6() else {"blocked_address", "dns"}


@pytest.fixture
def victim() -> Iterator[Site]:
    """Something on this machine that must never be reached."""
    server = Site()
    yield server
    server.stop()


def test_no_spelling_of_a_private_address_is_connected_to(
    victim: Site, storage: ImageStorage, limits: FetchLimits
) -> None:
    with ImageFetcher(storage, limits, AddressPolicy()) as fetcher:
        for host in HOSTS.split():
            fetcher.submit(host, victim.url("/image/1", host))
        found = collect(fetcher)
    # 127.0.0.%31 is no host name to begin with.
    assert found.pop("127.0.0.%31").outcome == "bad_url"
    assert {host: download.outcome for host, download in found.items() if download.outcome not in BLOCKED} == {}
    assert all("is not allowed" in download.detail for download in found.values() if download.outcome != "dns")
    assert victim.connections == 0


def test_no_redirect_leads_to_a_private_address(site: Site, victim: Site, fetcher: ImageFetcher) -> None:
    for host in HOSTS.split():
        target = quote(victim.url("/image/1", host), safe="")
        fetcher.submit(host, site.url(f"/to/?url={target}"))
    found = collect(fetcher)
    for host in ("127.0.0.%31", "１２７.0.0.1"):
        assert found.pop(host).outcome in BLOCKED | {"bad_url", "dns"}
    assert {host: download.outcome for host, download in found.items() if download.outcome not in BLOCKED} == {}
    assert victim.connections == 0


def test_the_allowed_port_does_not_open_its_neighbours(
    site: Site, victim: Site, fetch: Callable[[str], Download]
) -> None:
    assert fetch(site.url("/image/1")).outcome == "stored"
    assert fetch(victim.url("/image/1")).outcome == "blocked_address"
    assert victim.connections == 0


def test_a_kept_connection_is_not_used_under_another_policy(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    with ImageFetcher(storage, limits, policy) as open_one, ImageFetcher(storage, limits, AddressPolicy()) as strict:
        for number in range(3):
            open_one.submit(number, site.url("/image/1"))
            assert collect(open_one)[number].outcome == "stored"
            strict.submit(number, site.url("/image/1"))
            assert collect(strict)[number].outcome == "blocked_address"
    assert site.connections == 1


def test_engines_pass_the_same_guard(site: Site, victim: Site, limits: FetchLimits, policy: AddressPolicy) -> None:
    with WebClient(policy, limits) as web:
        for host in ("127.0.0.1", "2130706433", "[::ffff:127.0.0.1]", "169.254.169.254", "localhost"):
            target = victim.url("/image/1", host)
            for url in (target, site.url(f"/to/?url={quote(target, safe='')}")):
                with pytest.raises(WebError) as caught:
                    web.get(url)
                assert caught.value.outcome in BLOCKED
    assert victim.connections == 0
