"""Whether a site lets an address be fetched: what its robots.txt and then its tdmrep.json say."""

from __future__ import annotations

from typing import Any, NamedTuple

from pixtasks.common.net.limits import FetchLimits

from .books import Refusal, SiteBook, SiteFile
from .robots import RobotsBook
from .tdmrep import TdmBook


class Unread(NamedTuple):
    """A site's file that has to be asked for."""

    book: SiteBook[Any]
    origin: str


class Leave(NamedTuple):
    """What is known about an address.

    Attributes:
        unread: has to be read before anything can be said; None where all is known.
        refusal: why it may not be fetched; None where it may, or nothing can be said.
        delay: seconds that its site wants between two requests.
    """

    unread: Unread | None
    refusal: Refusal | None
    delay: float


class SiteLeave:
    """Reads the sites' files one after the other: what the first one forbids needs no second.

    Args:
        limits: say which files are obeyed.
    """

    def __init__(self, limits: FetchLimits) -> None:
        self._books: list[SiteBook[Any]] = []
        if limits.robots:
            self._books.append(RobotsBook())
        if limits.tdm_file:
            self._books.append(TdmBook())

    def ask(self, origin: str, url: str) -> Leave:
        """Return what is known about an address of an origin."""
        delay = 0.0
        before: SiteFile | None = None
        for book in self._books:
            file: SiteFile | None = book.rules(origin)
            if file is None:
                if before is None or before.refuses(origin + book.path) is None:
                    return Leave(Unread(book, origin), None, delay)
                # robots.txt names no exception for other files of this kind.
                file = book.answered(origin, 404, b"")
            refusal = file.refuses(url)
            if refusal is not None:
                return Leave(None, refusal, delay)
            delay = max(delay, file.delay)
            before = file
        return Leave(None, None, delay)
