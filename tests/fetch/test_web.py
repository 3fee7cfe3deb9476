"""The way to the network that engines are given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest

from jobs.fetch.images import FetchLimits
from jobs.fetch.web import WebClient, WebError
from pixtasks.common.net.guard import AddressPolicy

from .site import Site, picture


@pytest.fixture
def web(limits: FetchLimits, policy: AddressPolicy) -> Iterator[WebClient]:
    with WebClient(policy, limits) as client:
        yield client


def test_an_answer_comes_whole(site: Site, web: WebClient) -> None:
    response = web.get(site.url("/echo/hello"), headers={"X-Mine": "yes", "Accept": "application/json"})
    assert (response.status, response.url, response.body) == (200, site.url("/echo/hello"), b"hello")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["retry-after"] == "7"
    sent = site.requests[0][1]
    assert (sent["x-mine"], sent["accept"], sent["accept-encoding"]) == ("yes", "application/json", "identity")


@pytest.mark.parametrize("status", [403, 404, 429, 500])
def test_an_error_status_is_an_answer(site: Site, web: WebClient, status: int) -> None:
    response = web.get(site.url(f"/status/{status}?Retry-After=3"))
    assert (response.status, response.headers["retry-after"]) == (status, "3")
    assert b"no" in response.body


def test_nothing_of_one_request_shows_in_the_next(site: Site, web: WebClient) -> None:
    assert web.get(site.url("/cookie/"), headers={"X-Mine": "1"}).headers["set-cookie"]
    response = web.get(site.url("/echo/x"))
    assert response.body == b"x"
    assert "set-cookie" not in response.headers
    assert not {"x-mine", "cookie"} & set(site.requests[1][1])
    assert site.connections == 1


def test_redirects_are_followed_to_their_end(site: Site, web: WebClient) -> None:
    response = web.get(site.url("/hop/5"))
    assert (response.status, response.url, response.body) == (200, site.url("/image/1"), picture(1))


def test_a_key_in_a_header_stays_with_its_site(site: Site, limits: FetchLimits) -> None:
    other = Site()
    try:
        policy = AddressPolicy([f"127.0.0.1:{site.port}", f"127.0.0.1:{other.port}"])
        with WebClient(policy, limits) as web:
            target = quote(other.url("/echo/there"), safe="")
            assert web.get(site.url(f"/to/?url={target}"), headers={"X-Api-Key": "secret"}).body == b"there"
            assert web.get(site.url("/to/?url=/echo/here"), headers={"X-Api-Key": "secret"}).body == b"here"
        assert ["x-api-key" in headers for _, headers in site.requests] == [True, True, True]
        assert ["x-api-key" in headers for _, headers in other.requests] == [False]
    finally:
        other.stop()


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/loop/", "too_many_redirects"),
        ("/hop/6", "too_many_redirects"),
        ("/reset/", "reset"),
        ("/truncated/", "incomplete"),
        ("/garbage/", "protocol"),
        ("/to/?url=file:///etc/passwd", "bad_url"),
        ("/to/?url=http://u:p@127.0.0.1:1/", "blocked_address"),
    ],
)
def test_what_is_no_complete_answer_has_a_class(site: Site, web: WebClient, path: str, outcome: str) -> None:
    with pytest.raises(WebError) as caught:
        web.get(site.url(path))
    assert caught.value.outcome == outcome
    assert caught.value.detail


def test_a_body_above_the_limit_is_cut_off(site: Site, web: WebClient) -> None:
    for path in ("/large/5000", "/endless/"):
        with pytest.raises(WebError) as caught:
            web.get(site.url(path), max_bytes=4000)
        assert caught.value.outcome == "too_large"
    assert web.get(site.url("/echo/abcd"), max_bytes=4).body == b"abcd"


def test_a_server_that_says_nothing_is_a_timeout(site: Site, limits: FetchLimits, policy: AddressPolicy) -> None:
    with WebClient(policy, replace(limits, total_seconds=0.3)) as web, pytest.raises(WebError) as caught:
        web.get(site.url("/silence/"))
    assert caught.value.outcome == "timeout"


def test_an_unknown_name_is_dns_and_no_address_is_a_bad_url(web: WebClient) -> None:
    for url, outcome in (("http://nowhere.invalid/", "dns"), ("nowhere", "bad_url"), ("file:///etc/passwd", "bad_url")):
        with pytest.raises(WebError) as caught:
            web.get(url)
        assert caught.value.outcome == outcome


@pytest.mark.parametrize(("name", "value"), [("X-A", "a\r\nX-B: b"), ("X A", "a"), ("X:A", "a"), ("", "a"), ("X", "ü")])
def test_a_malformed_header_is_not_sent(site: Site, web: WebClient, name: str, value: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        web.get(site.url("/echo/x"), headers={name: value})
    assert site.requests == []
