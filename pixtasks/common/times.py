"""One wire form for every timestamp: UTC, whole seconds, suffix ``Z`` (CONTRACT G19, J20)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def wire_time(moment: datetime) -> str: ...
@overload
def wire_time(moment: None) -> None: ...
def wire_time(moment: datetime | None) -> str | None:
    """Return ``2025-10-04T12:00:00Z``; parts of a second are cut, not rounded. None stays None.

    Args:
        moment: an aware datetime of any zone; a naive one is taken as UTC.
    """
    if moment is None:
        return None
    if moment.tzinfo is not None and moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    # Slower strftime would also drop the leading zeros of years before 1000.
    return moment.isoformat(timespec="seconds")[:19] + "Z"


def parse_time(text: str) -> datetime:
    """Return the aware UTC datetime of an ISO 8601 text; without an offset it is taken as UTC.

    Raises:
        ValueError: the text is not an ISO 8601 date and time.
    """
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
