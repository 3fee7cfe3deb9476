"""Replaying: the same work without a single request; what is not on the cassette is an error that names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.core.files.storage import Storage

from jobs.engines.base import Engine, Page, Query, Web, WebError, WebResponse
from jobs.engines.keys import keyless
from jobs.fetch.images import Download, FetchLimits, ImageFetcher
from jobs.fetch.outcomes import Outcome
from jobs.fetch.sink import ImageSink
from jobs.fetch.transfers import Ticket, Wanted
from pixtasks.common.net.guard import AddressPolicy

from .folder import CassetteError, CassetteReader, NotOnCassette
from .pages import PAGE_MOST, load_page, page_key
from .secrets import Scrubber


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes


class ReplayingWeb:
    """A ``Web`` that answers from a cassette alone.

    Args:
        reader: the cassette.
        scrubber: takes keys out of addresses, as when it was recorded.
        signed: whether the requests carried a token then.
    """

    def __init__(self, reader: CassetteReader, scrubber: Scrubber | None = None, *, signed: bool = False) -> None:
        self.signed = signed
        self._reader = reader
        self._scrubber = scrubber or Scrubber()

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 5_000_000,
        robots: bool = False,
    ) -> WebResponse:
        """Return what was answered then.

        Raises:
            WebError: that was the answer then.
            NotOnCassette: it was not asked then.
        """
        shown = self._scrubber.url(url)
        line = self._reader.exchange("GET", shown)
        if line is None:
            raise NotOnCassette(f"The cassette has no answer to GET {shown}.")
        if "error" in line:
            raise WebError(str(line["error"]), str(line.get("detail", "")))
        status, answer = line.get("status"), line.get("answer")
        if not isinstance(status, int) or not isinstance(answer, dict):
            raise CassetteError(f"The cassette's answer to GET {shown} is not valid.")
        headers = {str(name): str(value) for name, value in answer.items()}
        return _Answer(status, str(line.get("final_url") or shown), headers, self._reader.body(line, max_bytes))

    def post(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None, max_bytes: int = 5_000_000
    ) -> WebResponse:
        """Refuse: no form is ever recorded.

        Raises:
            NotOnCassette: always.
        """
        raise NotOnCassette(f"The cassette has no answer to POST {self._scrubber.url(url)}.")


class ReplayingEngine:
    """An engine that asks nobody: its ``Web`` is a cassette's, or its pages are.

    Args:
        engine: reads the answers; not called at all where its pages are on the cassette.
        reader: the cassette.
        limit: how many images were asked for then; sources are asked by it, so that the addresses are the same.
    """

    def __init__(self, engine: Engine, reader: CassetteReader, limit: int) -> None:
        self._engine = engine
        self._reader = reader
        self._limit = limit
        self._web = ReplayingWeb(reader, signed=engine.name in reader.signed)
        self.name = engine.name
        self.description = engine.description
        self.rate_limited = False
        self.Options = engine.Options

    def missing(self) -> list[str]:
        """Return nothing: no key is needed."""
        return []

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return the page as it was then.

        Raises:
            NotOnCassette: it was not asked for then.
            EngineError: what the engine makes of the answers.
        """
        query = replace(query, limit=self._limit)
        if self.name not in self._reader.paged:
            if self.name not in self._reader.local and not self._asks():
                raise NotOnCassette(f"The cassette has nothing of the engine {self.name}.")
            # Without what it told of waiting: nobody is asked.
            with keyless():
                return replace(self._engine.search(query, cursor, self._web), wait=None)
        line = self._reader.page(page_key(self.name, query, cursor))
        if line is None:
            raise NotOnCassette(
                f"The cassette has no page of {self.name} for {query.keyword!r} at the cursor {cursor!r}."
            )
        return load_page(self._reader.body(line, PAGE_MOST))

    def _asks(self) -> bool:
        """Whether the engine asked through its ``Web`` then; one with a client of its own must not be called."""
        return self.name in self._reader.asking


class ReplayingFetcher(ImageFetcher[Ticket]):
    """An image fetcher that opens no connection; local files are read as ever.

    Args:
        storage, limits, policy: as for the other; the limits of size hold.
        reader: the cassette.
    """

    def __init__(self, storage: Storage, limits: FetchLimits, policy: AddressPolicy, reader: CassetteReader) -> None:
        super().__init__(storage, limits, policy)
        self._reader = reader
        self._scrubber = Scrubber()

    def _admit(self, wanted: Wanted[Ticket], *, first: bool = False) -> None:
        """Answer at once, instead of letting the address into its host's line."""
        shown = self._scrubber.url(wanted.url)
        line = self._reader.image(shown)
        if line is None:
            detail = f"the cassette has no answer to GET {shown[:300]}"
            self._done.append(Download(wanted.ticket, Outcome.NOT_ON_CASSETTE, wanted.url, detail=detail))
            return
        self._done.append(self._replayed(wanted, line))

    def _replayed(self, wanted: Wanted[Ticket], line: Mapping[str, Any]) -> Download[Ticket]:
        download: Download[Ticket] = Download(
            wanted.ticket,
            str(line["outcome"])[:40],
            wanted.url,
            final_url=str(line.get("final_url", "")),
            http_status=line["status"] if isinstance(line.get("status"), int) and line["status"] else None,
            content_type=str(line.get("content_type", "")),
            detail=str(line.get("detail", "")),
        )
        if download.outcome != Outcome.STORED:
            return download
        try:
            content = self._reader.body(line, self._limits.max_bytes)
        except CassetteError as error:
            download.outcome, download.detail = Outcome.NOT_ON_CASSETTE, error.message
            return download
        sink = ImageSink(self._drafts, self._limits.max_bytes, self._limits.max_pixels)
        try:
            sink.write(content)
            download.keep(sink)
        finally:
            sink.discard()
        return download
