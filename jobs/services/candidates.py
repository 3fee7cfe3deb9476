"""From candidates to rows: fetching them concurrently, and the row that each becomes. Crawls and gathers share it."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Generic, TypeVar

from jobs.engines import Candidate
from jobs.fetch.images import Download, ImageFetcher
from jobs.fetch.outcomes import Outcome
from jobs.fetch.storage import image_key
from jobs.licenses import License, LicensePolicy, judge, normalize
from jobs.models import Chunk, FetchFailure, Image
from jobs.models.job import PLAIN_TEMPLATE
from jobs.services.failures import host_of, next_eligible
from jobs.services.opt_out_list import OptOutList

Ticket = TypeVar("Ticket", bound=Hashable)


@dataclass(slots=True)
class Fetched(Generic[Ticket]):
    """A candidate and how its fetch ended."""

    candidate: Candidate
    download: Download[Ticket]

    @property
    def is_image(self) -> bool:
        """Whether the fetch brought an image, new or not."""
        return self.download.outcome == Outcome.STORED


class CandidateFetch(Generic[Ticket]):
    """Candidates that wait for their fetch, and those in flight.

    Args:
        fetcher: does the work; nobody else may give it anything while this is in use.
    """

    def __init__(self, fetcher: ImageFetcher[Ticket]) -> None:
        self.fetcher = fetcher
        self.opt_outs = OptOutList()
        fetcher.refuses = self.opt_outs.refuses
        self._refused: list[Download[Ticket]] = []
        self.waiting: deque[tuple[Ticket, Candidate]] = deque()
        self.flying: dict[Ticket, Candidate] = {}

    def launch(self, most: int) -> None:
        """Begin to fetch waiting candidates, the first ones first.

        Args:
            most: how many at most; there may be room for fewer.
        """
        self.opt_outs.refresh()
        for _ in range(min(self.fetcher.room, most, len(self.waiting))):
            ticket, candidate = self.waiting.popleft()
            self.flying[ticket] = candidate
            refusal = self.opt_outs.refuses_page(candidate.page_url)
            if refusal is not None:
                outcome, detail = refusal
                self._refused.append(Download(ticket, outcome, candidate.image_url, detail=detail))
            elif candidate.path is not None:
                self.fetcher.submit_file(ticket, candidate.path)
            else:
                self.fetcher.submit(ticket, candidate.image_url)

    def land(self, seconds: float) -> list[Fetched[Ticket]]:
        """Transfer for at most so long, and return what has finished."""
        if not self.flying:
            return []
        landed = [*self._refused, *self.fetcher.pump(0.0 if self._refused else seconds)]
        self._refused = []
        unwanted = self.opt_outs.files([one.sha256 for one in landed if one.outcome == Outcome.STORED])
        for download in landed:
            if download.sha256 in unwanted:
                download.discard()
                download.outcome, download.detail = Outcome.OPTED_OUT, "the file is on the opt-out list"
        # What has landed flies no more: only so is the last of a wave noticed, and nothing counted twice.
        return [Fetched(self.flying.pop(download.ticket), download) for download in landed]


def source_url(candidate: Candidate) -> str:
    """Return the address that the rows of a candidate show."""
    return _fit(candidate.image_url or f"{_FILE}{candidate.path}")


def image_row(chunk: Chunk, rank: int, fetched: Fetched[Ticket], now: datetime, policy: LicensePolicy) -> Image:
    """Return the unsaved row of a fetched image.

    Args:
        policy: of its project, as :func:`jobs.services.quarantine.policy_of_job` reads it; it decides on quarantine.
    """
    candidate, download = fetched.candidate, fetched.download
    named = license_of(candidate)
    return Image(
        job_id=chunk.job_id,
        chunk=chunk,
        sha256=download.sha256,
        key=image_key(download.sha256),
        format=download.format or "",
        width=download.width,
        height=download.height,
        bytes=download.size,
        content_type=_fit(download.content_type, 200),
        source_url=source_url(candidate),
        page_url=_fit(candidate.page_url),
        title=_fit(candidate.title),
        creator=_fit(candidate.creator),
        creator_url=_fit(candidate.creator_url),
        license=_fit(named.code, 100),
        license_version=_fit(candidate.license_version or named.version, 20),
        license_url=_fit(named.url),
        attribution=_fit(candidate.attribution),
        external_id=_fit(candidate.external_id, _LONGEST_ID),
        tags=_tags(candidate.tags),
        keyword=chunk.keyword,
        query="" if chunk.template == PLAIN_TEMPLATE else chunk.query,
        engine=chunk.engine,
        backend=chunk.backend,
        rank=rank,
        fetched_at=now,
        quarantine=judge(named.code, policy),
    )


def license_of(candidate: Candidate) -> License:
    """Return the licence that a source names, in this product's words."""
    said = normalize(candidate.license, url=candidate.license_url)
    if said.version or not candidate.license_version:
        return said
    whole = normalize(f"{said.code} {candidate.license_version}", url=candidate.license_url)
    return whole if whole.code == said.code else said


FACTS = (
    "page_url", "title", "creator", "creator_url", "license", "license_version", "license_url", "attribution",
    "external_id",
)  # fmt: skip
_FILE = "file://"
_LONGEST_ID = 500
# So that no source can make a row large: most name fewer than twenty.
_MOST_TAGS = 100
_LONGEST_TAG = 200


def candidate_of(failure: FetchFailure) -> Candidate:
    """Return the candidate that a row remembers, to try it again."""
    facts = {name: failure.facts[name] for name in FACTS if name in failure.facts}
    facts["tags"] = tuple(failure.facts.get("tags", ()))
    if failure.url.startswith(_FILE):
        return Candidate("", path=Path(failure.url.removeprefix(_FILE)), **facts)
    return Candidate(failure.url, **facts)


def failure_row(
    chunk: Chunk,
    rank: int,
    candidate: Candidate,
    outcome: str,
    detail: str,
    now: datetime,
    *,
    retry_after: float | None = None,
    attempts: int = 1,
) -> FetchFailure:
    """Return the unsaved row of a candidate that did not become a new image.

    Args:
        retry_after: seconds that the server asked to wait.
        attempts: how often it has been fetched.
    """
    url = source_url(candidate)
    return FetchFailure(
        chunk=chunk,
        rank=rank,
        url=url,
        host=host_of(url),
        attempts=attempts,
        next_eligible_at=next_eligible(outcome, attempts, retry_after, now),
        outcome=outcome,
        detail=_fit(detail, 500),
        facts={name: _fit(value) for name in FACTS if (value := getattr(candidate, name))}
        | ({"tags": tags} if (tags := _tags(candidate.tags)) else {}),
        created_at=now,
    )


def _tags(tags: Sequence[str]) -> list[str]:
    return [_fit(tag, _LONGEST_TAG) for tag in tags[:_MOST_TAGS]]


def _fit(text: str, limit: int = 8000) -> str:
    """Cut a foreign text to its column, and drop NULs, which PostgreSQL does not store."""
    return text.replace("\x00", "")[:limit] if text else ""
