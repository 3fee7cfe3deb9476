"""A project, and images of it under each of a few licences."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from jobs.models import CrawlJob, Image
from pixtasks.accounts.models import User
from tests import factories

LICENSES = ("CC0", "BY", "BY-SA", "BY-NC", "BY-ND", "BY-NC-ND", "Museum terms", "")


@pytest.fixture
def owner(db: None) -> User:
    return factories.user()


@pytest.fixture
def job(owner: User) -> CrawlJob:
    """A job with an image under each of ``LICENSES``, and a policy that lets them all pass."""
    made = factories.started_job(owner=owner)
    for code in LICENSES:
        factories.image(made, license=code)
    return factories.end_job(made, images=len(LICENSES), outcomes={"stored": len(LICENSES)})


@pytest.fixture
def held(job: CrawlJob) -> Callable[[], dict[str, str]]:
    """Return the quarantined images as they are: licence → reason."""

    def read() -> dict[str, str]:
        rows = dict(Image.objects.filter(job=job).exclude(quarantine="").values_list("license", "quarantine"))
        job.refresh_from_db()
        assert job.quarantined_images == len(rows)
        return rows

    return read
