"""What an engine is: the Protocol, what it is asked, what it yields and how it fails.

An engine turns a keyword (or an address, a list, a folder) into candidates, page by page. It never downloads an image,
never touches the database, and reaches the network only through the ``Web`` that it is given, so that every request
passes the same guard (RELIABILITY.md, security checklist).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from pixtasks.common.errors import PixtasksError


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image that an engine found: where it is, and what is known of it.

    Attributes:
        image_url: http(s) address of the file; empty where ``path`` is set.
        license: SPDX-like code ("CC0", "BY-SA"), empty where the source tells none.
        width: pixels as the source claims them; never trusted.
        raw: what the source said besides; JSON values only.
        path: absolute path of a local file that is to be read instead of ``image_url``.
    """

    image_url: str
    thumb_url: str = ""
    page_url: str = ""
    title: str = ""
    creator: str = ""
    creator_url: str = ""
    license: str = ""
    license_version: str = ""
    license_url: str = ""
    attribution: str = ""
    external_id: str = ""
    width: int | None = None
    height: int | None = None
    filetype: str = ""
    tags: tuple[str, ...] = ()
    raw: Mapping[str, object] = field(default_factory=dict)
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """What an engine is asked.

    Attributes:
        keyword: the chunk's keyword.
        engine: the name that the user asked for; may be an alias of the engine's own (CONTRACT X61).
        limit: how many new images the chunk wants; a hint for the page size, not a bound.
        options: a validated instance of the engine's ``Options``.
    """

    keyword: str
    engine: str
    limit: int
    options: BaseModel


@dataclass(frozen=True, slots=True)
class Page:
    """One page of candidates, and the cursor of the next one (None: this was the last).

    A page may be empty although more follow.

    Attributes:
        wait: seconds until the source may be asked again, as its headers tell; None where it may be asked at once.
    """

    candidates: tuple[Candidate, ...]
    next: str | None
    wait: float | None = None


class WebResponse(Protocol):
    """What a ``Web`` answers; ``url`` is the address after redirects, header names are in lower case."""

    @property
    def status(self) -> int: ...

    @property
    def url(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...


class WebError(Exception):
    """A request that got no complete answer.

    Args:
        outcome: class of the failure in the words of the fetch ("dns", "timeout", "blocked_address", "too_large" …).
        detail: one sentence about this failure.
    """

    def __init__(self, outcome: str, detail: str = "") -> None:
        self.outcome = str(outcome)
        self.detail = detail
        super().__init__(f"{self.outcome}: {detail}" if detail else self.outcome)


class Web(Protocol):
    """The guarded way to the network that an engine is given.

    One that replays a cassette also has ``signed``: whether the engine's requests carried a token when they were
    recorded.
    """

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 5_000_000,
        robots: bool = False,
    ) -> WebResponse:
        """Return the answer to a GET, redirects followed, whatever its status.

        Args:
            robots: obey the robots.txt and the tdmrep.json of the site; for pages made for people, not for an
                interface made for programs.

        Raises:
            WebError: no complete answer (name, connection, TLS, time, size, address not allowed).
        """
        ...

    def post(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None, max_bytes: int = 5_000_000
    ) -> WebResponse:
        """Return the answer to a POST of a form, whatever its status; no redirect is followed.

        It is for what gives tokens: neither the form nor the answer is ever recorded.

        Raises:
            WebError: as for ``get``.
        """
        ...


class Engine(Protocol):
    """A source of images.

    Attributes:
        name: permanent; letters, digits, ``_`` and ``-``.
        description: one sentence for users.
        rate_limited: whether its starts count against a bucket (RELIABILITY.md); false for local sources.
        Options: pydantic model of the engine's part of the job's options, ``extra="forbid"``.

    Every engine says these, too; one of another package that was made before may leave them out, and they are read with
    ``getattr``:
        page_size: int, results on a page at most; None where that is up to the source. The planner counts by it.
        licensed: bool, whether it tells licences where its source has them; False where it never does.

    An engine may also have ``check(options) -> None``, called when a job is created with these options; it raises
    ``InvalidInput`` (``loc`` relative to the options) or ``RuleViolation``.

    Optional too, and read with ``getattr``, for those who choose an engine:
        settings: tuple[str, ...], names of the settings without which it is not usable; none where it needs no key.
        optional: tuple[str, ...], names of the settings that hold what it may have: kept secret like those.
        access: :class:`jobs.engines.registered.Access`, where registered callers are answered more.
        homepage: str, address of the source's page for people.
        terms: str, address of the source's terms of use.
        depth: int, results of one keyword at most. The planner counts by it.
        default: bool, whether it is asked in production where a job names no engine.
    """

    name: str
    description: str
    rate_limited: bool
    Options: type[BaseModel]

    def missing(self) -> list[str]:
        """Return the names of the settings that must be set before the engine is usable; empty: it is."""
        ...

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return one page; ``cursor`` None is the first. The same (query, cursor) gives the same page again.

        Raises:
            EngineUnavailable: worth another try later.
            EngineError: another try would fail alike.
        """
        ...


class EngineError(PixtasksError):
    """The engine cannot answer this search."""

    status = 502


class FormatChanged(EngineError):
    """The answer lacks a field that the engine needs; the message names the source and the field.

    Args:
        source: name of the engine.
        field: where it is missing, such as "results[3].url".
        fault: what is wrong with it.
    """

    def __init__(self, source: str, field: str, fault: str = "is missing") -> None:
        self.source = source
        self.field = field
        super().__init__(f"{source}: {field} {fault}. The source has changed its format; this engine must be adapted.")


class EngineUnavailable(EngineError):
    """The engine is not available at the moment; the search is worth another try later.

    Args:
        retry_after: seconds the source asked to wait, None where it said nothing.
    """

    status = 503

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message or "The engine is not available at the moment; the search is tried again later.")
