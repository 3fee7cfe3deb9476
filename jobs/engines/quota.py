"""What a source's headers tell of its quota, kept beside whatever an engine does with the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .base import Web, WebResponse
from .pacing import until, windows

_MOST = 10**15


@dataclass(frozen=True, slots=True)
class Quota:
    """How many requests a source allows, of the window with the least left.

    Attributes:
        limit: requests of the window; None where it is not told.
        remaining: of them.
        reset: seconds until the window begins anew; None where it is not told.
    """

    limit: int | None
    remaining: int
    reset: float | None


def quota_of(headers: Mapping[str, str], *, now: float | None = None) -> Quota | None:
    """Return the quota that the headers of an answer tell of; None where they tell of none.

    Args:
        headers: by lower-case name.
        now: seconds since 1970.
    """
    found: list[Quota] = []
    for window in windows(headers):
        remaining, reset = _whole(window.remaining), _whole(window.reset)
        if remaining is None:
            continue
        limit = _whole(window.limit.partition("/")[0])
        found.append(Quota(limit, remaining, None if reset is None else until(reset, now)))
    return min(found, key=lambda quota: quota.remaining, default=None)


class QuotaWatch:
    """A ``Web`` that remembers the quota of the latest answer that told of one.

    Args:
        web: does the work.
    """

    def __init__(self, web: Web) -> None:
        self._web = web
        self.latest: Quota | None = None

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 5_000_000,
        robots: bool = False,
    ) -> WebResponse:
        """Return what the other one answers."""
        response = self._web.get(url, headers=headers, max_bytes=max_bytes, robots=robots)
        self.latest = quota_of(response.headers) or self.latest
        return response

    def post(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None, max_bytes: int = 5_000_000
    ) -> WebResponse:
        """Return what the other one answers; what gives tokens has limits of its own."""
        return self._web.post(url, form, headers=headers, max_bytes=max_bytes)

    def take(self) -> Quota | None:
        """Return what was remembered, and forget it."""
        latest, self.latest = self.latest, None
        return latest


def _whole(text: str) -> int | None:
    try:
        value = float(text.strip())
    except ValueError:
        return None
    return int(value) if 0 <= value < _MOST else None
