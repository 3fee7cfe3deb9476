"""Addresses as people and pages write them become addresses that can be sent."""

from __future__ import annotations

import pytest

from pixtasks.common.net.urls import MAX_URL_LENGTH, BadUrlError, prepare_url


@pytest.mark.parametrize(
    ("written", "sent", "host"),
    [
        ("http://example.com", "http://example.com", "example.com"),
        ("HTTPS://Example.COM:8443/a?b=c#d", "HTTPS://Example.COM:8443/a?b=c#d", "example.com"),
        ("http://[2606:4700::1]:80/a", "http://[2606:4700::1]:80/a", "[2606:4700::1]"),
        ("http://my_bucket.example/%41%zz|{}", "http://my_bucket.example/%41%zz|{}", "my_bucket.example"),
        (" http://example.com/a b.jpg\n", "http://example.com/a%20b.jpg", "example.com"),
        ("http://example.com/grün.jpg?q=ü", "http://example.com/gr%C3%BCn.jpg?q=%C3%BC", "example.com"),
        ("http://example.com/已有%20?x[]=%C3", "http://example.com/%E5%B7%B2%E6%9C%89%20?x[]=%C3", "example.com"),
        ("http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC", "xn--bcher-kva.example"),
        ("http://１２７.0.0.1/", "http://127.0.0.1/", "127.0.0.1"),
    ],
)
def test_an_address_is_sent_in_ascii_and_otherwise_as_it_was(written: str, sent: str, host: str) -> None:
    assert prepare_url(written) == (sent, host)


@pytest.mark.parametrize(
    "url",
    ["", "x", "example.com/a.jpg", "//example.com/a", "/a.jpg", "ftp://example.com/", "file:///etc/passwd", "data:,x",
     "gopher://127.0.0.1:6379/_x", "javascript:alert(1)", "http:", "http://", "http:///a", "http://:80/",
     "http://user@example.com/", "http://user:pw@127.0.0.1/", "http://example.com:99999/", "http://example.com:x/",
     "http://exa mple.com/", "http://example.com\\@127.0.0.1/", "http://[::1/", "http://[fe80::1%25eth0]/",
     "http://exämple.com:80:80/", "http://example.com/\0", "http://example.com/a\r\nHost: x", "http://a\udc80.example/",
     "http://example.com/\udc80", "http://" + "a" * MAX_URL_LENGTH + ".example/",
     "http://example.com/" + "ü" * MAX_URL_LENGTH],
)  # fmt: skip
def test_what_cannot_be_requested_says_why(url: str) -> None:
    with pytest.raises(BadUrlError, match=r"address"):
        prepare_url(url)
