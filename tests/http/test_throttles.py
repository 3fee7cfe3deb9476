"""Limits: exact for small numbers, shared by nobody else, and no outage of the cache stops the API (CONTRACT J13)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache.backends.locmem import LocMemCache
from django.test import Client
from pytest_django import Settings

from pixtasks.common import throttles
from pixtasks.common.errors import RateLimited
from pixtasks.common.throttles import FlowLimit, SlotLimit, rate_of


@pytest.fixture
def rates(settings: Settings) -> Callable[..., None]:
    def change(**changed: str) -> None:
        known = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {**known, **changed}}

    return change


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throttles, "time", clock)
    monkeypatch.setattr("django.core.cache.backends.locmem.time", clock)
    monkeypatch.setattr("django.core.cache.backends.base.time", clock)
    monkeypatch.setattr(throttles, "shared_cache", LocMemCache("clocked", {}))
    throttles.shared_cache.clear()
    return clock


def _accepted(take: Callable[[str], Any], calls: int) -> int:
    accepted = 0
    for _ in range(calls):
        try:
            take("me")
            accepted += 1
        except RateLimited:
            pass
    return accepted


def test_a_slot_limit_is_exact_in_any_window(rates: Callable[..., None], clock: Clock) -> None:
    rates(start_job="10/minute")
    limit = SlotLimit("start_job")
    starts: list[float] = []
    for _ in range(300):
        clock.now += 1
        starts += [clock.now] * _accepted(limit.take, 3)
    assert len(starts) == 50
    assert all(later - earlier >= 60 for earlier, later in zip(starts, starts[10:], strict=False))


def test_a_refused_call_is_told_when_the_next_slot_is_free(rates: Callable[..., None], clock: Clock) -> None:
    rates(start_job="2/minute")
    limit = SlotLimit("start_job")
    limit.take("me")
    clock.now += 10
    limit.take("me")
    clock.now += 20
    with pytest.raises(RateLimited, match=r"at most 2 in 60 seconds\. Please retry in 30 seconds") as caught:
        limit.take("me")
    assert caught.value.retry_after == pytest.approx(30)
    clock.now += caught.value.retry_after + 0.01
    limit.take("me")
    limit.take("somebody else")


def test_a_slot_can_be_given_back(rates: Callable[..., None]) -> None:
    rates(start_job="1/minute")
    limit = SlotLimit("start_job")
    for _ in range(5):
        limit.take("me").give_back()
    assert _accepted(limit.take, 3) == 1


def test_calls_at_the_same_time_cannot_share_a_slot(rates: Callable[..., None]) -> None:
    rates(start_job="10/minute")
    accepted: list[int] = []
    together = threading.Barrier(8)

    def call() -> None:
        together.wait()
        accepted.append(_accepted(SlotLimit("start_job").take, 5))

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(accepted) == 10


def test_a_flow_limit_keeps_the_rate_over_time_and_bursts_below_twice_its_number(
    rates: Callable[..., None], clock: Clock
) -> None:
    rates(general="100/minute")
    limit = FlowLimit("general")
    starts: list[float] = []
    for _ in range(600):
        clock.now += 0.5
        starts += [clock.now] * _accepted(limit.take, 2)
    most = max(sum(1 for other in starts if start <= other < start + 60) for start in starts)
    assert 95 <= most < 200
    assert 400 <= len(starts) <= 600


def test_a_flow_limit_refuses_the_next_call_also_across_two_windows(rates: Callable[..., None], clock: Clock) -> None:
    rates(general="3/minute")
    clock.now = 60 * 20_000_000 - 0.01
    assert _accepted(FlowLimit("general").take, 3) == 3
    clock.now += 0.02
    with pytest.raises(RateLimited) as caught:
        FlowLimit("general").take("me")
    clock.now += caught.value.retry_after + 0.01
    FlowLimit("general").take("me")


@pytest.mark.parametrize("text", ["", "0/minute"])
def test_no_rate_is_no_limit(rates: Callable[..., None], text: str) -> None:
    rates(general=text, start_job=text)
    assert rate_of("general") is None
    assert _accepted(FlowLimit("general").take, 50) == 50
    assert _accepted(SlotLimit("start_job").take, 50) == 50


class BrokenCache(LocMemCache):
    """A cache whose server is away."""

    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        raise ConnectionRefusedError("the cache is away")


def test_without_its_cache_the_api_goes_on_and_still_counts(
    rates: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    rates(start_job="4/minute", general="4/minute")
    monkeypatch.setattr(throttles, "shared_cache", BrokenCache("broken", {}))
    monkeypatch.setattr(throttles, "_fallback", LocMemCache("instead", {}))
    assert _accepted(SlotLimit("start_job").take, 9) == 4
    assert _accepted(FlowLimit("general").take, 9) == 4


@pytest.mark.django_db
@pytest.mark.urls("tests.http.urls")
def test_the_eleventh_start_within_a_minute_is_429(rates: Callable[..., None]) -> None:
    client = Client()
    answers = [client.post("/tasks/limited") for _ in range(11)]
    assert [answer.status_code for answer in answers] == [200] * 10 + [429]
    assert list(answers[-1].json()) == ["detail"]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60


@pytest.mark.django_db
@pytest.mark.urls("tests.http.urls")
def test_a_made_up_forwarding_header_walks_around_no_limit(rates: Callable[..., None]) -> None:
    rates(general="5/minute")
    client = Client()
    answers = [
        client.get("/tasks/echo", headers={"x-forwarded-for": f"203.0.113.{number}"}).status_code for number in range(8)
    ]
    assert answers == [200] * 5 + [429] * 3


@pytest.mark.django_db
@pytest.mark.urls("tests.http.urls")
def test_behind_one_proxy_clients_are_told_apart_by_what_the_proxy_wrote(
    rates: Callable[..., None], settings: Settings
) -> None:
    rates(general="2/minute")
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": 1}
    client = Client()
    for address in ("203.0.113.1", "203.0.113.2"):
        answers = [
            client.get("/tasks/echo", headers={"x-forwarded-for": f"198.51.100.{number}, {address}"}).status_code
            for number in range(3)
        ]
        assert answers == [200, 200, 429]
