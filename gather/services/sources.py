"""The sources of a run, (keyword, engine) pairs: where each stands, and asking several of them at once."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Any, Final, Self

from gather.models import GatherRun, GatherSource
from jobs.engines import Engine, Page, Query, parse_options, resolve
from jobs.fetch.web import WebClient
from jobs.models import Chunk
from pixtasks.common.errors import PixtasksError
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits
from tasktypes.handlers import PermanentFailure

_ASKED_AT_ONCE: Final = 8
_PAGE_HINT: Final = 100
"""How many images the engines are told that a page should have; a hint for those that can choose."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where a run stands at a source.

    Attributes:
        cursor: of the next page; None is the first.
        rank: of the next candidate.
        ended: the source has no more pages for this run.
        inherited: the cursor is an earlier run's, and this run has got nothing by it yet.
    """

    cursor: str | None = None
    rank: int = 0
    ended: bool = False
    inherited: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """A keyword at an engine, ready to be asked."""

    chunk: Chunk
    engine: Engine
    query: Query
    fingerprint: str

    @property
    def bucket(self) -> str:
        """The bucket that a start counts against; empty where the engine has no limit (CONTRACT X68)."""
        return f"engine:{self.engine.name}" if self.engine.rate_limited else ""


def sources_of(run: GatherRun) -> list[Source]:
    """Return the sources of a run in the order of its chunks.

    Raises:
        PermanentFailure: an engine, or its options, cannot be used any more.
    """
    sources = []
    for chunk in Chunk.objects.filter(job_id=run.job_id).order_by("pk"):
        raw = run.job.options.get(chunk.engine)
        try:
            engine = resolve(chunk.engine)
            options = parse_options(engine, raw, check=False)
        except PixtasksError as error:
            raise PermanentFailure(error.message) from error
        query = Query(keyword=chunk.keyword, engine=chunk.engine, limit=_PAGE_HINT, options=options)
        sources.append(Source(chunk, engine, query, _fingerprint(engine.name, raw)))
    return sources


def positions_of(run: GatherRun, sources: list[Source], state: Mapping[str, Any] | None) -> list[Position]:
    """Return where a run stands at each source: as its last save says, or as the run before it left them."""
    if state:
        return [Position(**one) for one in state["sources"]]
    left = {
        (row.keyword, row.engine, row.fingerprint): row.cursor
        for row in GatherSource.objects.filter(project_id=run.project_id)
    }
    cursors = [left.get((one.chunk.keyword, one.chunk.engine, one.fingerprint)) for one in sources]
    return [Position(cursor=cursor, inherited=cursor is not None) for cursor in cursors]


def dump(positions: list[Position]) -> list[dict[str, Any]]:
    """Return positions as a task's state keeps them."""
    return [asdict(position) for position in positions]


class PageAsker:
    """Asks engines for pages from a few threads of its own; a context manager that waits for none of them."""

    def __init__(self, policy: AddressPolicy, limits: FetchLimits) -> None:
        self._policy = policy
        self._limits = limits
        self._mine = threading.local()
        self._threads = ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="gather-engine")
        self._asked: dict[Future[Page], int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A cancel is not to wait for a slow engine: whatever it answers, nobody listens.
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def open(self) -> int:
        """How many pages have been asked for and have not come."""
        return len(self._asked)

    def ask(self, number: int, source: Source, cursor: str | None) -> None:
        """Begin to ask a source for the page at a cursor.

        Args:
            number: comes back with the answer.
        """
        self._asked[self._threads.submit(self._search, source, cursor)] = number

    def answers(self, seconds: float) -> list[tuple[int, Page | BaseException]]:
        """Return what has come after at most so many seconds: pages, or what the engines raised."""
        if not self._asked:
            return []
        done = wait_for(self._asked, timeout=seconds, return_when=FIRST_COMPLETED).done
        return [(self._asked.pop(one), one.exception() or one.result()) for one in done]

    def forget(self) -> None:
        """Stop waiting for what was asked for."""
        for one in self._asked:
            one.cancel()
        self._asked.clear()

    def _search(self, source: Source, cursor: str | None) -> Page:
        web = getattr(self._mine, "web", None)
        if web is None:
            web = self._mine.web = WebClient(self._policy, self._limits)
        return source.engine.search(source.query, cursor, web)


def _fingerprint(backend: str, options: object) -> str:
    text = json.dumps([backend, options or {}], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
