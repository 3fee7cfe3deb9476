"""What the gallery shows: pages of images by what is asked for, one image with its neighbours, and its look-alikes.

Nothing here counts or sorts a large table. A page looks at a window of ids at most, so a filter that hardly anything
passes costs as much as one that everything passes, and the next page goes on where the window ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet, Subquery

from jobs.licenses import Reason
from jobs.models import Chunk, CrawlJob, DecisionKind, Image, Issue, Project, Verdict
from jobs.services.access import job_for, jobs_of, project_for
from jobs.validators import Issue as Kind
from pixtasks.accounts.models import User

PAGE: Final = 120
WINDOW: Final = 20_000
"""So many ids one page looks at."""
NO_LICENSE: Final = "-"
UNDECIDED: Final = "none"
DECIDED: Final = "any"
IN_QUARANTINE: Final = "any"
EVERYTHING: Final = "all"
_MOST_JOBS: Final = 300
_MOST_CHOICES: Final = 200
_HASHES_EACH_SIDE: Final = 10_000
_ALIKE_BITS: Final = 10
_ALIKE_SHOWN: Final = 12
_TILE: Final = (
    "id", "job_id", "sha256", "format", "width", "height", "keyword", "engine", "title", "license", "is_valid",
    "decision", "label", "quarantine",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose images are shown: a job's, a project's, or all that a user has.

    Attributes:
        jobs: the newest jobs with images, newest first; None for everybody's.
        newest: no image has a larger id; 0 where there is none.
        quarantine: whether any of its images is in quarantine.
    """

    user: User
    job: CrawlJob | None
    project: Project | None
    jobs: tuple[int, ...] | None
    newest: int
    quarantine: bool = False

    def images(self) -> QuerySet[Image]:
        """Return the images, in no order."""
        if self.jobs is None:
            return Image.objects.all()
        if len(self.jobs) == 1:
            return Image.objects.filter(job_id=self.jobs[0])
        return Image.objects.filter(job_id__in=self.jobs)


