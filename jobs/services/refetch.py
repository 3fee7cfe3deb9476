"""Trying failed candidates of an ended job again.

The job and its chunks stay as they ended: a run of its own fetches the candidates, and what comes of each moves from
one class to another in its chunk's counts and in its job's, in one transaction. So the sums stay equal whatever is
killed in between, and a chunk that is reopened meanwhile is left alone.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from jobs.engines.folders import allowed_roots, inside
from jobs.fetch.images import Download, ImageFetcher
from jobs.fetch.keeping import storing
from jobs.fetch.outcomes import Outcome
from jobs.fetch.storage import images_storage, store_batch
from jobs.models import Chunk, CrawlJob, FetchFailure, Image, RefetchRun
from jobs.services.candidates import CandidateFetch, Fetched, candidate_of, failure_row, image_row
from jobs.services.cassettes import fetcher_of
from jobs.services.chunks import move_counts
from jobs.services.crawl_jobs import DOWNLOAD
from jobs.services.failures import FailureFilter
from jobs.services.quarantine import count_quarantined, policy_of_job
from jobs.services.refetch_plan import choose, room_of
from pixtasks.accounts.models import User
from pixtasks.accounts.services.audit import audit
from pixtasks.common.crash_points import crash_point
from tasktypes.handlers import Context, PermanentFailure, TaskCancelled, WorkerStopping
from tasktypes.models import Task
from tasktypes.services.status_cache import forget_after_commit
from tasktypes.services.submit import NewTask, create_group, submit
from tasktypes.states import TERMINAL

REFETCH: Final = "jobs.refetch_failures"
"""Name of the handler that does a batch."""
GROUP_KIND: Final = "refetch_run"
BATCH: Final = 500
"""Candidates per task."""
_ROWS: Final = 200
"""Rows per transaction at most; a checkpoint comes at least once a second."""


@dataclass(frozen=True, slots=True)
class StartedRefetch:
    """A run, the public ids of its tasks, and how many candidates it tries of each class."""

    run: RefetchRun
    task_ids: list[str]
    classes: dict[str, int]


def start_refetch(
    job: CrawlJob, wanted: FailureFilter, user: User | None, *, address: str | None = None
) -> StartedRefetch:
    """Try failed candidates of an ended job again.

    Chunks never get more images than they were asked for: candidates of full chunks are left out, and so are those that
    another run is at.

    Args:
        wanted: which; where it names no class, every transient one.
        user, address: who asks, and from where.

    Raises:
        RuleViolation: the job has not ended, nothing of it failed so, its chunks are full, or what was asked for is
            being tried again already.
    """
    with transaction.atomic():
        job = CrawlJob.objects.with_group().select_for_update(of=("self",)).get(pk=job.pk)
        chosen = choose(job, wanted)
        classes = list(chosen.classes)
        group = create_group(GROUP_KIND)
        run = RefetchRun.objects.create(
            job=job,
            outcome=classes[0] if len(classes) == 1 else "",
            outcomes=classes,
            filters=wanted.facts,
            group=group,
            failures_count=chosen.candidates,
            created_by=user,
        )
        # A batch is of one class: so its counts move from there, and workers of the release before can do it, too.
        tasks = submit(
            [
                NewTask(
                    type_name=REFETCH,
                    parameters={"job_id": job.pk, "outcome": name, "failure_ids": ids[start : start + BATCH]},
                )
                for name, ids in chosen.ids.items()
                for start in range(0, len(ids), BATCH)
            ],
            owner_id=job.project.owner_id,
            group=group,
        )
        facts = {"outcome": ", ".join(classes), "candidates": chosen.candidates, **wanted.facts}
        audit("crawl_job.failures_retried", actor=user, target=job, detail=facts, address=address)
    return StartedRefetch(run, [task.public_id for task in tasks], dict(chosen.classes))


def refetch(job_id: int, outcome: str, failure_ids: Collection[int], context: Context) -> dict[str, Any]:
    """Fetch a batch of failed candidates again.

    Returns:
        ``{"failures", "done", "images", "duplicates", "left", "outcomes", "percentage"}``: how many were asked for,
        tried, stored, stored before, and left because their chunk is full or runs again.

    Raises:
        PermanentFailure: the job has been deleted.
        TaskCancelled, LeaseLost: see :class:`tasktypes.services.context.Context`.
    """
    job = CrawlJob.objects.filter(pk=job_id).first()
    if job is None:
        raise PermanentFailure(f"There is no job {job_id} any more")
    with fetcher_of(job) as fetcher:
        return _Refetch(job, outcome, failure_ids, context, fetcher).run()


@dataclass(slots=True)
class _Move:
    """What one transaction changes in the counts of one chunk."""

    images: int = 0
    duplicates: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)

    def counts(self) -> dict[str, Any]:
        return {"images": self.images, "duplicates": self.duplicates, "outcomes": self.outcomes}


class _Refetch:
    """One attempt at one batch."""

    def __init__(
        self, job: CrawlJob, outcome: str, ids: Collection[int], context: Context, fetcher: ImageFetcher[int]
    ) -> None:
        self.job = job
        self.outcome = outcome
        self.total = len(set(ids))
        self.context = context
        self.fetch = CandidateFetch(fetcher)
        self.storage = images_storage()
        progress = context.task.progress or {}
        self.images: int = progress.get("images", 0)
        self.duplicates: int = progress.get("duplicates", 0)
        self.outcomes: Counter[str] = Counter(progress.get("outcomes", {}))
        self.done: set[int] = set((context.task.state or {}).get("done", ()))
        open_rows = FetchFailure.objects.filter(pk__in=set(ids) - self.done, chunk__job=job, outcome=outcome)
        self.rows = {
            row.pk: row for row in open_rows.select_related("chunk__job", "chunk__task").order_by("chunk_id", "rank")
        }
        self.waiting: deque[int] = deque(self.rows)
        self.room = {
            row.chunk_id: room_of(row.chunk.wanted, row.chunk.task.progress) if _at_rest(row.chunk.task) else 0
            for row in self.rows.values()
        }
        self.landed: list[Fetched[int]] = []

    def run(self) -> dict[str, Any]:
        """Try them all; what has landed is stored even where the end is a cancel or a stopping worker."""
        try:
            self._work()
        except (TaskCancelled, WorkerStopping):
            if self.landed:
                self._flush()
            raise
        return self._progress() | {"left": self.total - len(self.done)}

    def _work(self) -> None:
        while True:
            self.context.check_cancelled()
            self._launch()
            if not (self.fetch.flying or self.landed):
                return
            for one in self.fetch.land(0.1):
                self._land(one)
            if self.landed and (len(self.landed) >= _ROWS or self.context.checkpoint_due or not self.fetch.flying):
                self._flush()
            elif self.context.checkpoint_due:
                self.context.checkpoint()

    def _launch(self) -> None:
        """Begin to fetch what fits: no chunk may get more than it was asked for, were all in flight new images."""
        roots = allowed_roots()
        for _ in range(len(self.waiting)):
            if not self.fetch.fetcher.room:
                return
            pk = self.waiting.popleft()
            row = self.rows[pk]
            if self.room[row.chunk_id] <= 0:
                self.waiting.append(pk)
                continue
            self.room[row.chunk_id] -= 1
            candidate = candidate_of(row)
            # What may be read now counts, not what could be when the job ran.
            if candidate.path is not None and not inside(candidate.path.resolve(), roots):
                refused = Download(pk, str(Outcome.FILE_FORBIDDEN), row.url, detail="not below an allowed folder")
                self._land(Fetched(candidate, refused))
                continue
            self.fetch.waiting.append((pk, candidate))
            self.fetch.launch(1)

    def _land(self, one: Fetched[int]) -> None:
        self.landed.append(one)
        if not one.is_image:
            self.room[self.rows[one.download.ticket].chunk_id] += 1

    def _flush(self) -> None:
        """Make the files durable, then commit rows, counts and the resume state."""
        landed, self.landed = self.landed, []
        good = [one.download for one in landed if one.is_image]
        now = timezone.now()
        with storing(self.storage):
            store_batch(self.storage, [(download.draft, download.sha256) for download in good if download.draft])
            crash_point("download.before_rows")
            self.context.store(lambda: self._write(landed, now))

    def _write(self, landed: Sequence[Fetched[int]], now: datetime) -> tuple[dict[str, Any], dict[str, Any]]:
        chunks = {row.chunk_id: row.chunk for row in self.rows.values()}
        touched = {self.rows[one.download.ticket].chunk_id for one in landed}
        # The lock order: tasks by their ids, failures, images, the job. A chunk that was reopened counts by itself.
        tasks = {
            task.pk: task
            for task in Task.objects.filter(
                pk__in=[chunks[pk].task_id for pk in touched], type_name=DOWNLOAD, status__in=TERMINAL
            )
            .order_by("id")
            .select_for_update(no_key=True, of=("self",))
        }
        found = FetchFailure.objects.filter(pk__in=[one.download.ticket for one in landed], outcome=self.outcome)
        # What another run has tried since this attempt began has been counted there.
        rows = {
            row.pk: row
            for row in found.order_by("pk").select_for_update(no_key=True)
            if row.attempts == self.rows[row.pk].attempts
        }
        targets = dict(Chunk.objects.filter(pk__in=touched).values_list("pk", "target"))
        room = {
            pk: room_of(
                self.job.max_images if (target := targets[pk]) is None else target, tasks[chunks[pk].task_id].progress
            )
            for pk in touched
            if chunks[pk].task_id in tasks
        }
        tried = [one for one in landed if one.download.ticket in rows and rows[one.download.ticket].chunk_id in room]
        kept = self._insert(tried, rows, chunks, room, now)
        moves: dict[int, _Move] = {}
        gone: list[int] = []
        for one in tried:
            row = rows[one.download.ticket]
            outcome, detail = self._ended(one, kept)
            if outcome is None:
                continue
            move = moves.setdefault(row.chunk_id, _Move())
            move.outcomes[self.outcome] -= 1
            move.outcomes[outcome] += 1
            move.images += outcome == Outcome.STORED
            move.duplicates += outcome == Outcome.DUPLICATE
            self.outcomes[outcome] += 1
            self.done.add(row.pk)
            if outcome == Outcome.STORED:
                gone.append(row.pk)
                continue
            if one.is_image:
                self.room[row.chunk_id] += 1
            self._note(row, one, outcome, detail, now)
        FetchFailure.objects.filter(pk__in=gone).delete()
        FetchFailure.objects.bulk_update(
            [row for row in rows.values() if row.pk in self.done and row.pk not in gone],
            ["outcome", "detail", "attempts", "host", "next_eligible_at", "created_at"],
        )
        self._count(moves, {pk: tasks[chunks[pk].task_id] for pk in moves})
        return self._progress(), {"done": sorted(self.done)}

    def _note(self, row: FetchFailure, one: Fetched[int], outcome: str, detail: str, now: datetime) -> None:
        """Write into the row how it ended this time, and from when on another attempt is worth it."""
        told = failure_row(
            self.rows[row.pk].chunk, row.rank, one.candidate, outcome, detail, now,
            attempts=row.attempts + 1, retry_after=one.download.retry_after,
        )  # fmt: skip
        for name in ("outcome", "detail", "attempts", "host", "next_eligible_at", "created_at"):
            setattr(row, name, getattr(told, name))

    def _insert(
        self,
        tried: Sequence[Fetched[int]],
        rows: Mapping[int, FetchFailure],
        chunks: Mapping[int, Chunk],
        room: dict[int, int],
        now: datetime,
    ) -> dict[int, str]:
        """Insert the images that fit, and return what became of each: "stored", or "duplicate"."""
        images: dict[int, Image] = {}
        policy = policy_of_job(self.job.pk)
        for one in tried:
            row = rows[one.download.ticket]
            if one.is_image and room[row.chunk_id] > 0:
                room[row.chunk_id] -= 1
                images[row.pk] = image_row(chunks[row.chunk_id], row.rank, one, now, policy)
        # In the order of the unique key, as chunks do.
        Image.objects.bulk_create(
            sorted(images.values(), key=lambda image: (image.sha256, image.chunk_id, image.rank)), ignore_conflicts=True
        )
        owners = {
            sha256: (chunk_id, rank)
            for sha256, chunk_id, rank in Image.objects.filter(
                job=self.job, sha256__in=[image.sha256 for image in images.values()]
            ).values_list("sha256", "chunk_id", "rank")
        }
        stored = {pk for pk, image in images.items() if owners.get(image.sha256) == (image.chunk_id, image.rank)}
        count_quarantined(images[pk] for pk in stored)
        return {pk: str(Outcome.STORED if pk in stored else Outcome.DUPLICATE) for pk in images}

    @staticmethod
    def _ended(one: Fetched[int], kept: Mapping[int, str]) -> tuple[str | None, str]:
        """Return the class that a candidate is of now, and its detail; None where it is left as it was."""
        if not one.is_image:
            return str(one.download.outcome), one.download.detail
        outcome = kept.get(one.download.ticket)
        return outcome, f"same bytes as {one.download.sha256}" if outcome == Outcome.DUPLICATE else ""

    def _count(self, moves: Mapping[int, _Move], tasks: Mapping[int, Task]) -> None:
        """Move the counts of chunks, which their tasks hold, and with them those of the job."""
        for chunk_id, move in sorted(moves.items()):
            task = tasks[chunk_id]
            self.images += move.images
            self.duplicates += move.duplicates
            progress = _moved(task.progress or {}, move)
            result = _moved(task.result, move) if task.result and "outcomes" in task.result else task.result
            Task.objects.filter(pk=task.pk, status__in=TERMINAL).update(
                progress=progress, result=result, updated_at=Now()
            )
        if moves:
            move_counts({self.job.pk: [move.counts() for move in moves.values()]}, 1)
            forget_after_commit(task.public_id for task in tasks.values())

    def _progress(self) -> dict[str, Any]:
        return {
            "failures": self.total,
            "done": len(self.done),
            "images": self.images,
            "duplicates": self.duplicates,
            "outcomes": dict(sorted(self.outcomes.items())),
            "percentage": 100 * len(self.done) // self.total if self.total else 100,
        }


def _at_rest(task: Task) -> bool:
    return task.type_name == DOWNLOAD and task.status in TERMINAL


def _moved(counts: Mapping[str, Any], move: _Move) -> dict[str, Any]:
    outcomes = Counter(counts.get("outcomes", {}))
    outcomes.update(move.outcomes)
    return {
        **counts,
        "images": counts.get("images", 0) + move.images,
        "duplicates": counts.get("duplicates", 0) + move.duplicates,
        "outcomes": {name: number for name, number in sorted(outcomes.items()) if number},
    }
