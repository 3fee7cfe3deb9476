"""The work of one chunk: ask the engine page by page, fetch, store, write rows (ARCHITECTURE.md, the domain on top).

Kill-safe by one rule: a candidate is finished when the transaction that holds its row, its outcome and the new resume
state has committed. The state is the cursor of the oldest page with unfinished candidates and the ranks beyond it that
are finished, so another attempt asks for that page again, skips those ranks, and counts nothing twice.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from jobs.engines import EngineError, Query, parse_options
from jobs.fetch.images import ImageFetcher
from jobs.fetch.keeping import storing
from jobs.fetch.outcomes import Outcome
from jobs.fetch.storage import images_storage, store_batch
from jobs.models import Chunk, FetchFailure, Image
from jobs.models.job import PLAIN_TEMPLATE
from jobs.services.candidates import CandidateFetch, Fetched, failure_row, image_row
from jobs.services.cassettes import Means, means_engine, means_of, waits_for_another
from jobs.services.engine_health import record_fetched
from jobs.services.engine_pages import EnginePages
from jobs.services.quarantine import count_quarantined, policy_of_job
from pixtasks.common.crash_points import crash_point
from pixtasks.common.errors import PixtasksError
from tasktypes.handlers import Context, PermanentFailure, Postponed, TaskCancelled, WorkerStopping

_TURN_SECONDS = 0.5
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


def download_chunk(
    job_id: int, keyword: str, engine_name: str, max_images: int, context: Context, *, template: str = PLAIN_TEMPLATE
) -> dict[str, Any]:
    """Crawl one chunk until ``max_images`` new images are stored or the engine has no more.

    Where the job's budget moves, the chunk's own target counts instead of ``max_images``, as it is at each store. The
    engine is asked for the keyword as its template puts it; images keep the plain keyword.

    Returns:
        The chunk's counts: images, target, duplicates, found, outcomes by class, exhausted.

    Raises:
        PermanentFailure: the engine or its options cannot work.
        EngineUnavailable: the engine is down; the attempt is worth repeating.
        Postponed: the engine may not be asked for a while; the attempt costs nothing.
        TaskCancelled, LeaseLost: see :class:`tasktypes.services.context.Context`.
    """
    chunks = Chunk.objects.select_related("job").filter(job_id=job_id, keyword=keyword, engine=engine_name)
    chunk = chunks.filter(template=template).first()
    if chunk is None:
        raise PermanentFailure(f"Job {job_id} has no chunk {keyword!r} at {engine_name!r}")
    if waits_for_another(chunk):
        raise Postponed(_TURN_SECONDS, "A job with a cassette works chunk by chunk; an earlier one has not ended")
    try:
        engine = means_engine(chunk.job, engine_name)
        options = parse_options(engine, chunk.job.options.get(engine_name), check=False)
        means = means_of(chunk.job, engine)
    except PixtasksError as error:
        raise PermanentFailure(error.message) from error
    # The limit, by which engines choose their pages, stays as it was: a cursor means the same for every attempt.
    query = Query(keyword=chunk.query, engine=engine_name, limit=max_images, options=options)
    with means.fetcher as fetcher, EnginePages(means.engine, query, means.web, paced=means.live) as pages:
        return _ChunkCrawl(chunk, max_images, context, fetcher, pages, means=means).run()


class _ChunkCrawl:
    """One attempt at one chunk."""

    def __init__(
        self,
        chunk: Chunk,
        max_images: int,
        context: Context,
        fetcher: ImageFetcher[int],
        pages: EnginePages,
        *,
        means: Means,
    ) -> None:
        self.means = means
        self.chunk = chunk
        self.target = max_images if chunk.target is None else chunk.target
        self.context = context
        self.fetch = CandidateFetch(fetcher)
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
        self.landed: list[Fetched[int]] = []
        self.landed_good = 0

    def run(self) -> dict[str, Any]:
        """Crawl to the end; what has landed is stored even where the end is a cancel, a pause or a stopping worker."""
        try:
            self._crawl()
        except (TaskCancelled, WorkerStopping, Postponed, EngineError, PermanentFailure):
            if self.landed:
                self._flush()
            raise
        return self._progress()

    def _crawl(self) -> None:
        while not self._finished():
            self.context.check_cancelled()
            self._take_pages()
            self.fetch.launch(self._wanted())
            self._land(self.fetch.land(0.1))
            if self.landed and self._is_due():
                self._flush()
            elif self.context.checkpoint_due:
                self.context.checkpoint()
                self._heed_target()
        if self.landed:
            self._flush()

    def _is_due(self) -> bool:
        """Whether what has landed is to be stored now; in order, a wave is stored whole, sorted by rank."""
        if not self.fetch.flying:
            return True
        return not self.means.in_order and (len(self.landed) >= _BATCH or self.context.checkpoint_due)

    def _finished(self) -> bool:
        if self.fetch.flying or self.landed:
            return False
        if self.exhausted and not self.fetch.waiting:
            return True
        if self.tally.images >= self.target:
            self._heed_target()
        return self.tally.images >= self.target

    def _heed_target(self) -> None:
        """Look whether another chunk's budget has moved here; while a chunk runs, its target only grows."""
        if self.chunk.target is not None:
            self.target = Chunk.objects.values_list("target", flat=True).get(pk=self.chunk.pk) or 0

    def _wanted(self) -> int:
        """How many more candidates may be launched, were all in flight to become new images."""
        return self.target - self.tally.images - self.landed_good - len(self.fetch.flying)

    def _take_pages(self) -> None:
        """Keep candidates at hand: ask for the next page while the last is still being fetched."""
        if self.exhausted or self._wanted() <= 0 or len(self.fetch.waiting) > self.fetch.fetcher.room:
            return
        if self.fetch.waiting and self.means.in_order:
            return
        cursor = self.next_cursor
        page = self.pages.page(cursor, idle=not (self.fetch.flying or self.fetch.waiting))
        if page is None:
            return
        ranks = range(self.next_rank, self.next_rank + len(page.candidates))
        fresh = [
            (rank, candidate) for rank, candidate in zip(ranks, page.candidates, strict=True) if rank not in self.skip
        ]
        self.open_pages.append(_OpenPage(cursor, self.next_rank, {rank for rank, _ in fresh}))
        self.fetch.waiting.extend(fresh)
        self.next_rank += len(page.candidates)
        self.next_cursor = page.next
        self.exhausted = page.next is None

    def _land(self, landed: list[Fetched[int]]) -> None:
        self.landed += landed
        self.landed_good += sum(1 for one in landed if one.is_image)

    def _flush(self) -> None:
        """Make the files durable, then commit their rows with the outcomes and the resume state."""
        landed, self.landed, self.landed_good = self.landed, [], 0
        good = [one.download for one in landed if one.is_image]
        now = timezone.now()
        with storing(self.storage):
            store_batch(self.storage, [(download.draft, download.sha256) for download in good if download.draft])
            crash_point("download.before_rows")
            self.context.store(lambda: self._write(landed, now))

    def _write(self, landed: list[Fetched[int]], now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
        policy = policy_of_job(self.chunk.job_id)
        rows = [image_row(self.chunk, one.download.ticket, one, now, policy) for one in landed if one.is_image]
        # In the order of the unique key: two chunks of a job that store the same pictures must not wait crosswise.
        Image.objects.bulk_create(sorted(rows, key=lambda row: (row.sha256, row.rank)), ignore_conflicts=True)
        owners = {
            sha256: (chunk_id, rank)
            for sha256, chunk_id, rank in Image.objects.filter(
                job_id=self.chunk.job_id, sha256__in=[row.sha256 for row in rows]
            ).values_list("sha256", "chunk_id", "rank")
        }
        failures = []
        for one in landed:
            download = one.download
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
                failures.append(
                    failure_row(
                        self.chunk, download.ticket, one.candidate, outcome, detail, now,
                        retry_after=download.retry_after,
                    )
                )  # fmt: skip
        FetchFailure.objects.bulk_create(failures, ignore_conflicts=True)
        stored = [row for row in rows if owners.get(row.sha256) == (self.chunk.pk, row.rank)]
        count_quarantined(stored)
        if self.means.live:
            record_fetched(
                stored,
                ((self.chunk.backend, failure) for failure in failures),
            )
        self._close({one.download.ticket for one in landed})
        self._heed_target()
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
            "target": self.target,
            "duplicates": self.tally.duplicates,
            "found": sum(self.tally.outcomes.values()),
            "outcomes": dict(sorted(self.tally.outcomes.items())),
            "exhausted": self.exhausted and not self.fetch.waiting,
        }
