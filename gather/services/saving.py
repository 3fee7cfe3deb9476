"""Saving: what finished iterations brought becomes durable in one fenced transaction, and only then.

An attempt that is cut off loses the iterations since its last save; the next one goes on after those that are saved,
with the positions, ranks and counts that were saved with them. So no record is missing and no image is there twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from django.utils import timezone

from gather.models import GatherRecord, GatherRun, GatherSource
from gather.services.iteration import Gathered, known_digests
from gather.services.sources import Position, Source, dump
from jobs.fetch.keeping import storing
from jobs.fetch.outcomes import Outcome
from jobs.fetch.storage import images_storage, store_batch
from jobs.licenses import LicensePolicy
from jobs.models import FetchFailure, Image, Project
from jobs.services.candidates import failure_row, image_row
from jobs.services.engine_health import record_fetched
from jobs.services.quarantine import count_quarantined
from tasktypes.handlers import Context, LeaseLost, TaskCancelled

_DUPLICATE: Final = str(Outcome.DUPLICATE)
_STORED: Final = str(Outcome.STORED)
_ROWS_AT_A_TIME: Final = 500


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands after its last finished iteration.

    Attributes:
        iteration: finished iterations, failed ones that were passed over among them.
        outcomes: all candidates of the run by how they ended.
        positions: of the sources.
        failures: iterations that failed: iteration, error.
        exhausted: no source has anything more, before all iterations were done.
    """

    iteration: int
    outcomes: Counter[str]
    positions: tuple[Position, ...]
    failures: tuple[dict[str, Any], ...] = ()
    exhausted: bool = False

    @property
    def counts(self) -> dict[str, Any]:
        """What moves into the job's counters."""
        outcomes = {outcome: count for outcome, count in sorted(self.outcomes.items()) if count}
        return {
            "images": outcomes.get(_STORED, 0),
            "duplicates": outcomes.get(_DUPLICATE, 0),
            "outcomes": outcomes,
        }


