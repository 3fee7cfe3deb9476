"""Pages of engines that ask through a client of their own, or ask nobody: what they found is kept itself."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any, Final

from jobs.engines.base import Candidate, Page, Query

from .folder import CassetteError

PAGE_MOST: Final = 50_000_000  # bytes
_FIELDS: Final = frozenset(Candidate.__dataclass_fields__) - {"path"}


def page_key(engine: str, query: Query, cursor: str | None) -> str:
    """Return what tells the question for one page from all others."""
    options = query.options.model_dump(mode="json")
    return json.dumps([engine, query.engine, query.keyword, options, cursor], sort_keys=True, separators=(",", ":"))


def dump_page(page: Page) -> bytes:
    """Return a page as JSON; candidates with a local path have no place on a cassette."""
    candidates = []
    for candidate in page.candidates:
        value = asdict(candidate)
        del value["path"]
        candidates.append(value)
    return json.dumps({"candidates": candidates, "next": page.next}, sort_keys=True, default=str).encode()


def load_page(body: bytes) -> Page:
    """Return the page again.

    Raises:
        CassetteError: it is none.
    """
    try:
        value: Any = json.loads(body)
        candidates = tuple(_candidate(one) for one in value["candidates"])
        cursor = value["next"]
        if not (cursor is None or isinstance(cursor, str)):
            raise TypeError("next is no text")
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise CassetteError(f"A page on the cassette is not valid: {error}.") from error
    return Page(candidates, cursor)


def _candidate(value: dict[str, Any]) -> Candidate:
    known = {name: value[name] for name in _FIELDS if name in value}
    for name, one in known.items():
        wanted: tuple[type, ...] = (str,)
        if name in ("width", "height"):
            wanted = (int, type(None))
        elif name == "tags":
            wanted = (list,)
        elif name == "raw":
            wanted = (dict,)
        if not isinstance(one, wanted):
            raise TypeError(f"{name} is {type(one).__name__}")
    return Candidate(**{**known, "tags": tuple(map(str, known.get("tags", ())))})
