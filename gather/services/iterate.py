"""One attempt at a run: iteration after iteration, from where the last save stands."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final

from django.db import DatabaseError

from gather.models import GatherRun
from gather.services.engines import gates_of, left_out, tell_engines
from gather.services.iteration import Gathered, Iteration, IterationFailed, KnownAddresses, Ticket
from gather.services.saving import Saver, Standing, standing_of
from gather.services.sources import PageAsker, Position, Source, positions_of, sources_of
from gather.services.status import partial_results
from jobs.fetch.images import FetchLimits, ImageFetcher
from jobs.fetch.storage import images_storage
from jobs.services.candidates import source_url
from jobs.services.engine_state import LOOK_AGAIN, Gate
from pixtasks.common.net.guard import AddressPolicy
from tasktypes.handlers import Context, LeaseLost, PermanentFailure, Postponed, TaskCancelled, WorkerStopping
from tasktypes.services.limits import take_starts

logger = logging.getLogger(__name__)

SAVE_ROWS: Final = 2_000
"""With more than so many rows in memory a save comes before its interval."""
ATTEMPT_SECONDS: Final = 2_400
"""After so long an attempt gives its row back between two iterations: others get a turn, and no limit is reached."""

_STOPS: Final = (TaskCancelled, LeaseLost, WorkerStopping, Postponed, PermanentFailure, DatabaseError)
"""What ends the attempt and is no failure of the iteration."""


def gather(context: Context) -> dict[str, Any]:
    """Run a gather's iterations to the end.

    Returns:
        completedIterations, results (iterationNumber and gatherDataId of those that left data), exhausted, images.

    Raises:
        PermanentFailure: an iteration failed and the run does not pass over failures; or no engine can be used.
        Postponed: the rate of an engine is used up, or it is paused.
        TaskCancelled, LeaseLost, WorkerStopping: see :class:`tasktypes.handlers.Context`.
    """
    run = GatherRun.objects.select_related("job").filter(task_id=context.task.id).first()
    if run is None:
        raise PermanentFailure("This task has no gather run; start the gather again")
    sources = sources_of(run)
    positions = positions_of(run, sources, context.task.state)
    policy, limits = AddressPolicy.from_settings(), FetchLimits.from_settings()
    with PageAsker(policy, limits) as pages, ExitStack() as fetchers:

        def new_fetcher() -> ImageFetcher[Ticket]:
            fetchers.close()
            return fetchers.enter_context(ImageFetcher[Ticket](images_storage(), limits, policy))

        return _Attempt(run, sources, positions, context, pages, new_fetcher).run()


class _Attempt:
    """One attempt at work."""

    def __init__(
        self,
        run: GatherRun,
        sources: list[Source],
        positions: list[Position],
        context: Context,
        pages: PageAsker,
        new_fetcher: Callable[[], ImageFetcher[Ticket]],
    ) -> None:
        self.gather_run = run
        self.sources = sources
        self.context = context
        self.pages = pages
        self.new_fetcher = new_fetcher
        self.fetcher = new_fetcher()
        self.known = KnownAddresses(run.project_id)
        self.began = time.monotonic()
        saved = standing_of(run, context.task.state, positions)
        self.saver = Saver(run, sources, context, saved, saved)

    def run(self) -> dict[str, Any]:
        """Iterate to the end; what is finished is saved however that looks (CONTRACT X69)."""
        try:
            while not self._done:
                gates = gates_of(self.sources, self.saver.standing.positions)
                self._take_starts(gates)
                self._iterate(self.saver.standing.iteration + 1, gates)
        except (LeaseLost, DatabaseError):
            raise
        except Exception:
            if self.saver.dirty:
                self._save()
            raise
        completed, results = partial_results(self.gather_run)
        standing = self.saver.saved
        return {
            "completedIterations": completed,
            "results": results,
            "exhausted": standing.exhausted,
            "images": standing.counts["images"],
        }

    @property
    def _done(self) -> bool:
        standing = self.saver.standing
        return standing.iteration >= self.gather_run.gather_count or standing.exhausted

    def _take_starts(self, gates: Mapping[str, Gate]) -> None:
        """Take one start of each engine that the next iteration asks (CONTRACT X68).

        Raises:
            Postponed: there is none now; or this attempt has had its time.
        """
        if time.monotonic() - self.began > ATTEMPT_SECONDS:
            raise Postponed(0, "The run goes on in another attempt")
        asked = zip(self.sources, self.saver.standing.positions, strict=True)
        buckets = {
            source.bucket for source, position in asked if not position.ended and not gates[source.engine.name].seconds
        }
        seconds = take_starts(buckets)
        if seconds:
            seconds = min(seconds, LOOK_AGAIN)
            raise Postponed(seconds, f"The rate of {', '.join(sorted(buckets - {''}))} is used up for {seconds:.0f} s")

    def _iterate(self, number: int, gates: Mapping[str, Gate]) -> None:
        positions = self.saver.standing.positions
        iteration = Iteration(
            number,
            self.sources,
            positions,
            self.fetcher,
            self.pages,
            self.known,
            lambda: self._alive(number),
            left_out(self.sources, gates),
        )
        try:
            gathered = iteration.run(self.gather_run.project_id)
        except _STOPS:
            raise
        except IterationFailed as error:
            tell_engines(iteration, gates, self.context.task.id)
            self._fail(number, str(error), error.positions)
        except Exception as error:
            logger.exception("gather %s: iteration %d failed", self.context.task.public_id, number)
            self._start_afresh()
            self._fail(number, f"{type(error).__name__}: {error}", positions)
        else:
            tell_engines(iteration, gates, self.context.task.id)
            self._finish(gathered, iteration.positions)

    def _alive(self, number: int) -> None:
        """Hear whether to stop, and show a sign of life once a second."""
        self.context.check_cancelled()
        if self.context.checkpoint_due:
            self.context.checkpoint(progress=self._progress(self.saver.standing, number))

    def _finish(self, gathered: Gathered, positions: Sequence[Position]) -> None:
        before = self.saver.standing
        gathered.take_out(self.saver.digests)
        self.known.add(source_url(one.candidate) for one in gathered.images.values())
        over = all(position.ended for position in positions)
        self.saver.unsaved.append(gathered)
        self.saver.standing = replace(
            before,
            iteration=gathered.number,
            outcomes=before.outcomes + gathered.outcomes,
            positions=tuple(positions),
            exhausted=over and gathered.number < self.gather_run.gather_count,
        )
        self._report()

    def _fail(self, number: int, error: str, positions: Sequence[Position]) -> None:
        before = self.saver.standing
        failures = (*before.failures, {"iteration": number, "error": error})
        self.saver.standing = replace(before, positions=tuple(positions), failures=failures)
        if not self.gather_run.error_recovery:
            raise PermanentFailure(f"Iteration {number} of {self.gather_run.gather_count} failed: {error}")
        self.saver.standing = replace(self.saver.standing, iteration=number)
        self._report(error)

    def _report(self, error: str | None = None) -> None:
        """Tell that an iteration is over; save where that is due."""
        iteration = self.saver.standing.iteration
        if self._done or iteration % self.gather_run.save_interval == 0 or self.saver.rows > SAVE_ROWS:
            self._save(error)
        else:
            self.context.checkpoint(progress=self._progress(self.saver.standing, error=error))

    def _save(self, error: str | None = None) -> None:
        self.saver.save(lambda standing: self._progress(standing, error=error))

    def _start_afresh(self) -> None:
        """Forget what is in flight; the drafts of finished iterations are saved before their fetcher goes."""
        if self.saver.unsaved:
            self._save()
        self.pages.forget()
        self.fetcher = self.new_fetcher()

    def _progress(self, standing: Standing, number: int | None = None, *, error: str | None = None) -> dict[str, Any]:
        """Return what people are told (CONTRACT G16–G18).

        Args:
            number: of the iteration at work; without it, that of the last finished one.
        """
        total = self.gather_run.gather_count
        progress = {
            "currentIteration": standing.iteration,
            "totalIterations": total,
            "percentage": 100 if standing.exhausted else 100 * standing.iteration // total,
            "message": f"Processing iteration {number or max(1, standing.iteration)} of {total}",
            **standing.counts,
        }
        return progress if error is None else {**progress, "error": error}
