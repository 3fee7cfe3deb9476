"""What the headers of an answer say about the next request: when a used-up quota is filled again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .http import LONGEST_WAIT, retry_after

_LEFT = re.compile(r"(?:x-)?ratelimit-(?:remaining|available)(-.+)?")
_PERIODS = {"s": 1.0, "sec": 1.0, "second": 1.0, "m": 60.0, "min": 60.0, "minute": 60.0,
            "h": 3600.0, "hour": 3600.0, "d": 86_400.0, "day": 86_400.0}  # fmt: skip
_EPOCH = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in which so many requests are allowed, in the words of the headers; "" is what is not told."""

    remaining: str
    limit: str
    reset: str


def reset_wait(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Return the seconds to wait after a refusal: ``Retry-After``, else the reset of a used-up quota, else None."""
    asked = retry_after(headers)
    return wait_of(headers, now=now) if asked is None else asked


def wait_of(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Return the seconds until a source may be asked again; None where it may be at once.

    Understood are ``X-RateLimit-Remaining: 0`` with ``X-RateLimit-Reset`` (seconds, or a moment), several windows in
    one header ("0, 14999" with "1, 419704"), the same without ``X-``, and one pair of headers per window as Openverse
    sends them (``X-RateLimit-Available-burst: 0``, ``X-RateLimit-Limit-burst: 20/min``).

    Args:
        headers: by lower-case name.
        now: seconds since 1970.
    """
    waits: list[float] = []
    for window in windows(headers):
        if _number(window.remaining) != 0:
            continue
        reset = _number(window.reset)
        waits.append(_period(window.limit) if reset is None else until(reset, now))
    longest = max(waits, default=0.0)
    return min(longest, LONGEST_WAIT) if longest > 0 else None


def until(reset: float, now: float | None = None) -> float:
    """Return the seconds until a reset: a large number is a moment in seconds since 1970, a small one is seconds."""
    if reset <= _EPOCH:
        return reset
    return max(reset - (time.time() if now is None else now), 0.0)


def windows(headers: Mapping[str, str]) -> Iterator[Window]:
    """Yield the windows that the headers of an answer tell of.

    Args:
        headers: by lower-case name.
    """
    for name, value in headers.items():
        match = _LEFT.fullmatch(name)
        if match is None:
            continue
        suffix = match[1] or ""
        prefix = "x-ratelimit" if name.startswith("x-") else "ratelimit"
        limits = _parts(headers.get(f"{prefix}-limit{suffix}", ""))
        resets = _parts(headers.get(f"{prefix}-reset{suffix}", ""))
        for index, left in enumerate(_parts(value)):
            yield Window(
                left, limits[index] if index < len(limits) else "", resets[index] if index < len(resets) else ""
            )


def _period(limit: str) -> float:
    """Return the seconds of a window such as "20/min"; 0 where it tells none."""
    return _PERIODS.get(limit.partition("/")[2].strip().lower(), 0.0)


def _parts(value: str) -> list[str]:
    return [part.strip() for part in value.split(",")] if value else []


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None
