"""What a site reserves in its tdmrep.json is not asked for; a file that is not there, or is none, reserves nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from django.core.cache import cache

from jobs.fetch.books import MAX_BYTES
from jobs.fetch.images import Download, FetchLimits, ImageFetcher
from jobs.fetch.outcomes import Outcome, is_transient
from jobs.fetch.storage import ImageStorage
from jobs.fetch.tdmrep import MAX_RULES, TdmBook
from jobs.fetch.web import WebClient, WebError
from pixtasks.common.net.guard import AddressPolicy

from .site import Site, collect

Fetch = Callable[[str], Download]

ALL = b'[{"location": "/", "tdm-reservation": 1}]'


@pytest.fixture
def other() -> Iterator[Site]:
    server = Site()
    yield server
    server.stop()


@pytest.fixture
def both(site: Site, other: Site, storage: ImageStorage, limits: FetchLimits) -> Iterator[ImageFetcher]:
    policy = AddressPolicy([f"127.0.0.1:{site.port}", f"127.0.0.1:{other.port}"])
    with ImageFetcher(storage, limits, policy) as fetcher:
        yield fetcher


def asked(site: Site) -> list[str]:
    return [path for path, _ in site.requests]


def reserving(*rules: tuple[str, Any], **more: str) -> bytes:
    return json.dumps([{"location": place, "tdm-reservation": value, **more} for place, value in rules]).encode()


def test_no_reserved_address_is_ever_requested(site: Site, fetcher: ImageFetcher) -> None:
    terms = {"tdm-policy": "https://provider.example/policy.json"}
    site.tdmrep = (200, reserving(("/image/10", 0), ("/image/1", 1), ("/*.gif$", 1), **terms), {})
    paths = ["/image/1", "/image/10", "/image/12", "/image/2", "/kind/gif", "/kind/gif?a.gif", "/status/404"]
    for path in paths:
        fetcher.submit(path, site.url(path))
    found = collect(fetcher)
    assert {path: str(found[path].outcome) for path in paths} == {
        "/image/1": "tdm_reserved",
        "/image/10": "stored",
        "/image/12": "tdm_reserved",
        "/image/2": "stored",
        "/kind/gif": "stored",
        "/kind/gif?a.gif": "tdm_reserved",
        "/status/404": "http_404",
    }
    assert sorted(asked(site)) == ["/image/10", "/image/2", "/kind/gif", "/status/404"]
    assert (site.asked_robots, site.asked_tdmrep) == (1, 1)
    refused = found["/image/1"]
    assert (refused.final_url, refused.http_status, refused.draft) == ("", None, None)
    assert refused.detail == (
        f"reserved by http://127.0.0.1:{site.port}/.well-known/tdmrep.json; "
        "its terms: https://provider.example/policy.json"
    )
    assert not is_transient(refused.outcome)


def test_the_file_is_asked_for_once_and_kept_for_the_next_task(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    site.tdmrep = (200, reserving(("/image/3", 1)), {})
    for _ in range(2):
        with ImageFetcher(storage, limits, policy) as fetcher:
            for number in range(50):
                fetcher.submit(number, site.url(f"/image/{number}"))
            found = collect(fetcher)
        assert {number for number, one in found.items() if one.outcome == "tdm_reserved"} == {3, *range(30, 40)}
    assert (site.asked_robots, site.asked_tdmrep) == (1, 1)
    assert not [path for path in asked(site) if path.startswith("/image/3")]
    cache.clear()
    with WebClient(policy, limits) as web:
        assert web.get(site.url("/image/4"), robots=True).status == 200
    assert site.asked_tdmrep == 2


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 500, 503])
def test_a_file_that_cannot_be_had_reserves_nothing(site: Site, fetch: Fetch, status: int) -> None:
    site.tdmrep = (status, ALL, {})
    assert fetch(site.url("/image/1")).outcome == "stored"
    assert site.asked_tdmrep == 1


def test_a_site_that_hangs_up_instead_of_answering_reserves_nothing(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    site.tdmrep = (302, b"", {"Location": "/hangup/"})
    with ImageFetcher(storage, limits, policy) as fetcher:
        fetcher.submit(1, site.url("/image/1"))
        assert collect(fetcher)[1].outcome == "stored"
        fetcher.submit(2, site.url("/image/2"))
        assert collect(fetcher)[2].outcome == "stored"
    assert site.asked_tdmrep == 1


def test_a_failure_is_asked_for_again_sooner_than_an_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    book, now = TdmBook(), [1e9]
    monkeypatch.setattr("jobs.fetch.books.time.time", lambda: now[0])
    book.answered("http://one.test", 503, b"")
    book.answered("http://two.test", 200, ALL)
    assert book.rules("http://one.test") is not None
    now[0] += 601
    assert book.rules("http://one.test") is None
    assert book.rules("http://two.test") is not None
    now[0] += 86_400
    assert book.rules("http://two.test") is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!doctype html><title>Not found</title>",
        b"\0\xff" * 500,
        b"null",
        b'"/"',
        b"[1, null, [], {}]",
        b'[{"tdm-reservation": 1}]',
        b'[{"location": 5, "tdm-reservation": 1}]',
        b'[{"location": "", "tdm-reservation": 1}]',
        b"[" * 100_000,
        reserving(("/", 2)),
        reserving(("/", None)),
        reserving(("/", -1), ("/image/", 1)),
        ALL[:-1] + b" " * MAX_BYTES + b"]",
    ],
)
def test_what_is_no_reservation_reserves_nothing(site: Site, fetch: Fetch, body: bytes) -> None:
    site.tdmrep = (200, body, {})
    assert fetch(site.url("/image/1")).outcome == "stored"


@pytest.mark.parametrize(
    "body",
    [
        ALL,
        b"\xef\xbb\xbf" + ALL,
        b'{"location": "/", "tdm-reservation": 1}',
        reserving(("/", "1")),
        reserving(("image/", 1)),
        reserving(*[("/else", 0)] * (MAX_RULES - 1), ("/", 1), ("/image/", 0)),
    ],
)
def test_a_reservation_is_read_as_it_is_meant(site: Site, fetch: Fetch, body: bytes) -> None:
    site.tdmrep = (200, body, {})
    assert fetch(site.url("/image/1")).outcome == "tdm_reserved"
    assert asked(site) == []


def test_so_many_rules_are_read(site: Site, fetch: Fetch) -> None:
    site.tdmrep = (200, reserving(*[("/else", 0)] * MAX_RULES, ("/", 1)), {})
    assert fetch(site.url("/image/1")).outcome == "stored"


@pytest.mark.parametrize(
    ("location", "path", "reserved"),
    [
        ("/", "/", True),
        ("/a", "/a/b.jpg", True),
        ("/a", "/A", False),
        ("/a/", "/a", False),
        ("/a$", "/a", True),
        ("/a$", "/a?x", False),
        ("/a?x", "/a?x=1", True),
        ("*", "/anything", True),
        ("/*.jpg", "/b/c.jpg?size=1", True),
        ("/*.jpg$", "/b/c.jpg", True),
        ("/*.jpg$", "/b/c.jpg?size=1", False),
        ("/this/*/then", "/this/and/then/more", True),
        ("/this/*/then", "/this/then", False),
        ("/a*a$", "/a", False),
        ("/a*a$", "/aa", True),
        ("/*b*c$", "/xbxbxc", True),
        ("/*b*c$", "/xcxb", False),
        ("/path/foo-%24", "/path/foo-$", True),
        ("/path/foo-$x", "/path/foo-$x", True),
        ("/path/a%2Ab", "/path/a*b", True),
        ("/%7Eowner/", "/~owner/1.jpg", True),
        ("/~owner/", "/%7eowner/1.jpg", True),
        ("/caf%C3%A9/", "/caf%c3%a9/1.jpg", True),
        ("/café/", "/caf%C3%A9/1.jpg", True),
        ("/a%2Fb", "/a/b", False),
    ],
)
def test_patterns_fit_as_the_protocol_says(location: str, path: str, reserved: bool) -> None:
    rules = TdmBook().answered("http://site.test", 200, reserving((location, 1)))
    assert (rules.refuses(f"http://site.test{path}") is not None) == reserved


def test_a_pattern_of_many_stars_is_compared_at_once() -> None:
    """With a regular expression in its place this would not end."""
    rules = TdmBook().answered("http://site.test", 200, reserving(("/" + "*a" * 5000 + "*b$", 1)))
    assert rules.refuses("http://site.test/" + "a" * 7000) is None


def test_the_first_rule_that_fits_counts(site: Site, fetcher: ImageFetcher) -> None:
    site.tdmrep = (200, reserving(("/image/1", 0), ("/image/", 1), ("/image/2", 0), ("/", 0)), {})
    for number in (1, 2):
        fetcher.submit(number, site.url(f"/image/{number}"))
    found = collect(fetcher)
    assert (found[1].outcome, found[2].outcome) == ("stored", "tdm_reserved")


def test_a_header_overrules_what_the_file_leaves_free(site: Site, fetcher: ImageFetcher) -> None:
    site.tdmrep = (200, reserving(("/tagged/", 0)), {})
    fetcher.submit("reserved", site.url("/tagged/?tdm_reservation=1"))
    fetcher.submit("free", site.url("/tagged/?tdm_reservation=0"))
    found = collect(fetcher)
    assert (found["reserved"].outcome, found["reserved"].detail) == (Outcome.TDM_RESERVED, "tdm-reservation: 1")
    assert found["free"].outcome == "stored"


def test_a_redirect_to_what_is_reserved_is_not_followed(site: Site, other: Site, both: ImageFetcher) -> None:
    other.tdmrep = (200, reserving(("/image/1", 1)), {})
    for number in (1, 2):
        both.submit(number, site.url(f"/to/?url={quote(other.url(f'/image/{number}'), safe='')}"))
    found = collect(both)
    assert (found[1].outcome, found[2].outcome) == ("tdm_reserved", "stored")
    assert asked(other) == ["/image/2"]
    assert (site.asked_tdmrep, other.asked_tdmrep) == (1, 1)


def test_redirects_of_the_file_are_followed(site: Site, other: Site, both: ImageFetcher) -> None:
    other.tdmrep = (200, ALL, {})
    site.tdmrep = (302, b"", {"Location": other.url("/.well-known/tdmrep.json")})
    both.submit(1, site.url("/image/1"))
    assert collect(both)[1].outcome == "tdm_reserved"
    assert (asked(site), asked(other)) == ([], [])


def test_a_redirect_of_the_file_does_not_pass_the_guard(site: Site, other: Site, fetcher: ImageFetcher) -> None:
    site.tdmrep = (302, b"", {"Location": other.url("/.well-known/tdmrep.json")})
    fetcher.submit(1, site.url("/image/1"))
    assert collect(fetcher)[1].outcome == "stored"
    assert (other.connections, other.asked_tdmrep) == (0, 0)


@pytest.mark.parametrize("rules", [b"User-agent: *\nDisallow: /image/", b"User-agent: *\nDisallow: /"])
def test_what_the_robots_txt_forbids_needs_no_second_file(site: Site, fetch: Fetch, rules: bytes) -> None:
    site.robots = (200, rules, {})
    site.tdmrep = (200, ALL, {})
    assert fetch(site.url("/image/1")).outcome == "robots"
    assert site.asked_tdmrep == 0


def test_the_file_is_not_asked_for_where_the_robots_txt_forbids_it(site: Site, fetch: Fetch) -> None:
    site.robots = (200, b"User-agent: *\nDisallow: /.well-known/", {})
    site.tdmrep = (200, ALL, {})
    assert fetch(site.url("/image/1")).outcome == "stored"
    assert site.asked_tdmrep == 0


def test_each_file_is_obeyed_without_the_other(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    site.robots, site.tdmrep = (200, b"User-agent: *\nDisallow: /image/1", {}), (200, reserving(("/image/2", 1)), {})
    outcomes = {}
    for robots, tdm_file in ((True, False), (False, True), (False, False)):
        cache.clear()
        with ImageFetcher(storage, replace(limits, robots=robots, tdm_file=tdm_file), policy) as fetcher:
            for number in (1, 2):
                fetcher.submit(number, site.url(f"/image/{number}"))
            found = collect(fetcher)
        outcomes[robots, tdm_file] = (str(found[1].outcome), str(found[2].outcome))
    assert outcomes == {
        (True, False): ("robots", "stored"),
        (False, True): ("stored", "tdm_reserved"),
        (False, False): ("stored", "stored"),
    }
    assert (site.asked_robots, site.asked_tdmrep) == (1, 1)


def test_pages_are_subject_to_the_file_and_interfaces_are_not(site: Site, limits: FetchLimits) -> None:
    site.tdmrep = (200, reserving(("/page/", 1)), {})
    with WebClient(AddressPolicy([f"127.0.0.1:{site.port}"]), limits) as web:
        for path in ("/page/1", "/to/?url=/page/1"):
            with pytest.raises(WebError) as caught:
                web.get(site.url(path), robots=True)
            assert caught.value.outcome == "tdm_reserved"
        assert "/page/1" not in asked(site)
        assert web.get(site.url("/page/1")).status == 200
