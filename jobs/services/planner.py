"""What a job is going to cost, before it is started: requests against quotas, disk, time, and what speaks against it.

Nothing is asked and nothing is changed. Every figure says where it comes from: this installation's own images and
chunks, a source's headers, or a default.
"""

from __future__ import annotations

import math
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from jobs.engines import Engine, UnknownEngine, find
from jobs.models import Chunk, CrawlJob, Image, Project
from jobs.services.engine_list import EngineFacts, engine_list
from jobs.services.engine_state import bucket_of
from tasktypes.models import Task
from tasktypes.services.inspect import live_workers
from tasktypes.states import State

BYTES_PER_IMAGE: Final = 300_000
"""Taken for an engine of which this installation has no image yet."""
SECONDS_PER_IMAGE: Final = (0.05, 1.0)
"""Least and most that a chunk takes for an image, where none has run yet."""
PAGE: Final = 50
"""Candidates of a page, where the engine does not say it."""
_IMAGES_READ: Final = 2000
_CHUNKS_READ: Final = 300
_LOW_DISK: Final = 1.2
_FEWEST: Final = 20


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """What a job asks of one engine.

    Attributes:
        chunks: how many begin at it; images: what they store at most.
        requests: pages at least, if every candidate became an image.
        page_basis, bytes_basis, pace_basis: where the figure comes from.
        starts, window, used, waiting: of its limit: so many chunks may begin in so many seconds, so many count now,
            and so many of other jobs wait before these. None: no limit.
        quota_remaining, quota_reset_at: of the source, as its headers told last.
        available_at: when it may be asked again; None: now.
        wait_seconds: until its last chunk may begin, by limit, quota and pause together.
        bytes: on disk.
        seconds: that its chunks take on one worker: least and most.
    """

    engine: str
    backend: str
    usable: bool
    chunks: int
    images: int
    requests: int
    page_basis: str
    page_size: int | None
    licensed: bool | None
    starts: int | None
    window: float | None
    used: int
    waiting: int
    quota_remaining: int | None
    quota_reset_at: datetime | None
    available_at: datetime | None
    wait_seconds: float
    bytes: int
    bytes_basis: str
    seconds: tuple[float, float]
    pace_basis: str


@dataclass(frozen=True, slots=True)
class JobPlan:
    """What a job is going to cost.

    Attributes:
        bytes: of its images on disk, at most; free: what is left of the disk that they go to.
        workers: chunks that run at the same time.
        earliest_finish: under the limits alone, were everything else immediate.
        finish: between these, with what fetching takes.
        warnings: sentences.
    """

    chunks: int
    images: int
    requests: int
    bytes: int
    free: int
    workers: int
    earliest_finish: datetime
    finish: tuple[datetime, datetime]
    engines: list[EnginePlan] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def plan_job(job: CrawlJob) -> JobPlan:
    """Return what an existing job costs."""
    templates = len(job.keyword_templates)
    return plan(
        job.keywords,
        job.engines,
        job.max_images,
        project=job.project,
        templates=templates,
        rebalance=job.rebalance,
    )


