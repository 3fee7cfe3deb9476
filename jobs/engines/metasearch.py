"""Engines that the library ddgs asks for us: it reads search pages as a browser would, with a client of its own.

The library tells little of what went wrong. A refusal (202, 403, 429), a page without results and a page that it cannot
read all end as "No results found."; the messages here say so instead of guessing.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from pydantic import BaseModel

from .addresses import join_url
from .base import Candidate, EngineError, EngineUnavailable, FormatChanged, Page, Query, Web
from .enabling import not_enabled

DEPTH = 1_000  # images of one query; past their last result these pages begin to repeat themselves

_NOTHING = "No results found."  # how the library ends where no backend brought a row
# Words in the library's errors that tell of a connection, or of a page that takes us for a robot.
_TRANSIENT = ("ConnectError", "DNSError", "RequestError", "timed out", "Could not extract vqd")


class MetasearchEngine:
    """One backend of ``DDGS().images``.

    Args:
        name: of the engine, and of the backend.
        options: the filters that this backend obeys; each field is a parameter of the library.
        page_size: results that the backend puts on a page, at most.
    """

    rate_limited = True
    opt_in = True
    licensed = False
    depth = DEPTH
    default = False
    settings: tuple[str, ...] = ()

    def __init__(
        self, name: str, *, description: str, homepage: str, terms: str, options: type[BaseModel], page_size: int
    ) -> None:
        self.name = name
        self.description = description
        self.homepage = homepage
        self.terms = terms
        self.Options = options
        self.page_size = page_size
        self._pages = math.ceil(DEPTH / page_size)

    def missing(self) -> list[str]:
        """Return the setting that turns engines on, while this one is not."""
        return not_enabled(self.name)

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return one page; the cursor is its number and a mark of the page before.

        The mark ends the search where a page repeats the one before it. ``web`` is not used: the library has its own
        client (SECURITY.md).

        Raises:
            EngineUnavailable: refused, timed out, not reached, or nothing at all on the first page.
            EngineError: the library failed otherwise, or does not understand the page any more.
        """
        number, before = _place(cursor)
        if not isinstance(query.options, self.Options):
            raise TypeError(f"options of another engine: {query.options!r}")
        rows = self._ask(query, number)
        if rows is None:
            if number == 1:
                raise EngineUnavailable(
                    f"{self.name} brought nothing for {query.keyword!r}: there may be no such images, or it may refuse "
                    "automated searches from here for a while; the library ddgs does not tell which."
                )
            return Page((), None)
        mark = _mark(rows)
        if mark == before:
            return Page((), None)
        candidates = tuple(filter(None, map(_candidate, rows)))
        if not candidates and not any(row.get("image") for row in rows):
            raise FormatChanged(self.name, "image")
        return Page(candidates, f"{number + 1}.{mark}" if number < self._pages else None)

    def _ask(self, query: Query, number: int) -> Sequence[Mapping[str, Any]] | None:
        """Return the rows of a page, None where the library says that there are none."""
        from ddgs import DDGS
        from ddgs.exceptions import DDGSException, RatelimitException, TimeoutException

        library = DDGS(timeout=max(1, math.ceil(settings.PIXTASKS_FETCH_READ_SECONDS)))
        filters = query.options.model_dump(exclude_none=True)
        try:
            rows = library.images(query.keyword, backend=self.name, page=number, max_results=None, **filters)
        except RatelimitException as error:
            raise EngineUnavailable(f"{self.name} asks for fewer searches from here: {error}.") from error
        except TimeoutException as error:
            raise EngineUnavailable(f"{self.name} did not answer in time.") from error
        except DDGSException as error:
            text = str(error)
            if text == _NOTHING:
                return None
            message = f"{self.name} could not be searched: {text[:500]}."
            if any(word in text for word in _TRANSIENT):
                raise EngineUnavailable(message) from error
            raise EngineError(message) from error
        return rows or None


def _place(cursor: str | None) -> tuple[int, str]:
    if cursor is None:
        return 1, ""
    number, _, mark = cursor.partition(".")
    if not (number.isascii() and number.isdecimal() and 1 < int(number) <= DEPTH and mark):
        raise EngineError(f"The cursor {cursor!r} is not one of this engine's; start the search anew.")
    return int(number), mark


def _mark(rows: Sequence[Mapping[str, Any]]) -> str:
    addresses = sorted(str(row.get("image")) for row in rows)
    return hashlib.blake2b("\n".join(addresses).encode(), digest_size=8).hexdigest()


def _candidate(row: Mapping[str, Any]) -> Candidate | None:
    """Return the candidate of a row, None where it names no address of the web."""
    image_url = _address(row.get("image"))
    if image_url is None:
        return None
    return Candidate(
        image_url=image_url,
        thumb_url=_address(row.get("thumbnail")) or "",
        page_url=_address(row.get("url")) or "",
        title=str(row.get("title") or ""),
        width=_pixels(row.get("width")),
        height=_pixels(row.get("height")),
        raw={"source": str(row.get("source") or "")},
    )


def _address(value: object) -> str | None:
    return join_url("", value) if isinstance(value, str) else None


def _pixels(value: object) -> int | None:
    """Return a length that the library gives as a number or as text."""
    text = str(value or "").strip()
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) < 7 else None
