"""What the pages read; each function costs a number of queries that does not grow with what it returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Count, Exists, OuterRef, Subquery, Sum

from jobs.models import Chunk, CrawlJob, Image, Project
from jobs.services import queries
from jobs.services.chunks import shared_figures
from jobs.services.crawl_jobs import DOWNLOAD
from jobs.services.progress import JobProgress, jobs_progress
from pixtasks.accounts.models import User
from pixtasks.common.pagination import keyset_page
from pixtasks.web.pages import own_jobs
from pixtasks.web.words import Failure, failures_in_words

COVER: Final = 4
"""So many thumbnails stand on a project's card."""
MOST_RUNNING: Final = 20
CHUNKS: Final = 60
JOBS: Final = 25


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job and how far it is."""

    job: CrawlJob
    figures: JobProgress

    @property
    def failed(self) -> int:
        """Percent of the chunks that failed, for the bar."""
        total = self.figures.total_chunks
        return 100 * self.figures.failed_chunks // total if total else 0

    @property
    def done(self) -> int:
        """Percent that is done, with the chunks that failed."""
        return min(100, self.figures.progress + self.failed)


@dataclass(frozen=True, slots=True)
class Card:
    """A project as the home page shows it.

    Attributes:
        running: its newest running job, if any.
        thumbs: ids of its newest images.
    """

    project: Project
    jobs: int = 0
    images: int = 0
    running: JobRow | None = None
    thumbs: list[int] = field(default_factory=list)


def job_rows(jobs: Sequence[CrawlJob]) -> list[JobRow]:
    """Return jobs, fetched with their group, with how far they are; one query."""
    figures = jobs_progress(jobs)
    return [JobRow(job, figures[job.pk]) for job in jobs]


def running_rows(user: User) -> list[JobRow]:
    """Return the user's newest running jobs; two queries."""
    running = own_jobs(user).filter(group__settled_at__isnull=True, group__cancelled_at__isnull=True)
    return job_rows(list(running.filter(group__isnull=False)[:MOST_RUNNING]))


def project_cards(projects: Sequence[Project]) -> list[Card]:
    """Return what the cards of these projects show; five queries at most."""
    if not projects:
        return []
    counted = CrawlJob.objects.filter(project__in=projects).order_by().values_list("project_id")
    totals = {
        project_id: (number, stored or 0)
        for project_id, number, stored in counted.annotate(number=Count("pk"), stored=Sum("images"))
    }
    running: dict[int, list[JobRow]] = {}
    live = CrawlJob.objects.with_group().filter(
        project__in=projects, group__isnull=False, group__settled_at__isnull=True, group__cancelled_at__isnull=True
    )
    for row in job_rows(list(live.order_by("-pk")[: MOST_RUNNING * len(projects)])):
        running.setdefault(row.job.project_id, []).append(row)
    thumbs = _thumbs(projects)
    return [
        Card(
            project=project,
            jobs=totals.get(project.pk, (0, 0))[0],
            images=totals.get(project.pk, (0, 0))[1]
            + sum(row.figures.downloaded_images - row.job.images for row in running.get(project.pk, [])),
            running=next(iter(running.get(project.pk, [])), None),
            thumbs=thumbs.get(project.pk, []),
        )
        for project in projects
    ]


def _thumbs(projects: Sequence[Project]) -> dict[int, list[int]]:
    """Return the newest images of the newest job of each project that has any, by the index (job, id) alone."""
    with_images = CrawlJob.objects.filter(
        Exists(Image.objects.filter(job=OuterRef("pk"))), project=OuterRef("pk")
    ).order_by("-pk")
    rows = Project.objects.filter(pk__in=[each.pk for each in projects]).order_by()
    covers = dict(rows.values_list("pk", Subquery(with_images.values("pk")[:1])))
    jobs = [job_id for job_id in covers.values() if job_id is not None]
    newest = Image.objects.filter(job=OuterRef("pk"), quarantine="").order_by("-pk").values("pk")
    places = [f"thumb_{index}" for index in range(COVER)]
    found: dict[int, list[int]] = {}
    if jobs:
        annotations = {name: Subquery(newest[index : index + 1]) for index, name in enumerate(places)}
        for row in CrawlJob.objects.filter(pk__in=jobs).order_by().annotate(**annotations).values("pk", *places):
            found[row["pk"]] = [row[name] for name in places if row[name] is not None]
    return {project_id: found.get(job_id, []) for project_id, job_id in covers.items() if job_id is not None}


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk as people read it.

    Attributes:
        others: how many candidates brought no new image, and why, in words.
    """

    chunk: Chunk
    images: int
    target: int
    duplicates: int
    others: list[Failure]

    @property
    def moved(self) -> int:
        """How many images more, or less, it is asked for than at the start."""
        return self.target - self.chunk.job.max_images if self.chunk.target is not None else 0

    @property
    def lost(self) -> int:
        """How many candidates could not be used."""
        return sum(each.count for each in self.others)


def chunk_rows(job: CrawlJob, cursor: str | None = None) -> tuple[list[ChunkRow], str | None]:
    """Return a page of a job's chunks, and the cursor of the next; three queries at most.

    Raises:
        InvalidInput: the cursor is not one.
    """
    page = keyset_page(queries.chunk_list(job), cursor=cursor, limit=CHUNKS, order=(("id", int),), newest_first=False)
    shared = shared_figures([row.pk for row in page.rows if row.task.type_name != DOWNLOAD])
    rows = []
    for chunk in page.rows:
        own = shared.get(chunk.pk)
        figures: dict[str, Any] = (chunk.task.progress or {}) if own is None else own
        rows.append(
            ChunkRow(
                chunk=chunk,
                images=figures.get("images", 0),
                target=chunk.wanted if own is None else 0,
                duplicates=figures.get("duplicates", 0),
                others=failures_in_words(figures.get("outcomes", {})),
            )
        )
    return rows, page.next


def newest_images(job: CrawlJob, number: int) -> list[int]:
    """Return the ids of a job's newest images that are not in quarantine."""
    return [image.pk for image in queries.newest_shown(job, number)]
