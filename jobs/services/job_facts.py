"""What a job's page shows: its grid of chunks, its pace, its failures by class, and the runs over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Max, Sum
from django.utils import timezone

from jobs.models import Chunk, CrawlJob, JobStatus, RefetchRun
from jobs.models.job import fill_template
from jobs.services.crawl_jobs import DOWNLOAD
from jobs.services.failures import failed_classes
from jobs.services.meanings import outcome_meaning
from jobs.services.progress import share_of
from jobs.services.queries import newest_images
from pixtasks.common.screen import counted
from tasktypes.models import Task
from tasktypes.states import ACTIVE

CELLS: Final = 300
"""Chunks that one page of the grid shows at most, but for the last row."""
_SAMPLE: Final = 5000
_BUCKETS: Final = 40
_RUNS: Final = 5


@dataclass(frozen=True, slots=True)
class Cell:
    """One chunk of the grid.

    Attributes:
        query: what its engine is asked: the keyword in its template.
        state: of its task; "" where the job has no chunk here.
        share: percent of what it was asked for.
        asked: how many images it is asked for, where budget has moved.
        found: candidates that it has seen; failed: those that did not become an image.
    """

    query: str
    engine: str
    backend: str
    task_id: int | None
    state: str
    images: int = 0
    duplicates: int = 0
    failed: int = 0
    share: int = 0
    asked: str = ""
    error: str = ""

    @property
    def count(self) -> str:
        """How many images, for people."""
        return f"{self.images:,}"

    @property
    def label(self) -> str:
        """What a square says to who cannot see it."""
        if self.task_id is None:
            return f"{self.query} at {self.engine}: not started"
        stored = f"{counted(self.images, 'image')}{self.asked}"
        return f"{self.query} at {self.engine}: {self.state}, {stored}, {self.failed:,} failed"

    @property
    def tip(self) -> str:
        """What a square holds, in one line."""
        if self.task_id is None:
            return f"{self.query} × {self.engine}: not started"
        by = f" (answered by {self.backend})" if self.backend != self.engine else ""
        error = f" – {self.error}" if self.error else ""
        return (
            f"{self.query} × {self.engine}{by}: {self.state}, {counted(self.images, 'image')}{self.asked}, "
            f"{counted(self.duplicates, 'duplicate')}, {self.failed:,} failed{error}"
        )


@dataclass(frozen=True, slots=True)
class Grid:
    """A page of the grid: its rows are keywords in their templates, its columns engines.

    Attributes:
        first: number of the first row shown, from 1; total: rows in all.
        before, after: first row of the pages beside this one, None where there is none.
        noun: what the rows are, in the plural.
    """

    engines: list[str]
    rows: list[tuple[str, list[Cell]]]
    first: int
    last: int
    total: int
    before: int | None
    after: int | None
    noun: str


@dataclass(frozen=True, slots=True)
class Pace:
    """Images per minute over the time of the newest images.

    Attributes:
        values: per slice of that time, oldest first.
        seconds: how long that time is.
    """

    values: list[float]
    seconds: float


@dataclass(frozen=True, slots=True)
class FailureClass:
    """How many candidates ended alike, what that means, and the run that tries them again."""

    name: str
    number: int
    meaning: str
    run: RefetchRun | None


@dataclass(frozen=True, slots=True)
class RefetchProgress:
    """How far a run over failures is."""

    run: RefetchRun
    active: bool
    done: int
    images: int


def chunk_grid(job: CrawlJob, *, first: int = 1) -> Grid:
    """Return a page of a job's grid; one query.

    Args:
        first: number of the row to begin with, from 1.
    """
    engines = list(job.engines)
    asked = [(keyword, template) for keyword in job.keywords for template in job.keyword_templates]
    step = max(1, CELLS // max(1, len(engines)))
    start = min(max(0, first - 1), max(0, len(asked) - 1)) // step * step
    shown = asked[start : start + step]
    cells = {
        (row["keyword"], row["template"], row["engine"]): _cell(row)
        for row in Chunk.objects.filter(job=job, keyword__in={keyword for keyword, _ in shown}).values(
            "keyword", "template", "engine", "backend", "task_id", "task__status", "task__type_name", "task__progress",
            "task__error_message", "target", "job__max_images",
        )
    }  # fmt: skip
    rows = [
        (
            fill_template(template, keyword),
            [
                cells.get((keyword, template, engine))
                or Cell(fill_template(template, keyword), engine, engine, None, "")
                for engine in engines
            ],
        )
        for keyword, template in shown
    ]
    after = start + step
    return Grid(
        engines=engines,
        rows=rows,
        first=start + 1,
        last=min(after, len(asked)),
        total=len(asked),
        before=start - step + 1 if start else None,
        after=after + 1 if after < len(asked) else None,
        noun="questions" if job.is_templated else "keywords",
    )


def pace(job: CrawlJob) -> Pace | None:
    """Return how fast the newest images of a job came; None before the first. One query, of bounded length."""
    times = list(newest_images(job).values_list("fetched_at", flat=True)[:_SAMPLE])
    if not times:
        return None
    start = min(times)
    end = timezone.now() if job.status == JobStatus.RUNNING else max(times)
    span = max(end - start, timedelta(seconds=1))
    counts = [0] * _BUCKETS
    for moment in times:
        counts[_bucket(moment, start, span)] += 1
    minutes = span.total_seconds() / _BUCKETS / 60
    return Pace([round(count / minutes, 1) for count in counts], span.total_seconds())


def failure_classes(outcomes: Mapping[str, int], runs: Sequence[RefetchProgress]) -> list[FailureClass]:
    """Return the classes of a job's failures, the most frequent first."""
    active = {name: one.run for one in runs if one.active for name in one.run.classes}
    return [
        FailureClass(name, number, outcome_meaning(name), active.get(name))
        for name, number in failed_classes(outcomes).items()
    ]


