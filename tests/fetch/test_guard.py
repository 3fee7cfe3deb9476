"""Which addresses may be connected to (RELIABILITY.md, security checklist, SSRF)."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from pixtasks.common.net.guard import AddressPolicy

PUBLIC = (
    "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.1 93.184.216.34 100.63.255.255 100.128.0.1 126.255.255.255 128.0.0.1 "
    "169.253.255.255 169.255.0.1 172.15.255.255 172.32.0.1 191.255.255.255 192.0.1.1 192.167.255.255 192.169.0.1 "
    "198.17.255.255 198.20.0.1 223.255.255.255 168.63.129.17 "
    "2606:4700:4700::1111 2a00:1450:4001:80b::200e 2620:fe::fe "
    "::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1"
)
REFUSED = (
    "0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.1.2.3 "
    "127.255.255.255 168.63.129.16 169.254.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 "
    "192.0.0.9 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 "
    "203.0.113.7 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 "
    ":: ::1 ::2 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:7f00:1 "
    "::ffff:0:127.0.0.1 ::ffff:0:808:808 64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::808:808 "
    "100::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 "
    "2002:7f00:1::1 2002:a00:1::1 2002:a9fe:a9fe::1 2002:c0a8:101::1 3ffe::1 3fff::1 5f00::1 "
    "2a00:1450::5efe:10.0.0.1 2a00:1450::200:5efe:127.0.0.1 "
    "fc00::1 fd00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 ff0e::1 4000::1 2606:4700::1%eth0 "
    "2130706433 0x7f000001 0177.0.0.1 0x7f.0.0.1 127.1 127.0.1 017700000001 127.0.0.01 1.2.3 localhost example.com "
    "[::1] 127.0.0.1:80 256.1.1.1 1.1.1.1.1 ①②⑦.0.0.1 １.1.1.1"
)


def test_the_table_holds_more_than_a_hundred_forms() -> None:
    forms = PUBLIC.split() + REFUSED.split()
    assert len(set(forms)) == len(forms) > 100


@pytest.mark.parametrize("address", PUBLIC.split())
def test_a_public_address_is_permitted(address: str) -> None:
    assert AddressPolicy().permits(address, 443)


@pytest.mark.parametrize("address", ["", " ", "1.1.1.1 ", "1.1.1.1\n", *REFUSED.split()])
def test_everything_else_is_refused(address: str) -> None:
    assert not AddressPolicy().permits(address, 80)


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_an_impossible_port_is_refused(port: int) -> None:
    assert not AddressPolicy(["10.0.0.0/8"]).permits("10.0.0.1", port)
    assert not AddressPolicy().permits("1.1.1.1", port)


@pytest.mark.parametrize(
    ("entry", "permitted", "refused"),
    [
        ("127.0.0.1:8000", [("127.0.0.1", 8000), ("::ffff:127.0.0.1", 8000)], [("127.0.0.1", 80), ("127.0.0.2", 8000)]),
        ("127.0.0.1", [("127.0.0.1", 1), ("127.0.0.1", 65535)], [("127.0.0.2", 1), ("::1", 1)]),
        ("10.0.0.0/8", [("10.9.8.7", 80)], [("11.0.0.1", 0), ("64:ff9b::a00:1", 80), ("2002:a00:1::1", 80)]),
        ("10.0.0.0/8:8080", [("10.9.8.7", 8080)], [("10.9.8.7", 80)]),
        ("[::1]:80", [("::1", 80)], [("::1", 81), ("::2", 80), ("127.0.0.1", 80)]),
        ("::1", [("::1", 9)], [("::ffff:127.0.0.1", 9)]),
        ("fd00::/8", [("fd12::1", 80)], [("fc00::1", 80), ("fe80::1", 80)]),
        ("[fd00::/8]:443", [("fd12::1", 443)], [("fd12::1", 80)]),
        (" 192.168.1.0/24 ", [("192.168.1.7", 80)], [("192.168.2.7", 80)]),
    ],
)
def test_the_allow_list_wins_for_its_entries_only(
    entry: str, permitted: list[tuple[str, int]], refused: list[tuple[str, int]]
) -> None:
    policy = AddressPolicy([entry])
    assert [target for target in permitted if not policy.permits(*target)] == []
    assert [target for target in refused if policy.permits(*target)] == []
    assert policy.permits("1.1.1.1", 80)
    assert not policy.permits("169.254.169.254", 80)


@pytest.mark.parametrize(
    "entry",
    ["localhost:80", "localhost", "", "10.0.0.1/8", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:0", "127.0.0.1:70000",
     "[::1", "[::1]80", "[::1]:", "10.0.0.0/33", "127.0.0.1:８０", "http://127.0.0.1", "*"],
)  # fmt: skip
def test_a_malformed_entry_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match=r"network|port"):
        AddressPolicy([entry])


def test_the_setting_makes_the_policy(settings: Settings) -> None:
    settings.PIXTASKS_FETCH_ALLOW = ["127.0.0.1:8123"]
    assert AddressPolicy.from_settings().permits("127.0.0.1", 8123)
    settings.PIXTASKS_FETCH_ALLOW = ["somewhere"]
    with pytest.raises(ImproperlyConfigured, match="PIXTASKS_FETCH_ALLOW: 'somewhere'"):
        AddressPolicy.from_settings()
