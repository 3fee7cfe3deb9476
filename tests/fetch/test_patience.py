"""A server that is busy is waited for, one that is down is left alone, and no host is asked faster than it may be."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from jobs.fetch import breaker
from jobs.fetch.breaker import OPEN_SECONDS, Breaker
from jobs.fetch.images import FetchLimits, ImageFetcher
from jobs.fetch.outcomes import is_transient
from jobs.fetch.storage import ImageStorage
from pixtasks.common.net.guard import AddressPolicy

from .site import Site, collect

NewFetcher = Callable[..., ImageFetcher]


@pytest.fixture
def fetcher_with(storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy) -> NewFetcher:
    return lambda **more: ImageFetcher(storage, replace(limits, **more), policy)


def test_a_server_that_asks_to_wait_is_waited_for_twice(site: Site, fetcher_with: NewFetcher) -> None:
    with fetcher_with() as fetcher:
        fetcher.submit("once", site.url("/later/1"))
        fetcher.submit("for ever", site.url("/later/9"))
        found = collect(fetcher)
    assert (found["once"].outcome, found["for ever"].outcome) == ("stored", "http_429")
    assert found["for ever"].retry_after == 1.0
    assert Counter(path for path, _ in site.requests) == {"/later/1": 2, "/later/9": 3}


def test_nothing_more_is_asked_of_a_server_that_wants_to_be_left_alone_for_long(
    site: Site, fetcher_with: NewFetcher
) -> None:
    with fetcher_with(per_host=1) as fetcher:
        fetcher.submit(0, site.url("/status/503?Retry-After=90"))
        for number in range(1, 20):
            fetcher.submit(number, site.url(f"/image/{number}"))
        found = collect(fetcher)
        fetcher.submit(99, site.url("/image/99"))
        late = collect(fetcher)[99]
    assert (found.pop(0).outcome, len(site.requests)) == ("http_503", 1)
    assert {(one.outcome, one.retry_after, one.http_status) for one in found.values()} == {
        ("host_unavailable", 90.0, None)
    }
    assert "asked to wait 90 s" in late.detail
    assert late.outcome == "host_unavailable"
    assert is_transient(late.outcome)


def test_a_server_that_fails_again_and_again_is_left_alone_until_it_is_back(
    site: Site, fetcher_with: NewFetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fetcher_with(per_host=2, breaker_failures=5) as fetcher:
        for number in range(40):
            fetcher.submit(number, site.url(f"/status/500?{number}"))
        found = Counter(str(one.outcome) for one in collect(fetcher).values())
        asked = len(site.requests)
        assert found == {"http_500": asked, "host_unavailable": 40 - asked}
        assert asked in (5, 6)
        monkeypatch.setattr(breaker, "OPEN_SECONDS", 0.0)
        fetcher._breaker.open(f"http://127.0.0.1:{site.port}", 0.0, "a while ago")
        for number in range(5):
            fetcher.submit(number, site.url(f"/status/500?again{number}"))
        found = Counter(str(one.outcome) for one in collect(fetcher).values())
        assert found == {"http_500": 1, "host_unavailable": 4}
        assert len(site.requests) == asked + 1
        for number in range(5):
            fetcher.submit(number, site.url(f"/nap/{number}"))
        assert {one.outcome for one in collect(fetcher).values()} == {"stored"}


def test_one_success_in_between_keeps_the_circuit_closed(site: Site, fetcher_with: NewFetcher) -> None:
    with fetcher_with(per_host=1, breaker_failures=3) as fetcher:
        for number in range(12):
            path = f"/image/{number}" if number % 3 == 2 else f"/status/502?{number}"
            fetcher.submit(number, site.url(path))
        found = Counter(str(one.outcome) for one in collect(fetcher).values())
    assert found == {"http_502": 8, "stored": 4}


def test_the_starts_at_one_host_are_kept_apart(site: Site, fetcher_with: NewFetcher) -> None:
    began = time.monotonic()
    with fetcher_with(delay_seconds=0.1) as fetcher:
        for number in range(4):
            fetcher.submit(number, site.url(f"/image/{number}"))
        assert {one.outcome for one in collect(fetcher).values()} == {"stored"}
    assert time.monotonic() - began >= 0.4  # with the robots.txt there are five
    assert site.most_busy == 1


def test_a_circuit_opens_lets_one_through_and_closes() -> None:
    circuits = Breaker(failures=2)
    assert not circuits.failed("a", 0.0, "timeout")
    assert circuits.refuses("a", 0.0) is None
    assert circuits.failed("a", 1.0, "timeout")
    why, seconds = circuits.refuses("a", 11.0) or ("", 0.0)
    assert (why, seconds) == ("2 requests in a row failed, the last as timeout", OPEN_SECONDS - 10)
    assert circuits.refuses("b", 11.0) is None
    assert not circuits.failed("a", 12.0, "timeout"), "it was on its way before"
    later = 1.0 + OPEN_SECONDS
    assert circuits.refuses("a", later) is None
    assert [circuits.must_wait("a") for _ in range(3)] == [False, True, True]
    assert circuits.failed("a", later, "reset")
    assert circuits.refuses("a", later + 1.0) is not None
    assert not circuits.must_wait("a")
    circuits.succeeded("a")
    assert (circuits.refuses("a", later + 1.0), circuits.must_wait("a")) == (None, False)


def test_without_a_number_of_failures_only_a_server_s_own_wish_opens_a_circuit() -> None:
    circuits = Breaker(failures=0)
    assert not any(circuits.failed("a", 0.0, "timeout") for _ in range(100))
    circuits.open("a", 5.0, "it asked for that")
    assert circuits.refuses("a", 4.0) == ("it asked for that", 1.0)
    assert not circuits.must_wait("a")
    assert circuits.failed("a", 6.0, "timeout")