def plan(
    keywords: Sequence[str],
    engines: Sequence[str],
    max_images: int,
    *,
    project: Project | None = None,
    templates: int = 1,
    rebalance: bool = False,
) -> JobPlan:
    """Return what a job would cost; a fixed number of queries.

    Args:
        project: whose policy counts.
        templates: searches that each keyword becomes.
        rebalance: what dry chunks cannot bring is asked of others; how much that is nobody knows before.
    """
    now = timezone.now()
    sizes, unlicensed = _seen()
    paces = _paces()
    facts = {one.name: one for one in engine_list()}
    waiting = _waiting({bucket_of(one.backend) for one in facts.values() if one.backend})
    plans: list[EnginePlan] = []
    warnings: list[str] = []
    for name in engines:
        one = _engine_plan(name, facts.get(name), len(keywords) * templates, max_images, now, sizes, paces, waiting)
        plans.append(one)
        warnings += _warnings(one, facts.get(name), max_images, unlicensed, project)
    workers = sum(worker.slots for worker in live_workers()) or settings.PIXTASKS_WORKERS
    wait = max((one.wait_seconds for one in plans), default=0.0)
    least, most = (
        max(wait, sum(one.seconds[end] for one in plans) / workers, wait + _last_chunk(plans, end)) for end in (0, 1)
    )
    free = _free()
    total = sum(one.bytes for one in plans)
    if rebalance and sum(one.chunks for one in plans) > 1:
        most = max_images * sum(one.chunks for one in plans)
        warnings.append(
            "What an engine cannot bring is asked of the others: each may be asked for more than is counted here, "
            f"the job for {most:,} images at most."
        )
    if total * _LOW_DISK > free:
        warnings.append(f"The images may take {total:,} bytes; {free:,} are free.")
    return JobPlan(
        chunks=sum(one.chunks for one in plans),
        images=sum(one.images for one in plans),
        requests=sum(one.requests for one in plans),
        bytes=total,
        free=free,
        workers=workers,
        earliest_finish=now + timedelta(seconds=wait),
        finish=(now + timedelta(seconds=least), now + timedelta(seconds=most)),
        engines=plans,
        warnings=warnings,
    )


def start_wait(chunks: int, *, starts: int, window: float, used: int) -> float:
    """Return the seconds until the last of so many chunks may begin.

    Args:
        starts, window: so many in so many seconds.
        used: starts that count now, and chunks that wait before these.
    """
    return max(0, math.ceil((used + chunks) / starts) - 1) * window


def quota_wait(requests: int, *, limit: int | None, remaining: int, reset: float) -> float:
    """Return the seconds that a source's own quota holds so many requests up; its window is taken for ``reset`` long.

    Args:
        limit: of each further window; None where it is not told: then one is taken to be enough.
        reset: seconds until the window begins anew.
    """
    over = requests - remaining
    if over <= 0:
        return 0.0
    return reset * (math.ceil(over / limit) if limit else 1)


def _engine_plan(
    name: str,
    facts: EngineFacts | None,
    chunks: int,
    max_images: int,
    now: datetime,
    sizes: dict[str, list[int]],
    paces: dict[str, list[float]],
    waiting: dict[str, int],
) -> EnginePlan:
    engine = _find(name)
    backend = engine.name if engine is not None else ""
    page, depth = (facts.page_size, facts.depth) if facts is not None else (None, None)
    each = max_images if depth is None else min(max_images, depth)
    requests = chunks * math.ceil(each / (page or PAGE))
    behind = waiting.get(bucket_of(backend), 0)
    wait = 0.0
    row = facts.row if facts is not None else None
    if facts is not None and facts.starts is not None and facts.window is not None:
        wait = start_wait(chunks, starts=facts.starts, window=facts.window, used=facts.used + behind)
    if row is not None and row.quota_remaining is not None and row.quota_reset_at and row.quota_reset_at > now:
        reset = (row.quota_reset_at - now).total_seconds()
        wait = max(wait, quota_wait(requests, limit=row.quota_limit, remaining=row.quota_remaining, reset=reset))
    available = facts.standing.until if facts is not None else None
    if available is not None and available > now:
        wait += (available - now).total_seconds()
    known_sizes, known_paces = sizes.get(backend, []), paces.get(backend, [])
    size = round(median(known_sizes)) if known_sizes else BYTES_PER_IMAGE
    low, high = _range(known_paces)
    return EnginePlan(
        engine=name,
        backend=backend,
        usable=facts is not None and facts.usable,
        chunks=chunks,
        images=chunks * each,
        requests=requests,
        page_basis=f"pages of {page}" if page else f"pages of {PAGE}, a default",
        page_size=page,
        licensed=facts.licensed if facts is not None else None,
        starts=facts.starts if facts is not None else None,
        window=facts.window if facts is not None else None,
        used=facts.used if facts is not None else 0,
        waiting=behind,
        quota_remaining=row.quota_remaining if row is not None else None,
        quota_reset_at=row.quota_reset_at if row is not None else None,
        available_at=available,
        wait_seconds=wait,
        bytes=chunks * each * size,
        bytes_basis=f"median of {len(known_sizes)} images" if known_sizes else f"{BYTES_PER_IMAGE:,} each, a default",
        seconds=(chunks * each * low, chunks * each * high),
        pace_basis=f"{len(known_paces)} chunks that ran here" if known_paces else "a default",
    )