def refetch_runs(job: CrawlJob) -> list[RefetchProgress]:
    """Return the latest runs over a job's failures, newest first, and every one that is under way; two queries."""
    runs = list(RefetchRun.objects.filter(job=job).select_related("group", "created_by").order_by("-pk")[:50])
    runs = [run for place, run in enumerate(runs) if place < _RUNS or run.group.settled_at is None]
    figures: dict[int, list[dict[str, Any]]] = {}
    reported = Task.objects.filter(group__in=[run.group_id for run in runs], progress__isnull=False)
    for group_id, progress in reported.values_list("group_id", "progress"):
        figures.setdefault(group_id or 0, []).append(progress or {})
    return [
        RefetchProgress(
            run,
            run.group.settled_at is None,
            sum(one.get("done", 0) for one in figures.get(run.group_id, ())),
            sum(one.get("images", 0) for one in figures.get(run.group_id, ())),
        )
        for run in runs
    ]


def _cell(row: Mapping[str, Any]) -> Cell:
    # A gather run does many chunks with one task, whose progress is not theirs.
    progress = (row["task__progress"] or {}) if row["task__type_name"] == DOWNLOAD else {}
    images, target = share_of(progress)
    now, first = row["target"], row["job__max_images"]
    done = min(100, 100 * images // target) if target else 0
    return Cell(
        query=fill_template(row["template"], row["keyword"]),
        engine=row["engine"],
        backend=row["backend"],
        task_id=row["task_id"],
        state=row["task__status"],
        images=progress.get("images", 0),
        duplicates=progress.get("duplicates", 0),
        failed=sum(failed_classes(progress.get("outcomes", {})).values()),
        asked="" if now is None or now == first else f" of {now:,} (at first {first:,})",
        share=done if row["task__status"] in ACTIVE else 100,
        error=(row["task__error_message"] or "")[:200],
    )


def _bucket(moment: datetime, start: datetime, span: timedelta) -> int:
    return min(_BUCKETS - 1, max(0, int((moment - start) / span * _BUCKETS)))


@dataclass(frozen=True, slots=True)
class ProjectTotals:
    """What is in a project."""

    jobs: int = 0
    images: int = 0
    valid: int = 0
    invalid: int = 0
    latest: datetime | None = None


def project_totals(project_ids: Sequence[int]) -> dict[int, ProjectTotals]:
    """Return the totals of projects, from the counters of their jobs; one query for all."""
    rows = (
        CrawlJob.objects.filter(project__in=project_ids)
        .order_by()
        .values_list("project_id")
        .annotate(
            jobs=Count("pk"),
            stored=Sum("images"),
            valid=Sum("valid_images"),
            invalid=Sum("invalid_images"),
            latest=Max("created_at"),
        )
    )
    found = {row[0]: ProjectTotals(*row[1:]) for row in rows}
    return {pk: found.get(pk, ProjectTotals()) for pk in project_ids}
