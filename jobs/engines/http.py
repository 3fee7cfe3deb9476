"""One way to ask a source over HTTP: what failed for good, what is worth another try, and after how long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from .base import EngineError, EngineUnavailable, Web, WebError, WebResponse

# Outcomes after which the same request may well succeed; everything else fails alike again.
TRANSIENT = frozenset({"dns", "refused", "unreachable", "timeout", "reset", "robots_unavailable"})
LONGEST_WAIT = 86_400.0  # seconds; a source that asks for more is asked again tomorrow


def fetch(
    web: Web,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    max_bytes: int = 5_000_000,
    robots: bool = False,
) -> WebResponse:
    """Return the answer of a source, if it is a 200.

    Args:
        robots: obey the robots.txt of the site, as for every page made for people.

    Raises:
        EngineUnavailable: status 408, 425, 429 or 5xx, or a failure of the connection.
        EngineError: any other status or failure; the message names it.
    """
    response = exchange(web, url, headers=headers, max_bytes=max_bytes, robots=robots)
    if response.status == 200:
        return response
    message = f"{shown(url)} answered with status {response.status}."
    if passing(response.status):
        raise EngineUnavailable(message, retry_after=retry_after(response.headers))
    raise EngineError(message)


def exchange(
    web: Web,
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    max_bytes: int = 5_000_000,
    robots: bool = False,
) -> WebResponse:
    """Return the answer of a source, whatever its status; the other arguments are those of ``fetch``.

    Args:
        form: is posted; without it this is a GET.

    Raises:
        EngineUnavailable: a failure of the connection that may pass.
        EngineError: any other failure.
    """
    try:
        if form is not None:
            return web.post(url, form, headers=headers, max_bytes=max_bytes)
        if robots:
            return web.get(url, headers=headers, max_bytes=max_bytes, robots=True)
        return web.get(url, headers=headers, max_bytes=max_bytes)
    except WebError as error:
        message = f"{shown(url)} could not be read: {error}."
        if error.outcome in TRANSIENT:
            raise EngineUnavailable(message) from error
        if error.outcome == "blocked_address":
            message += " Private addresses are read only where PIXTASKS_FETCH_ALLOW lists them."
        raise EngineError(message) from error


def passing(status: int) -> bool:
    """Tell whether the same request may be answered later."""
    return status in (408, 425, 429) or status >= 500


def retry_after(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Return the seconds that ``Retry-After`` asks to wait (RFC 9110, 10.2.3), None where it says nothing usable."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdecimal():
        return min(float(value), LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - (now or datetime.now(UTC))).total_seconds(), 0.0), LONGEST_WAIT)


def shown(url: str) -> str:
    """Return the address without its query, which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