def _warnings(
    one: EnginePlan,
    facts: EngineFacts | None,
    max_images: int,
    unlicensed: dict[str, tuple[int, int]],
    project: Project | None,
) -> list[str]:
    found = []
    if facts is None:
        return [f"There is no engine {one.engine!r}; the job cannot be started."]
    if facts.missing:
        found.append(f"{one.engine} is not set up here: set {', '.join(facts.missing)}. The job cannot be started.")
    if facts.standing.held:
        found.append(f"{one.engine} is paused by an operator: {facts.standing.reason}")
    elif facts.standing.reason:
        found.append(f"{one.engine} is {facts.standing.condition.value}: {facts.standing.reason}")
    if one.images < one.chunks * max_images:
        found.append(f"{one.engine} gives at most {one.images // one.chunks} results for a keyword, not {max_images}.")
    if one.quota_remaining is not None and one.requests > one.quota_remaining:
        found.append(
            f"{one.engine} is asked at least {one.requests} times; its source said that {one.quota_remaining} are left."
        )
    if project is not None and not project.allow_unknown_license:
        without, seen = unlicensed.get(one.backend, (0, 0))
        if one.licensed is False or (seen >= _FEWEST and without > 0.9 * seen):
            found.append(f"{one.engine} tells no licences, and the project takes no images of unknown licence.")
    return found


def _find(name: str) -> Engine | None:
    try:
        return find(name)
    except UnknownEngine:
        return None


def _seen() -> tuple[dict[str, list[int]], dict[str, tuple[int, int]]]:
    """Return of the newest images by backend their bytes, and how many of how many tell no licence."""
    sizes: dict[str, list[int]] = defaultdict(list)
    without: dict[str, int] = defaultdict(int)
    for backend, size, code in Image.objects.order_by("-pk").values_list("backend", "bytes", "license")[:_IMAGES_READ]:
        sizes[backend].append(size)
        without[backend] += not code
    return sizes, {backend: (without[backend], len(known)) for backend, known in sizes.items()}


def _paces() -> dict[str, list[float]]:
    """Return of the newest chunks that completed, by backend, the seconds that each took for an image."""
    paces: dict[str, list[float]] = defaultdict(list)
    rows: Iterable[tuple[str, Any, Any, Any, str]] = Chunk.objects.order_by("-pk").values_list(
        "backend", "task__started_at", "task__completed_at", "task__progress", "task__status"
    )[:_CHUNKS_READ]
    for backend, started, completed, progress, status in rows:
        images = (progress or {}).get("images", 0)
        if status == State.COMPLETED and started and completed and images:
            paces[backend].append((completed - started).total_seconds() / images)
    return paces


def _range(paces: Sequence[float]) -> tuple[float, float]:
    """Return least and most seconds for an image: the quartiles of what was seen."""
    if not paces:
        return SECONDS_PER_IMAGE
    if len(paces) == 1:
        return paces[0] / 2, paces[0] * 2
    low, _, high = quantiles(paces, n=4)
    return max(0.0, low), max(low, high)


def _waiting(keys: set[str]) -> dict[str, int]:
    """Return how many tasks of other jobs wait for a start, by rate key."""
    counts: dict[str, int] = defaultdict(int)
    pending = Task.objects.filter(status=State.PENDING, due_at__isnull=False, rate_key__in=keys)
    for key in pending.values_list("rate_key", flat=True)[:10_000]:
        counts[key] += 1
    return counts


def _last_chunk(plans: Sequence[EnginePlan], end: int) -> float:
    """Return what the longest chunk takes, which may begin last."""
    return max((one.seconds[end] / max(1, one.chunks) for one in plans), default=0.0)


def _free() -> int:
    """Return the free bytes of the disk that the data lie on."""
    folder = Path(settings.DATA_DIR)
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
