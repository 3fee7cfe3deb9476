"""What a site's owner forbids is not asked for; what is asked for and reserved is not kept."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import quote

import pytest
from django.core.cache import cache

from jobs.fetch.books import MAX_BYTES
from jobs.fetch.images import Download, FetchLimits, ImageFetcher
from jobs.fetch.outcomes import Outcome, is_transient
from jobs.fetch.storage import ImageStorage
from jobs.fetch.tags import refusing_directive
from jobs.fetch.web import WebClient, WebError
from pixtasks.common.net.guard import AddressPolicy

from .site import Site, collect

Fetch = Callable[[str], Download]

RULES = b"""
User-agent: otherbot
Disallow: /

User-agent: *
Disallow: /image/

User-agent: pixtasks
Disallow: /image/1
Allow: /image/10
Disallow: /*.gif$
"""


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


def test_no_forbidden_address_is_ever_requested(site: Site, fetcher: ImageFetcher) -> None:
    site.robots = (200, RULES, {})
    paths = ["/image/1", "/image/10", "/image/12", "/image/2", "/kind/gif", "/kind/gif?a.gif", "/status/404"]
    for path in paths:
        fetcher.submit(path, site.url(path))
    found = collect(fetcher)
    assert {path: str(found[path].outcome) for path in paths} == {
        "/image/1": "robots",
        "/image/10": "stored",
        "/image/12": "robots",
        "/image/2": "stored",
        "/kind/gif": "stored",
        "/kind/gif?a.gif": "robots",
        "/status/404": "http_404",
    }
    assert sorted(asked(site)) == ["/image/10", "/image/2", "/kind/gif", "/status/404"]
    assert site.asked_robots == 1
    refused = found["/image/1"]
    assert (refused.final_url, refused.http_status, refused.draft) == ("", None, None)
    assert refused.detail == f"forbidden by http://127.0.0.1:{site.port}/robots.txt"
    assert not is_transient(refused.outcome)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_site_without_rules_allows_everything(site: Site, fetch: Fetch, status: int) -> None:
    site.robots = (status, b"User-agent: *\nDisallow: /", {})
    assert fetch(site.url("/image/1")).outcome == "stored"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_site_whose_rules_cannot_be_had_is_left_alone_for_now(site: Site, fetch: Fetch, status: int) -> None:
    site.robots = (status, b"", {})
    download = fetch(site.url("/image/1"))
    assert (download.outcome, asked(site)) == (Outcome.ROBOTS_UNAVAILABLE, [])
    assert str(status) in download.detail
    assert is_transient(download.outcome)


def test_a_site_that_hangs_up_instead_of_telling_its_rules_is_left_alone(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    site.robots = (302, b"", {"Location": "/silence/"})
    with ImageFetcher(storage, replace(limits, total_seconds=0.3), policy) as fetcher:
        fetcher.submit(1, site.url("/image/1"))
        download = collect(fetcher)[1]
    assert download.outcome == Outcome.ROBOTS_UNAVAILABLE
    assert asked(site) == ["/silence/"]


def test_rules_are_asked_for_once_and_kept_for_the_next_task(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    site.robots = (200, b"User-agent: *\nDisallow: /image/3", {})
    for _ in range(2):
        with ImageFetcher(storage, limits, policy) as fetcher:
            for number in range(50):
                fetcher.submit(number, site.url(f"/image/{number}"))
            found = collect(fetcher)
        assert {number for number, one in found.items() if one.outcome == "robots"} == {3, *range(30, 40)}
    assert site.asked_robots == 1
    assert not [path for path in asked(site) if path.startswith("/image/3")]
    cache.clear()
    with WebClient(policy, limits) as web:
        assert web.get(site.url("/image/4"), robots=True).status == 200
    assert site.asked_robots == 2


def test_a_redirect_to_what_is_forbidden_is_not_followed(site: Site, other: Site, both: ImageFetcher) -> None:
    site.robots = (200, b"User-agent: *\nDisallow: /image/", {})
    other.robots = (200, b"User-agent: *\nDisallow: /image/1\n", {})
    away = other.url("/image/1")
    targets = {
        "here": "/image/1",
        "there": away,
        "twice": f"/to/?url={quote(away, safe='')}",
        "open": other.url("/image/2"),
    }
    for name, target in targets.items():
        both.submit(name, site.url(f"/to/?url={quote(target, safe='')}"))
    found = collect(both)
    assert {name: str(one.outcome) for name, one in found.items()} == {
        "here": "robots",
        "there": "robots",
        "twice": "robots",
        "open": "stored",
    }
    assert found["there"].final_url == away
    assert found["open"].final_url == other.url("/image/2")
    assert all(path.startswith("/to/") for path in asked(site))
    assert asked(other) == ["/image/2"]
    assert (site.asked_robots, other.asked_robots) == (1, 1)


def test_redirects_of_the_rules_are_followed_five_times(site: Site, other: Site, both: ImageFetcher) -> None:
    other.robots = (200, b"User-agent: *\nDisallow: /image/", {})
    site.robots = (302, b"", {"Location": other.url("/robots.txt")})
    both.submit(1, site.url("/image/1"))
    assert collect(both)[1].outcome == "robots"
    cache.clear()
    site.robots, other.robots = other.robots, (302, b"", {"Location": "/robots.txt"})
    both.submit(2, other.url("/image/1"))
    assert collect(both)[2].outcome == "stored"
    assert other.asked_robots == 1 + 6


def test_only_the_beginning_of_long_rules_is_read(site: Site, fetcher: ImageFetcher) -> None:
    filling = b"# nothing\n" * (MAX_BYTES // 10 + 1)
    site.robots = (200, b"User-agent: *\nDisallow: /image/1\n" + filling + b"Disallow: /image/2\n", {})
    for number in (1, 2):
        fetcher.submit(number, site.url(f"/image/{number}"))
    found = collect(fetcher)
    assert (found[1].outcome, found[2].outcome) == ("robots", "stored")


def test_rules_that_are_no_text_forbid_nothing(site: Site, fetch: Fetch) -> None:
    site.robots = (200, gzip.compress(b"User-agent: *\nDisallow: /") + b"\0\xff" * 500, {})
    assert fetch(site.url("/image/1")).outcome == "stored"


def test_a_crawl_delay_keeps_requests_apart(site: Site, fetcher: ImageFetcher) -> None:
    site.robots = (200, b"User-agent: *\nCrawl-delay: 0.2", {})
    began = time.monotonic()
    for number in range(4):
        fetcher.submit(number, site.url(f"/image/{number}"))
    found = collect(fetcher)
    assert {one.outcome for one in found.values()} == {"stored"}
    assert time.monotonic() - began >= 0.6
    assert site.most_busy == 1


def test_rules_may_be_ignored_by_a_setting(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    site.robots = (200, b"User-agent: *\nDisallow: /", {})
    with ImageFetcher(storage, replace(limits, robots=False), policy) as fetcher:
        fetcher.submit(1, site.url("/image/1"))
        assert collect(fetcher)[1].outcome == "stored"
    assert site.asked_robots == 0


def test_pages_are_subject_to_the_rules_and_interfaces_are_not(site: Site, other: Site, limits: FetchLimits) -> None:
    site.robots = (200, b"User-agent: *\nDisallow: /page/", {})
    other.robots = (503, b"", {})
    policy = AddressPolicy([f"127.0.0.1:{site.port}", f"127.0.0.1:{other.port}"])
    with WebClient(policy, limits) as web:
        for url, outcome in (
            (site.url("/page/1"), "robots"),
            (site.url("/to/?url=/page/1"), "robots"),
            (other.url("/page/1"), "robots_unavailable"),
            (site.url(f"/to/?url={quote(other.url('/page/1'), safe='')}"), "robots_unavailable"),
        ):
            with pytest.raises(WebError) as caught:
                web.get(url, robots=True)
            assert caught.value.outcome == outcome
        assert web.get(site.url("/echo/x"), robots=True).body == b"x"
        assert "/page/1" not in asked(site) and asked(other) == []
        assert web.get(site.url("/page/1")).status == 200


def test_a_page_waits_as_long_as_its_site_asks(site: Site, limits: FetchLimits, policy: AddressPolicy) -> None:
    site.robots = (200, b"User-agent: pixtasks\nCrawl-delay: 0.15", {})
    began = time.monotonic()
    with WebClient(policy, limits) as web:
        for _ in range(3):
            web.get(site.url("/page/1"), robots=True)
    assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    ("header", "value", "outcome"),
    [
        ("X_Robots_Tag", "noai", "robots_tag"),
        ("x_robots_tag", "NoIndex, nofollow", "robots_tag"),
        ("X_Robots_Tag", "nofollow,noimageai", "robots_tag"),
        ("X_Robots_Tag", "pixtasks: none", "robots_tag"),
        ("X_Robots_Tag", "googlebot: noindex", "stored"),
        ("X_Robots_Tag", "max-image-preview: large", "stored"),
        ("tdm_reservation", "1", "tdm_reserved"),
        ("TDM_Reservation", "0", "stored"),
    ],
)
def test_an_image_whose_owner_reserves_it_is_not_kept(
    site: Site, fetch: Fetch, storage: ImageStorage, header: str, value: str, outcome: str
) -> None:
    download = fetch(site.url(f"/tagged/?{header}={quote(value)}"))
    assert download.outcome == outcome
    if outcome != "stored":
        assert (download.draft, download.sha256, download.http_status) == (None, "", 200)
        assert [file for file in storage.drafts_folder.rglob("*") if file.is_file()] == []


def test_the_body_of_a_reserved_image_is_not_taken_to_its_end(site: Site, fetch: Fetch) -> None:
    download = fetch(site.url("/tagged/?X_Robots_Tag=noai&size=1000000"))
    assert (download.outcome, download.size) == ("robots_tag", 0)


def test_reservations_may_be_ignored_one_by_one(
    site: Site, storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy
) -> None:
    with ImageFetcher(storage, replace(limits, robots_tag=False, tdm=False), policy) as fetcher:
        fetcher.submit(1, site.url("/tagged/?X_Robots_Tag=noai&tdm_reservation=1"))
        assert collect(fetcher)[1].outcome == "stored"


@pytest.mark.parametrize(
    ("value", "directive"),
    [
        ("noindex", "noindex"),
        ("all", ""),
        ("", ""),
        ("nofollow, NOAI", "noai"),
        ("otherbot: noindex, nofollow", ""),
        ("otherbot: nofollow, pixtasks: noimageindex", "noimageindex"),
        ("pixtasks: nofollow, otherbot: none", ""),
        ("*: none", "none"),
        ("unavailable_after: 25 Jun 2010 15:00:00 PST, noindex", "noindex"),
        ("max-snippet: 3, noarchive", ""),
    ],
)
def test_directives_hold_for_whom_they_name(value: str, directive: str) -> None:
    assert refusing_directive(value) == directive
