"""Jobs with a cassette: recorded while they run, or repeated from one without the network.

A path is a privilege: only a command attaches a cassette to a job, never a request. The job carries it, so whoever runs
its chunks, and after whatever kill, records into the same folder or replays from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.db.models.functions import Now

from jobs.engines import Engine, Web, find, resolve
from jobs.fetch.cassettes import (
    CassetteError,
    CassetteReader,
    CassetteWriter,
    RecordingEngine,
    RecordingFetcher,
    RecordingWeb,
    ReplayingEngine,
    ReplayingFetcher,
    ReplayingWeb,
    begin_cassette,
)
from jobs.fetch.cassettes.secrets import Scrubber
from jobs.fetch.images import FetchLimits, ImageFetcher
from jobs.fetch.storage import images_storage
from jobs.fetch.web import WebClient
from jobs.models import Chunk, CrawlJob
from pixtasks.common.errors import RuleViolation
from pixtasks.common.net.guard import AddressPolicy
from tasktypes.states import ACTIVE

RECORD: Final = "record"
REPLAY: Final = "replay"


@dataclass(frozen=True, slots=True)
class Means:
    """What a chunk works with: the network, or a cassette in its place.

    Attributes:
        live: sources are asked, so their pace counts.
        in_order: what is asked and kept must not depend on how fast anything was, as with a cassette: no page is asked
            for before it is needed, and of equal files the one that was named first is kept.
    """

    engine: Engine
    web: Web
    fetcher: ImageFetcher[int]
    live: bool = True
    in_order: bool = False


def record_job(job: CrawlJob, folder: Path) -> None:
    """Let a pending job record what it is answered.

    Args:
        folder: absolute; new or empty.

    Raises:
        CassetteError: the folder cannot be written, or is not empty.
        RuleViolation: the job has started.
    """
    about = {
        "job_id": job.pk,
        "keywords": job.keywords,
        "keyword_templates": job.keyword_templates,
        "engines": job.engines,
        "max_images": job.max_images,
        "options": job.options,
        "rebalance": job.rebalance,
    }
    begin_cassette(folder, about)
    _attach(job, {"mode": RECORD, "path": str(folder)})


def replay_job(job: CrawlJob, folder: Path) -> None:
    """Let a pending job be answered from a cassette alone.

    Args:
        folder: absolute.

    Raises:
        CassetteError: it is no cassette.
        RuleViolation: the job has started.
    """
    CassetteReader(folder)
    _attach(job, {"mode": REPLAY, "path": str(folder)})


def is_replay(job: CrawlJob) -> bool:
    """Whether nothing of the job reaches a source."""
    return bool(job.cassette and job.cassette.get("mode") == REPLAY)


def waits_for_another(chunk: Chunk) -> bool:
    """Whether a chunk of a job with a cassette must wait: they work one after the other.

    Which of two chunks keeps a picture that both found must not depend on which was faster.
    """
    if not chunk.job.cassette:
        return False
    return Chunk.objects.filter(job=chunk.job_id, pk__lt=chunk.pk, task__status__in=ACTIVE).exists()


def means_engine(job: CrawlJob, engine_name: str) -> Engine:
    """Return the engine that a job asks by that name; for a replay it may lack its key.

    Raises:
        PixtasksError: it cannot be used.
    """
    engine = find(engine_name) if is_replay(job) else None
    return engine or resolve(engine_name)


def means_of(job: CrawlJob, engine: Engine) -> Means:
    """Return what the chunks of a job work with at an engine; the caller closes the fetcher.

    Raises:
        CassetteError: the cassette cannot be used.
    """
    policy, limits = AddressPolicy.from_settings(), FetchLimits.from_settings()
    if not job.cassette:
        web: Web = WebClient(policy, limits)
        return Means(engine, web, ImageFetcher[int](images_storage(), limits, policy))
    if is_replay(job):
        reader = CassetteReader(Path(job.cassette["path"]))
        replayed = ReplayingEngine(engine, reader, _limit(reader.about, job))
        fetcher: ImageFetcher[int] = ReplayingFetcher[int](images_storage(), limits, policy, reader)
        return Means(replayed, ReplayingWeb(reader), fetcher, live=False, in_order=True)
    writer, scrubber = CassetteWriter(Path(job.cassette["path"])), Scrubber()
    if writer.about.get("job_id") != job.pk:
        raise CassetteError(f"{job.cassette['path']} is the cassette of another job.")
    recording = RecordingWeb(WebClient(policy, limits), writer, scrubber, engine.name)
    recorder: ImageFetcher[int] = RecordingFetcher[int](images_storage(), limits, policy, writer, scrubber)
    return Means(RecordingEngine(engine, recording, writer), recording, recorder, in_order=True)


def fetcher_of(job: CrawlJob) -> ImageFetcher[int]:
    """Return what fetches the images of a job without asking an engine: its cassette's, where it is a replay."""
    policy, limits = AddressPolicy.from_settings(), FetchLimits.from_settings()
    if job.cassette and is_replay(job):
        reader = CassetteReader(Path(job.cassette["path"]))
        return ReplayingFetcher[int](images_storage(), limits, policy, reader)
    return ImageFetcher[int](images_storage(), limits, policy)


def _attach(job: CrawlJob, cassette: Mapping[str, Any]) -> None:
    if not CrawlJob.objects.filter(pk=job.pk, group__isnull=True).update(cassette=cassette, updated_at=Now()):
        raise RuleViolation("A cassette is attached to a job before it is started")
    job.cassette = dict(cassette)


def _limit(about: Mapping[str, Any], job: CrawlJob) -> int:
    limit = about.get("max_images")
    return limit if isinstance(limit, int) and 1 <= limit <= 10_000 else job.max_images