@dataclass(slots=True)
class Saver:
    """Keeps what is finished until it is saved.

    Attributes:
        standing: after the last finished iteration; its counts are final only for what is saved.
        saved: as of the last save.
        unsaved: what the iterations since then brought.
    """

    run: GatherRun
    sources: Sequence[Source]
    context: Context
    saved: Standing
    standing: Standing
    unsaved: list[Gathered] = field(default_factory=list)

    @property
    def dirty(self) -> bool:
        """Whether there is anything to save."""
        return self.standing != self.saved

    @property
    def rows(self) -> int:
        """How many rows a save would insert."""
        return sum(one.rows for one in self.unsaved)

    @property
    def digests(self) -> set[str]:
        """The sha256 of every image that a save would insert."""
        return {one.download.sha256 for gathered in self.unsaved for one in gathered.images.values()}

    def save(self, progress: Callable[[Standing], dict[str, Any]]) -> None:
        """Make the files durable, then commit their rows with records, positions and the state to go on from.

        Args:
            progress: says how far the run is.

        Raises:
            LeaseLost: another attempt owns the task; nothing was stored.
            TaskCancelled: stored, and then: somebody asked the task to stop.
        """
        storage = images_storage()
        drafts = [one.download for gathered in self.unsaved for one in gathered.images.values()]
        written: list[Standing] = []

        def write() -> tuple[dict[str, Any], dict[str, Any]]:
            written[:] = [self._write()]
            return progress(written[0]), _state(written[0])

        with storing(storage):
            store_batch(storage, [(one.draft, one.sha256) for one in drafts if one.draft])
            try:
                self.context.store(write)
            except TaskCancelled:
                self._keep(written[0])
                raise
        self._keep(written[0])

    def _keep(self, standing: Standing) -> None:
        self.saved = self.standing = standing
        self.unsaved = []

    def _write(self) -> Standing:
        now = timezone.now()
        run = self.run
        # Two runs of a project save one after the other: what is new to it is decided under this lock.
        project = Project.objects.select_for_update(no_key=True).filter(pk=run.project_id).first()
        if project is None or not GatherRun.objects.filter(pk=run.pk).exists():
            raise LeaseLost  # The run is being deleted, and its task in a moment.
        self._look_again()
        outcomes = Counter(self.saved.outcomes)
        for gathered in self.unsaved:
            outcomes.update(gathered.outcomes)
            self._insert(gathered, now, project.license_policy)
        standing = replace(self.standing, outcomes=outcomes)
        GatherRun.objects.filter(pk=run.pk).update(
            completed_iterations=standing.iteration,
            failures=list(standing.failures),
            exhausted=standing.exhausted,
        )
        self._leave_cursors(now)
        return standing

    def _look_again(self) -> None:
        """Count as duplicates what another run, or a crawl, has stored for this project since the iteration ended."""
        seen = known_digests(self.run.project_id, sorted(self.digests))
        for gathered in self.unsaved:
            fresh = {one.download.sha256 for one in gathered.images.values()} - seen
            gathered.take_out(seen)
            seen |= fresh

    def _insert(self, gathered: Gathered, now: datetime, policy: LicensePolicy) -> None:
        rows = Image.objects.bulk_create(
            [
                image_row(self.sources[number].chunk, rank, one, now, policy)
                for (number, rank), one in sorted(gathered.images.items())
            ],
            batch_size=_ROWS_AT_A_TIME,
        )
        count_quarantined(rows)
        failures = [
            failure_row(
                self.sources[one.source].chunk,
                one.rank,
                one.candidate,
                one.outcome,
                one.detail,
                now,
                retry_after=one.retry_after,
            )
            for one in gathered.refused
        ]
        FetchFailure.objects.bulk_create(failures, batch_size=_ROWS_AT_A_TIME)
        record_fetched(rows, ((failure.chunk.backend, failure) for failure in failures))
        duplicates = sum(1 for one in gathered.refused if one.outcome == _DUPLICATE)
        GatherRecord.objects.create(
            run=self.run,
            iteration=gathered.number,
            images=len(rows),
            duplicates=duplicates,
            found=sum(gathered.found.values()),
            failed=len(gathered.refused) - duplicates,
            sources=self._lines(gathered),
            errors=gathered.errors,
            first_image_id=rows[0].pk if rows else None,
            last_image_id=rows[-1].pk if rows else None,
            seconds=round(gathered.seconds, 3),
            created_at=now,
        )

    def _lines(self, gathered: Gathered) -> list[dict[str, Any]]:
        images = Counter(number for number, _ in gathered.images)
        refused = Counter((one.source, one.outcome == _DUPLICATE) for one in gathered.refused)
        lines = []
        for number in sorted(gathered.more):
            chunk = self.sources[number].chunk
            lines.append(
                {
                    "keyword": chunk.keyword,
                    "engine": chunk.engine,
                    "backend": chunk.backend,
                    "found": gathered.found[number],
                    "images": images[number],
                    "duplicates": refused[number, True],
                    "failed": refused[number, False],
                    "more": gathered.more[number],
                }
            )
        return lines

    def _leave_cursors(self, now: datetime) -> None:
        """Leave where the project's next run goes on: at the cursors reached, after an end at the first page."""
        moved = [
            GatherSource(
                project_id=self.run.project_id,
                keyword=source.chunk.keyword,
                engine=source.chunk.engine,
                cursor=after.cursor,
                fingerprint=source.fingerprint,
                updated_at=now,
            )
            for source, before, after in zip(self.sources, self.saved.positions, self.standing.positions, strict=True)
            if after != before
        ]
        GatherSource.objects.bulk_create(
            sorted(moved, key=lambda row: (row.keyword, row.engine)),
            batch_size=_ROWS_AT_A_TIME,
            update_conflicts=True,
            unique_fields=["project", "keyword", "engine"],
            update_fields=["cursor", "fingerprint", "updated_at"],
        )


def standing_of(run: GatherRun, state: dict[str, Any] | None, positions: Sequence[Position]) -> Standing:
    """Return where a run stood at its last save."""
    state = state or {}
    iteration = state.get("iteration", 0)
    return Standing(
        iteration,
        Counter(state.get("counts", {}).get("outcomes", {})),
        tuple(positions),
        # The iteration that ended the run is tried again.
        tuple(failure for failure in run.failures if failure["iteration"] <= iteration),
        run.exhausted,
    )


def _state(standing: Standing) -> dict[str, Any]:
    return {"iteration": standing.iteration, "counts": standing.counts, "sources": dump(list(standing.positions))}
