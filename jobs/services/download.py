"""The work of one chunk: ask the engine page by page, fetch, store, write rows (ARCHITECTURE.md, the domain on top).

Kill-safe by one rule: a candidate is finished when the transaction that holds its row, its outcome and the new resume
state has committed. The state is the cursor of the oldest page with unfinished candidates and the ranks beyond it that
are finished, so another attempt asks for that page again, skips those ranks, and counts nothing twice.
"""

from __future__ import annotations

from collections import Counter, deque
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from jobs.engines import Candidate, Engine, EngineError, EngineUnavailable, Page, Query, parse_options, resolve
from jobs.fetch.images import Download, FetchLimits, ImageFetcher
from jobs.fetch.keeping import storing
from jobs.fetch.outcomes import Outcome
from jobs.fetch.storage import image_key, images_storage, store_batch
from jobs.fetch.web import WebClient
from jobs.models import Chunk, FetchFailure, Image
from pixtasks.common.errors import PixtasksError
from pixtasks.common.net.guard import AddressPolicy
from tasktypes.handlers import Context, PermanentFailure, TaskCancelled, WorkerStopping

_BATCH = 400
"""Rows per transaction at most; a checkpoint comes at least once a second."""


@dataclass(slots=True)
class _OpenPage:
    """A page of candidates that are not all finished."""

    cursor: str | None
    first_rank: int
    unfinished: set[int]


@dataclass(slots=True)
class _Tally:
    """What the committed transactions of all attempts have counted."""

    images: int = 0
    duplicates: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


def download_chunk(job_id: int, keyword: str, engine_name: str, max_images: int, context: Context) -> dict[str, Any]:
    """Crawl one chunk until ``max_images`` new images are stored or the engine has no more.

    Returns:
        The chunk's counts: images, target, duplicates, found, outcomes by class, exhausted.

    Raises:
        PermanentFailure: the engine or its options cannot work.
        EngineUnavailable: the engine is down; the attempt is worth repeating.
        TaskCancelled, LeaseLost: see :class:`tasktypes.services.context.Context`.
    """
    chunk = Chunk.objects.select_related("job").filter(job_id=job_id, keyword=keyword, engine=engine_name).first()
    if chunk is None:
        raise PermanentFailure(f"Job {job_id} has no chunk {keyword!r} at {engine_name!r}")
    try:
        engine = resolve(engine_name)
        options = parse_options(engine, chunk.job.options.get(engine_name), check=False)
    except PixtasksError as error:
        raise PermanentFailure(error.message) from error
    policy, limits = AddressPolicy.from_settings(), FetchLimits.from_settings()
    query = Query(keyword=keyword, engine=engine_name, limit=max_images, options=options)
    with (
        ImageFetcher[int](images_storage(), limits, policy) as fetcher,
        _Pages(engine, query, WebClient(policy, limits)) as pages,
    ):
        return _ChunkCrawl(chunk, query, context, fetcher, pages).run()


class _Pages:
    """Asks an engine for its pages from a thread of its own, so that images go on arriving meanwhile."""

    def __init__(self, engine: Engine, query: Query, web: WebClient) -> None:
        self._engine = engine
        self._query = query
        self._web = web
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="engine")
        self._asked: Future[Page] | None = None

    def __enter__(self) -> _Pages:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def ask(self, cursor: str | None) -> None:
        """Start asking for the page at a cursor, unless one is being asked for."""
        if self._asked is None:
            self._asked = self._thread.submit(self._engine.search, self._query, cursor, self._web)

    def answer(self, seconds: float) -> Page | None:
        """Return the page that was asked for, or None while it is not there after ``seconds``.

        Raises:
            PermanentFailure: the engine says that it cannot answer this.
            EngineUnavailable: it may answer later.
        """
        if self._asked is None or not wait_for([self._asked], timeout=seconds).done:
            return None
        asked, self._asked = self._asked, None
        try:
            return asked.result()
        except EngineUnavailable:
            raise
        except EngineError as error:
            raise PermanentFailure(error.message) from error


