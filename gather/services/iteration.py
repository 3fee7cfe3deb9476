"""One iteration: every source is asked for its next page, and what the project does not have yet is fetched."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from gather.services.sources import PageAsker, Position, Source
from jobs.engines import Candidate, EngineError, EngineUnavailable, Page
from jobs.fetch.images import ImageFetcher
from jobs.fetch.outcomes import Outcome
from jobs.models import Image
from jobs.services.candidates import CandidateFetch, Fetched, source_url
from pixtasks.common.errors import PixtasksError

Ticket = tuple[int, int]
"""Number of the source, and rank."""

_SHA_AT_A_TIME: Final = 500
_POLL_SECONDS: Final = 0.1


class IterationFailed(Exception):
    """Every source that was asked failed.

    Args:
        positions: what follows for the sources all the same.
    """

    def __init__(self, message: str, positions: list[Position]) -> None:
        self.positions = positions
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Refused:
    """A candidate that did not become a new image; ``retry_after`` is what its server asked for, in seconds."""

    source: int
    rank: int
    candidate: Candidate
    outcome: str
    detail: str
    retry_after: float | None = None


@dataclass(slots=True)
class Gathered:
    """What an iteration brought; nothing of it is in the database yet.

    Attributes:
        images: by ticket, in the order of sources and ranks; new to the project as far as is known.
        found: candidates by source.
        more: by source that answered, whether it has further pages.
        errors: of sources that could not be asked: keyword, engine, error.
    """

    number: int
    seconds: float = 0
    images: dict[Ticket, Fetched[Ticket]] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    found: Counter[int] = field(default_factory=Counter)
    more: dict[int, bool] = field(default_factory=dict)
    errors: list[dict[str, str]] = field(default_factory=list)

    @property
    def outcomes(self) -> Counter[str]:
        """Candidates by how they ended."""
        outcomes = Counter(one.outcome for one in self.refused)
        if self.images:
            outcomes[str(Outcome.STORED)] = len(self.images)
        return outcomes

    @property
    def rows(self) -> int:
        """How many rows it will insert."""
        return len(self.images) + len(self.refused)

    def take_out(self, known: set[str]) -> None:
        """Count images whose bytes the project has as duplicates; their drafts go."""
        for (source, rank), fetched in list(self.images.items()):
            sha256 = fetched.download.sha256
            if sha256 in known:
                del self.images[source, rank]
                fetched.download.discard()
                self.refused.append(
                    Refused(source, rank, fetched.candidate, str(Outcome.DUPLICATE), f"same bytes as {sha256}")
                )


class KnownAddresses:
    """The addresses of all images that a project has, by eight bytes each: they are not fetched again."""

    def __init__(self, project_id: int) -> None:
        addresses = Image.objects.filter(job__project_id=project_id).values_list("source_url", flat=True)
        self._known = {_digest(address) for address in addresses.iterator(chunk_size=5000)}

    def __contains__(self, address: str) -> bool:
        return _digest(address) in self._known

    def add(self, addresses: Iterable[str]) -> None:
        """Remember the addresses of further images."""
        self._known.update(map(_digest, addresses))


class Iteration:
    """One iteration at work.

    Args:
        number: from 1.
        positions: by source, where it stands before.
        fetcher: has nothing in flight; the drafts of the result are its own.
        known: what need not be fetched.
        alive: called many times a second; raises where the attempt is to stop.
        left_out: why sources are not asked this time, by number; each counts as one that could not be asked.

    Attributes:
        faults: what the sources that failed raised, by number.
        waits: seconds for which the sources that answered asked to be left alone, by number; None: for none.
    """

    def __init__(
        self,
        number: int,
        sources: Sequence[Source],
        positions: Sequence[Position],
        fetcher: ImageFetcher[Ticket],
        pages: PageAsker,
        known: KnownAddresses,
        alive: Callable[[], None],
        left_out: Mapping[int, str] = MappingProxyType({}),
    ) -> None:
        self.sources = sources
        self.left_out = left_out
        self.faults: dict[int, BaseException] = {}
        self.waits: dict[int, float | None] = {}
        self.positions = list(positions)
        self.fetch = CandidateFetch(fetcher)
        self.pages = pages
        self.known = known
        self.alive = alive
        self.taken: set[str] = set()
        self.gathered = Gathered(number)

    def run(self, project_id: int) -> Gathered:
        """Ask, fetch, and return what came; ``positions`` then say where the sources stand.

        Raises:
            IterationFailed: every source that was asked failed.
            Exception: what ``alive`` raises, and what nobody expected.
        """
        began = time.monotonic()
        asked = [number for number, position in enumerate(self.positions) if not position.ended]
        for number in asked:
            if number in self.left_out:
                self._tell(number, self.left_out[number])
            else:
                self.pages.ask(number, self.sources[number], self.positions[number].cursor)
        landed: list[Fetched[Ticket]] = []
        while self.pages.open or self.fetch.waiting or self.fetch.flying:
            self.alive()
            busy = self.fetch.waiting or self.fetch.flying
            for number, answer in self.pages.answers(0 if busy else _POLL_SECONDS):
                self._take(number, answer)
            self.fetch.launch(len(self.fetch.waiting))
            landed += self.fetch.land(_POLL_SECONDS)
        gathered = self.gathered
        if len(gathered.errors) == len(asked):
            raise IterationFailed("; ".join(map(_sentence, gathered.errors)), self.positions)
        self._sort_out(sorted(landed, key=lambda one: one.download.ticket), project_id)
        gathered.errors.sort(key=lambda one: (one["keyword"], one["engine"]))
        gathered.seconds = time.monotonic() - began
        return gathered

    def _take(self, number: int, answer: Page | BaseException) -> None:
        before = self.positions[number]
        if not isinstance(answer, Page):
            self._note(number, answer)
            return
        self.waits[number] = answer.wait
        self.gathered.found[number] = len(answer.candidates)
        self.gathered.more[number] = answer.next is not None
        for rank, candidate in enumerate(answer.candidates, before.rank):
            address = source_url(candidate)
            if address in self.known or address in self.taken:
                self._refuse(number, rank, candidate, str(Outcome.DUPLICATE), "the project has this address already")
            else:
                self.taken.add(address)
                self.fetch.waiting.append(((number, rank), candidate))
        self.positions[number] = Position(
            cursor=answer.next, rank=before.rank + len(answer.candidates), ended=answer.next is None
        )

    def _note(self, number: int, error: BaseException) -> None:
        """Note that a source could not be asked; where an earlier run's cursor was refused, begin anew next time."""
        before = self.positions[number]
        self.faults[number] = error
        self._tell(number, error.message if isinstance(error, PixtasksError) else f"{type(error).__name__}: {error}")
        if before.inherited and isinstance(error, EngineError) and not isinstance(error, EngineUnavailable):
            self.positions[number] = replace(before, cursor=None, inherited=False)

    def _tell(self, number: int, message: str) -> None:
        chunk = self.sources[number].chunk
        self.gathered.errors.append({"keyword": chunk.keyword, "engine": chunk.engine, "error": message[:500]})

    def _sort_out(self, landed: list[Fetched[Ticket]], project_id: int) -> None:
        """Tell the images that are new to the project from the rest."""
        gathered = self.gathered
        had = known_digests(project_id, [one.download.sha256 for one in landed if one.is_image])
        for one in landed:
            download, (number, rank) = one.download, one.download.ticket
            if not one.is_image:
                gathered.refused.append(
                    Refused(number, rank, one.candidate, str(download.outcome), download.detail, download.retry_after)
                )
            elif download.sha256 in had:
                download.discard()
                detail = f"same bytes as {download.sha256}"
                self._refuse(number, rank, one.candidate, str(Outcome.DUPLICATE), detail)
            else:
                had.add(download.sha256)
                gathered.images[number, rank] = one

    def _refuse(self, number: int, rank: int, candidate: Candidate, outcome: str, detail: str) -> None:
        self.gathered.refused.append(Refused(number, rank, candidate, outcome, detail))


def known_digests(project_id: int, digests: Sequence[str]) -> set[str]:
    """Return which of these sha256 a project has images of, in whichever job."""
    found: set[str] = set()
    for begin in range(0, len(digests), _SHA_AT_A_TIME):
        found |= set(
            Image.objects.filter(
                sha256__in=digests[begin : begin + _SHA_AT_A_TIME], job__project_id=project_id
            ).values_list("sha256", flat=True)
        )
    return found


def _digest(address: str) -> int:
    return int.from_bytes(hashlib.blake2b(address.encode("utf-8", "replace"), digest_size=8).digest())


def _sentence(error: dict[str, Any]) -> str:
    return f"{error['keyword']} at {error['engine']}: {error['error']}"
