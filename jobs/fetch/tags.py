"""What the head of an answer says: its status, and whether the owner wants the image left alone.

``X-Robots-Tag`` has no standard; it is read as search engines document it, with ``noai`` and ``noimageai`` as image
hosts send them. ``tdm-reservation`` is that of the TDM Reservation Protocol (W3C Community Group report).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from .outcomes import Outcome
from .robots import CRAWLER_NAME

_REFUSING: Final = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
# Directives that carry a value: what stands before their colon is no name of a crawler.
_VALUED: Final = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


def last_head(lines: Sequence[bytes]) -> tuple[int, Sequence[bytes]]:
    """Return status and header lines of the last answer; interim answers (1xx) come before it. 0 is no status."""
    for at in range(len(lines) - 1, -1, -1):
        if lines[at].startswith(b"HTTP/"):
            status = lines[at].split(b" ", 2)[1:2]
            return (int(status[0]) if status and status[0].strip().isdigit() else 0), lines[at + 1 :]
    return 0, lines


def reserved_by(lines: Sequence[bytes], *, robots_tag: bool, tdm: bool) -> tuple[Outcome, str] | None:
    """Return class and sentence of why the owner wants this image left alone; None where nothing says so."""
    text = b"".join(lines).lower()
    if robots_tag and b"x-robots-tag" in text:
        for value in _values(lines, "x-robots-tag"):
            directive = refusing_directive(value)
            if directive:
                return Outcome.ROBOTS_TAG, f"X-Robots-Tag: {directive}"
    if tdm and b"tdm-reservation" in text and any(value == "1" for value in _values(lines, "tdm-reservation")):
        return Outcome.TDM_RESERVED, "tdm-reservation: 1"
    return None


def refusing_directive(value: str) -> str:
    """Return the first directive of an X-Robots-Tag that refuses this product the image; "" where none does."""
    meant = True
    for part in value.lower().split(","):
        name, colon, rest = part.partition(":")
        directive = part
        if colon and name.strip() not in _VALUED:
            # "otherbot: noindex, nofollow": the name holds for what follows it.
            meant = name.strip() in (CRAWLER_NAME, "*")
            directive = rest
        if meant and directive.strip() in _REFUSING:
            return directive.strip()
    return ""


def _values(lines: Iterable[bytes], wanted: str) -> list[str]:
    found = []
    for raw in lines:
        name, colon, value = raw.decode("latin-1").partition(":")
        if colon and name.strip().lower() == wanted:
            found.append(value.strip())
    return found