class _ChunkCrawl:
    """One attempt at one chunk."""

    def __init__(self, chunk: Chunk, query: Query, context: Context, fetcher: ImageFetcher[int], pages: _Pages) -> None:
        self.chunk = chunk
        self.query = query
        self.context = context
        self.fetcher = fetcher
        self.pages = pages
        self.storage = images_storage()
        state = context.task.state or {}
        progress = context.task.progress or {}
        self.tally = _Tally(
            progress.get("images", 0), progress.get("duplicates", 0), Counter(progress.get("outcomes", {}))
        )
        self.exhausted = False
        self.next_cursor: str | None = state.get("cursor")
        self.next_rank: int = state.get("rank", 0)
        self.skip: set[int] = set(state.get("done", ()))
        if state.get("exhausted"):
            self.exhausted = True
        self.open_pages: deque[_OpenPage] = deque()
        self.waiting: deque[tuple[int, Candidate]] = deque()
        self.flying: dict[int, Candidate] = {}
        self.landed: list[Download[int]] = []
        self.landed_candidates: dict[int, Candidate] = {}
        self.landed_good = 0

    def run(self) -> dict[str, Any]:
        """Crawl to the end; what has landed is stored even where the end is a cancel or a stopping worker."""
        try:
            self._crawl()
        except (TaskCancelled, WorkerStopping, EngineError, PermanentFailure):
            if self.landed:
                self._flush()
            raise
        return self._progress()

    def _crawl(self) -> None:
        while not self._finished():
            self.context.check_cancelled()
            self._take_pages()
            self._launch()
            if self.flying:
                self._land(self.fetcher.pump(0.1))
            if self.landed and (len(self.landed) >= _BATCH or self.context.checkpoint_due or not self.flying):
                self._flush()
            elif self.context.checkpoint_due:
                self.context.checkpoint()
        if self.landed:
            self._flush()

    def _finished(self) -> bool:
        if self.flying or self.landed:
            return False
        return self.tally.images >= self.query.limit or (self.exhausted and not self.waiting)

    def _wanted(self) -> int:
        """How many more candidates may be launched, were all in flight to become new images."""
        return self.query.limit - self.tally.images - self.landed_good - len(self.flying)

    def _take_pages(self) -> None:
        """Keep candidates at hand: ask for the next page while the last is still being fetched."""
        if self.exhausted or self._wanted() <= 0 or len(self.waiting) > self.fetcher.room:
            return
        cursor = self.next_cursor
        self.pages.ask(cursor)
        page = self.pages.answer(0 if self.flying or self.waiting else 0.2)
        if page is None:
            return
        ranks = range(self.next_rank, self.next_rank + len(page.candidates))
        fresh = [
            (rank, candidate) for rank, candidate in zip(ranks, page.candidates, strict=True) if rank not in self.skip
        ]
        self.open_pages.append(_OpenPage(cursor, self.next_rank, {rank for rank, _ in fresh}))
        self.waiting.extend(fresh)
        self.next_rank += len(page.candidates)
        self.next_cursor = page.next
        self.exhausted = page.next is None

    def _launch(self) -> None:
        for _ in range(min(self.fetcher.room, self._wanted(), len(self.waiting))):
            rank, candidate = self.waiting.popleft()
            self.flying[rank] = candidate
            if candidate.path is not None:
                self.fetcher.submit_file(rank, candidate.path)
            else:
                self.fetcher.submit(rank, candidate.image_url)

    def _land(self, downloads: list[Download[int]]) -> None:
        self.landed += downloads
        # What has landed flies no more: only so is the last of a wave noticed, and nothing counted twice by _wanted().
        self.landed_candidates |= {download.ticket: self.flying.pop(download.ticket) for download in downloads}
        self.landed_good += sum(1 for download in downloads if download.outcome == Outcome.STORED)

    def _flush(self) -> None:
        """Make the files durable, then commit their rows with the outcomes and the resume state."""
        landed, self.landed, self.landed_good = self.landed, [], 0
        candidates, self.landed_candidates = self.landed_candidates, {}
        good = [download for download in landed if download.outcome == Outcome.STORED]
        now = timezone.now()
        with storing(self.storage):
            store_batch(self.storage, [(download.draft, download.sha256) for download in good if download.draft])
            self.context.store(lambda: self._write(landed, candidates, now))

    def _write(
        self, landed: list[Download[int]], candidates: dict[int, Candidate], now: datetime
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        good = [download for download in landed if download.outcome == Outcome.STORED]
        rows = [self._image(download, candidates[download.ticket], now) for download in good]
        # In the order of the unique key: two chunks of a job that store the same pictures must not wait crosswise.
        Image.objects.bulk_create(sorted(rows, key=lambda row: (row.sha256, row.rank)), ignore_conflicts=True)
        owners = {
            sha256: (chunk_id, rank)
            for sha256, chunk_id, rank in Image.objects.filter(
                job_id=self.chunk.job_id, sha256__in=[download.sha256 for download in good]
            ).values_list("sha256", "chunk_id", "rank")
        }
        failures = []
        for download in landed:
            outcome = str(download.outcome)
            detail = download.detail
            if outcome == Outcome.STORED:
                if owners.get(download.sha256) == (self.chunk.pk, download.ticket):
                    self.tally.images += 1
                else:
                    outcome, detail = str(Outcome.DUPLICATE), f"same bytes as {download.sha256}"
                    self.tally.duplicates += 1
            self.tally.outcomes[outcome] += 1
            if outcome != Outcome.STORED:
                failures.append(self._failure(download, candidates[download.ticket], outcome, detail, now))
        FetchFailure.objects.bulk_create(failures, ignore_conflicts=True)
        self._close({download.ticket for download in landed})
        return self._progress(), self._state()

    def _close(self, ranks: set[int]) -> None:
        for page in self.open_pages:
            page.unfinished -= ranks
        while self.open_pages and not self.open_pages[0].unfinished:
            self.open_pages.popleft()

    def _state(self) -> dict[str, Any]:
        if not self.open_pages:
            return {"cursor": self.next_cursor, "rank": self.next_rank, "done": [], "exhausted": self.exhausted}
        oldest = self.open_pages[0]
        unfinished = set().union(*(page.unfinished for page in self.open_pages))
        done = [rank for rank in range(oldest.first_rank, self.next_rank) if rank not in unfinished]
        return {"cursor": oldest.cursor, "rank": oldest.first_rank, "done": done, "exhausted": False}

    def _progress(self) -> dict[str, Any]:
        return {
            "images": self.tally.images,
            "target": self.query.limit,
            "duplicates": self.tally.duplicates,
            "found": sum(self.tally.outcomes.values()),
            "outcomes": dict(sorted(self.tally.outcomes.items())),
            "exhausted": self.exhausted and not self.waiting,
        }

    def _image(self, download: Download[int], candidate: Candidate, now: datetime) -> Image:
        return Image(
            job_id=self.chunk.job_id,
            chunk=self.chunk,
            sha256=download.sha256,
            key=image_key(download.sha256),
            format=download.format or "",
            width=download.width,
            height=download.height,
            bytes=download.size,
            content_type=_fit(download.content_type, 200),
            source_url=_fit(candidate.image_url or f"file://{candidate.path}"),
            page_url=_fit(candidate.page_url),
            title=_fit(candidate.title),
            creator=_fit(candidate.creator),
            creator_url=_fit(candidate.creator_url),
            license=_fit(candidate.license, 100),
            license_version=_fit(candidate.license_version, 20),
            license_url=_fit(candidate.license_url),
            attribution=_fit(candidate.attribution),
            keyword=self.chunk.keyword,
            engine=self.chunk.engine,
            backend=self.chunk.backend,
            rank=download.ticket,
            fetched_at=now,
        )

    def _failure(
        self, download: Download[int], candidate: Candidate, outcome: str, detail: str, now: datetime
    ) -> FetchFailure:
        return FetchFailure(
            chunk=self.chunk,
            rank=download.ticket,
            url=_fit(candidate.image_url or f"file://{candidate.path}"),
            outcome=outcome,
            detail=_fit(detail, 500),
            created_at=now,
        )


def _fit(text: str, limit: int = 8000) -> str:
    """Cut a foreign text to its column, and drop NULs, which PostgreSQL does not store."""
    return text.replace("\x00", "")[:limit] if text else ""
