"""The licences of a job's or a project's images: how many of each, and the list that names the creators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from django.db.models import Count, Q, QuerySet

from jobs.licenses import TERMS, Terms, normalize
from jobs.models import CrawlJob, Image, Project
from jobs.services.manifest import file_name, gathered, paged

TEXT_TYPE: Final = "text/plain; charset=utf-8"
_MOST: Final = 100
_LONGEST: Final = 500


@dataclass(frozen=True, slots=True)
class LicenseCount:
    """How many images are under a licence.

    Attributes:
        code: as the rows hold it; "" for images without one.
    """

    code: str
    images: int
    quarantined: int

    @property
    def terms(self) -> Terms | None:
        """What it permits; None where nobody knows."""
        return TERMS.get(normalize(self.code).code)

    @property
    def name(self) -> str:
        """What people call it."""
        return normalize(self.code).name or "none given"


@dataclass(frozen=True, slots=True)
class LicenseOverview:
    """The licences of some images, the most frequent first.

    Attributes:
        licenses: a hundred at most; ``images`` counts those under the others, too.
    """

    images: int
    quarantined: int
    licenses: list[LicenseCount]

    @property
    def shares(self) -> list[tuple[LicenseCount, float]]:
        """Each licence with its percent of the images."""
        return [(one, round(100 * one.images / self.images, 1)) for one in self.licenses]


def licenses_of_job(job: CrawlJob) -> LicenseOverview:
    """Return the licences of a job's images; one query, answered by the index (job, license, quarantine)."""
    return _overview(Image.objects.filter(job=job))


def licenses_of_project(project: Project) -> LicenseOverview:
    """Return the licences of all images of a project's jobs."""
    return _overview(Image.objects.filter(job__in=CrawlJob.objects.filter(project=project).values("pk")))


def as_attribution(images: QuerySet[Image]) -> Iterator[bytes]:
    """Return a text that names title, creator, licence and addresses of each image, in the order of their ids.

    It is made page by page, as the other lists are (:mod:`jobs.services.manifest`).
    """
    yield from gathered(_lines(images))


def _overview(images: QuerySet[Image]) -> LicenseOverview:
    rows = (
        images.order_by()
        .values_list("license")
        .annotate(number=Count("pk"), held=Count("pk", filter=~Q(quarantine="")))
    )
    counts = sorted((LicenseCount(*row) for row in rows), key=lambda one: (-one.images, one.code))
    return LicenseOverview(sum(one.images for one in counts), sum(one.quarantined for one in counts), counts[:_MOST])


def _lines(images: QuerySet[Image]) -> Iterator[bytes]:
    yield b"Attribution list: who made these images, under what licence, and where they come from.\n"
    number = 0
    for number, image in enumerate(paged(images), 1):
        yield _entry(number, image).encode()
    if not number:
        yield b"\nThere are no images.\n"


def _entry(number: int, image: Image) -> str:
    said = normalize(image.license, url=image.license_url)
    name = said.name
    if image.license_version and image.license_version not in name:
        name = f"{name} {image.license_version}".strip()
    lines = [
        f"{number}. {_flat(image.title) or 'Untitled'}, by {_flat(image.creator) or 'an unknown creator'}",
        f"Licence: {_flat(name) or 'none given'}",
        f"Licence text: {_flat(image.license_url or said.url)}",
        f"Creator: {_flat(image.creator_url)}",
        f"Credit line: {_flat(image.attribution)}",
        f"Found on: {_flat(image.page_url)}",
        f"Source: {_flat(image.source_url)}",
        f"File: {file_name(image)}",
    ]
    shown = [line for line in lines if not line.endswith(": ")]
    return "\n" + "\n   ".join(shown) + "\n"


def _flat(text: str) -> str:
    """Make one line of a foreign text: what it says stands in its own line and nowhere else."""
    return "".join(letter if letter.isprintable() else " " for letter in " ".join(text.split()))[:_LONGEST]