def scope_of(user: User, *, job_id: int | None, project_id: int | None, own: bool) -> Scope:
    """Return what a user looks at.

    Args:
        own: staff, too, see their own where neither job nor project is named.

    Raises:
        NotFound, AccessDenied: there is no such job or project for this user.
    """
    job = job_for(user, job_id) if job_id is not None else None
    project = job.project if job is not None else project_for(user, project_id) if project_id is not None else None
    if job is None and project is None and user.is_staff and not own:
        newest = Image.objects.order_by("-pk").values_list("pk", flat=True).first()
        return _told(Scope(user, None, None, None, newest or 0))
    if job is not None:
        jobs = CrawlJob.objects.filter(pk=job.pk)
    elif project is not None:
        jobs = CrawlJob.objects.filter(project=project)
    else:
        jobs = CrawlJob.objects.filter(project__owner=user)
    last = Image.objects.filter(job=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    rows = list(jobs.annotate(newest=Subquery(last)).order_by("-pk").values_list("pk", "newest")[:_MOST_JOBS])
    held = [(pk, newest) for pk, newest in rows if newest is not None]
    ids = tuple(pk for pk, _ in held) or ((job.pk,) if job is not None else ())
    return _told(Scope(user, job, project, ids, max((newest for _, newest in held), default=0)))


def _told(scope: Scope) -> Scope:
    return replace(scope, quarantine=scope.images().exclude(quarantine="").order_by().exists())


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which images of a scope; an empty word leaves a question open.

    Args:
        verdict: "valid", "invalid" or "unchecked".
        issue: something that any level found.
        license: its name; ``NO_LICENSE`` for images without one.
        decision: "keep", "reject", "relabel", ``UNDECIDED`` or ``DECIDED``.
        quarantine: a reason, ``IN_QUARANTINE`` for whatever reason, or ``EVERYTHING``; images in quarantine are left
            out otherwise.
    """

    verdict: str = ""
    issue: str = ""
    keyword: str = ""
    engine: str = ""
    license: str = ""
    decision: str = ""
    quarantine: str = ""

    @property
    def named(self) -> dict[str, str]:
        """What is asked for, by name."""
        return {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)}

    def of(self, images: QuerySet[Image]) -> QuerySet[Image]:
        """Return those of the images that are wanted."""
        tests = Q()
        if self.verdict:
            tests &= (
                Q(is_valid={"valid": True, "invalid": False}[self.verdict])
                if self.verdict != "unchecked"
                else Q(is_valid=None)
            )
        if self.issue:
            tests &= Q(Exists(Issue.objects.filter(image=OuterRef("pk"), kind=self.issue)))
        if self.license:
            tests &= Q(license="" if self.license == NO_LICENSE else self.license)
        if self.decision == DECIDED:
            tests &= ~Q(decision="")
        elif self.decision:
            tests &= Q(decision="" if self.decision == UNDECIDED else self.decision)
        if self.quarantine == IN_QUARANTINE:
            tests &= ~Q(quarantine="")
        elif self.quarantine != EVERYTHING:
            tests &= Q(quarantine=self.quarantine)
        for name in ("keyword", "engine"):
            if value := getattr(self, name):
                tests &= Q(**{name: value})
        return images.filter(tests)


VERDICTS: Final = ("valid", "invalid", "unchecked")
QUARANTINES: Final = (IN_QUARANTINE, EVERYTHING, *(reason.value for reason in Reason))
DECISIONS: Final = (UNDECIDED, DECIDED, *DecisionKind.values)


def wanted_of(values: dict[str, str]) -> Wanted:
    """Return what a query string asks for; words that are no choice are left out."""
    given = {name: values.get(name, "")[:100].replace("\x00", "") for name in (one.name for one in fields(Wanted))}
    if given["verdict"] not in VERDICTS:
        given["verdict"] = ""
    if given["issue"] not in {kind.value for kind in Kind}:
        given["issue"] = ""
    if given["decision"] not in DECISIONS:
        given["decision"] = ""
    if given["quarantine"] not in QUARANTINES:
        given["quarantine"] = ""
    return Wanted(**given)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page of the contact sheet, newest first.

    Attributes:
        before: where the next page begins: images with smaller ids; None at the end.
    """

    images: list[Image]
    before: int | None


def sheet(scope: Scope, wanted: Wanted, *, before: int | None = None, size: int = PAGE) -> Sheet:
    """Return the images that are wanted below an id; maybe fewer than ``size`` though there are more."""
    top = min(scope.newest + 1, before if before is not None else scope.newest + 1)
    if top <= 1:
        return Sheet([], None)
    there = scope.images().filter(pk__lt=top)
    floor = 0
    if wanted.named or scope.quarantine:
        floor = there.order_by("-pk").values_list("pk", flat=True)[WINDOW : WINDOW + 1].first() or 0
        there = there.filter(pk__gt=floor)
    rows = wanted.of(there).only(*_TILE).order_by("-pk").prefetch_related("issues")
    found = list(rows[: size + 1])
    if len(found) > size:
        return Sheet(found[:size], found[size - 1].pk)
    return Sheet(found, floor + 1 if floor else None)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the filters offer."""

    keywords: list[str]
    engines: list[str]
    licenses: list[str]


def choices(scope: Scope, wanted: Wanted) -> Choices:
    """Return what there is to choose: keywords and engines of the jobs' chunks, licences of the newest images."""
    recent = scope.images().filter(pk__lte=scope.newest).order_by("-pk")[:2000]
    licenses = set(recent.values_list("license", flat=True))
    if scope.jobs is None:
        pairs = {(keyword, engine) for keyword, engine in recent.values_list("keyword", "engine")}
    else:
        chunks = Chunk.objects.filter(job_id__in=scope.jobs[:50]).order_by("-pk")
        pairs = set(chunks.values_list("keyword", "engine")[:2000])
    return Choices(
        _offered({keyword for keyword, _ in pairs}, wanted.keyword),
        _offered({engine for _, engine in pairs}, wanted.engine),
        _offered({name or NO_LICENSE for name in licenses}, wanted.license),
    )


def _offered(words: set[str], chosen: str) -> list[str]:
    return sorted({*sorted(words, key=str.casefold)[:_MOST_CHOICES], *([chosen] if chosen else [])}, key=str.casefold)


def neighbours(scope: Scope, wanted: Wanted, image: Image) -> tuple[int | None, int | None]:
    """Return the ids of the image before (newer) and after (older) one in the sheet; None at an end or a window's."""
    newer = _window(scope, Q(pk__gt=image.pk), "pk")
    older = _window(scope, Q(pk__lt=image.pk), "-pk")
    return (
        wanted.of(newer).order_by("pk").values_list("pk", flat=True).first(),
        wanted.of(older).order_by("-pk").values_list("pk", flat=True).first(),
    )


def _window(scope: Scope, side: Q, order: str) -> QuerySet[Image]:
    there = scope.images().filter(side, pk__lte=scope.newest)
    edge = there.order_by(order).values_list("pk", flat=True)[WINDOW : WINDOW + 1].first()
    if edge is None:
        return there
    return there.filter(pk__lt=edge) if order == "pk" else there.filter(pk__gt=edge)


def whole_image(user: User, image: Image) -> Image:
    """Return an image with its verdicts and their issues, its chunk and job."""
    verdicts = Verdict.objects.order_by("level").prefetch_related(Prefetch("issues", Issue.objects.order_by("kind")))
    rows = Image.objects.select_related("job__project__owner", "chunk__task")
    return rows.prefetch_related(Prefetch("verdicts", verdicts)).get(pk=image.pk)


@dataclass(frozen=True, slots=True)
class Alike:
    """An image that looks like another.

    Attributes:
        distance: differing bits of the perceptual hashes; None for the very same file in another job.
    """

    image: Image
    distance: int | None


def look_alikes(image: Image) -> list[Alike]:
    """Return the images of the job that look most like one, nearest first, then the same file elsewhere in the project.

    Of a large job, the twenty thousand images around it are compared.
    """
    found: list[Alike] = []
    if image.phash is not None:
        hashed = Image.objects.filter(job_id=image.job_id, phash__isnull=False).values_list("pk", "phash")
        rows = [
            *hashed.filter(pk__lt=image.pk).order_by("-pk")[:_HASHES_EACH_SIDE],
            *hashed.filter(pk__gt=image.pk).order_by("pk")[:_HASHES_EACH_SIDE],
        ]
        nearest = _nearest(image.phash, rows)
        images = Image.objects.only(*_TILE).prefetch_related("issues").in_bulk(list(nearest))
        found = [Alike(images[pk], distance) for pk, distance in nearest.items() if pk in images]
    same = Image.objects.filter(sha256=image.sha256).exclude(job_id=image.job_id)
    same = same.filter(job__project_id=image.job.project_id).only(*_TILE).prefetch_related("issues")
    return found + [Alike(one, None) for one in same.order_by("-pk")[: _ALIKE_SHOWN - len(found)]]


def _nearest(value: int, rows: Sequence[tuple[int, int | None]]) -> dict[int, int]:
    """Return id and distance of the nearest hashes, nearest first."""
    if not rows:
        return {}
    ids = np.array([pk for pk, _ in rows], dtype=np.int64)
    hashes = np.array([other for _, other in rows], dtype=np.int64).view(np.uint64)
    distances = np.bitwise_count(hashes ^ np.uint64(value % (1 << 64)))
    order = np.lexsort((ids, distances))[:_ALIKE_SHOWN]
    return {int(ids[place]): int(distances[place]) for place in order if distances[place] <= _ALIKE_BITS}


def own_jobs(user: User, project: Project | None, *, own: bool) -> list[CrawlJob]:
    """Return the newest jobs that a user may choose to look at."""
    jobs = jobs_of(user)
    if project is not None:
        jobs = jobs.filter(project=project)
    elif own:
        jobs = jobs.filter(project__owner=user)
    return list(jobs.order_by("-pk")[:50])
