"""Recording: the same work as ever, and everything that comes is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.files.storage import Storage

from jobs.engines.base import Engine, Page, Query, Web, WebError, WebResponse
from jobs.fetch.images import Download, FetchLimits, ImageFetcher
from jobs.fetch.transfers import Ticket
from pixtasks.common.net.guard import AddressPolicy

from .folder import CassetteWriter
from .pages import dump_page, page_key
from .secrets import Scrubber


class RecordingWeb:
    """A ``Web`` that keeps every answer.

    Args:
        web: does the work.
        writer: where the answers go.
        scrubber: takes keys out of them.
        engine: who asks.
    """

    def __init__(self, web: Web, writer: CassetteWriter, scrubber: Scrubber, engine: str) -> None:
        self._web = web
        self._engine = engine
        self._writer = writer
        self._scrubber = scrubber
        self.asked = 0
        # Where a cassette is recorded from another one, the requests carry no token, and are what they were with it.
        self.signed: bool | None = getattr(web, "signed", None)

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 5_000_000,
        robots: bool = False,
    ) -> WebResponse:
        """Return what the other one answers."""
        self.asked += 1
        scrubber = self._scrubber
        line: dict[str, Any] = {
            "kind": "exchange",
            "engine": self._engine,
            "method": "GET",
            "url": scrubber.url(url),
            "headers": scrubber.asked(headers or {}),
        }
        if self.signed or any(
            name.lower() == "authorization" and value.startswith("Bearer ") for name, value in (headers or {}).items()
        ):
            line["signed"] = True
        try:
            response = self._web.get(url, headers=headers, max_bytes=max_bytes, robots=robots)
        except WebError as error:
            self._writer.add(line | {"error": error.outcome, "detail": scrubber.text(error.detail)})
            raise
        facts = {
            "status": response.status,
            "final_url": scrubber.url(response.url),
            "answer": scrubber.answered(response.headers),
        }
        self._writer.add(line | facts, scrubber.body(response.body))
        return response

    def post(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str] | None = None, max_bytes: int = 5_000_000
    ) -> WebResponse:
        """Return what the other one answers, and keep nothing of it: it is all secrets."""
        return self._web.post(url, form, headers=headers, max_bytes=max_bytes)


class RecordingEngine:
    """An engine whose pages are kept where it asks nothing through its ``Web``.

    Args:
        engine: does the work.
        web: what it is given.
        writer: where the pages go.
    """

    def __init__(self, engine: Engine, web: RecordingWeb, writer: CassetteWriter) -> None:
        self._engine = engine
        self._web = web
        self._writer = writer
        self.name = engine.name
        self.description = engine.description
        self.rate_limited = engine.rate_limited
        self.Options = engine.Options

    def missing(self) -> list[str]:
        """Return what the engine misses."""
        return self._engine.missing()

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return the engine's page."""
        before = self._web.asked
        page = self._engine.search(query, cursor, web)
        if self._web.asked > before:
            return page
        if any(candidate.path is not None for candidate in page.candidates):
            self._writer.add({"kind": "local", "engine": self.name})
        else:
            key = page_key(self.name, query, cursor)
            self._writer.add({"kind": "page", "engine": self.name, "key": key}, dump_page(page))
        return page


class RecordingFetcher(ImageFetcher[Ticket]):
    """An image fetcher that keeps every image, and how each fetch ended.

    Args:
        storage, limits, policy: as for the other.
        writer: where the images go.
        scrubber: takes keys out of their addresses.
    """

    def __init__(
        self,
        storage: Storage,
        limits: FetchLimits,
        policy: AddressPolicy,
        writer: CassetteWriter,
        scrubber: Scrubber,
    ) -> None:
        super().__init__(storage, limits, policy)
        self._writer = writer
        self._scrubber = scrubber

    def pump(self, seconds: float) -> list[Download[Ticket]]:
        """Return what has finished, after it was kept."""
        done = super().pump(seconds)
        for download in done:
            if not download.url.startswith("file:"):
                self._record(download)
        return done

    def _record(self, download: Download[Ticket]) -> None:
        scrubber = self._scrubber
        line = {
            "kind": "image",
            "url": scrubber.url(download.url),
            "outcome": str(download.outcome),
            "final_url": scrubber.url(download.final_url),
            "status": download.http_status or 0,
            "content_type": download.content_type,
            "detail": scrubber.text(download.detail),
            "retry_after": download.retry_after,
        }
        self._writer.add(line, download.draft, sha256=download.sha256)
