"""A user, a project and a web of pictures for the services of image datasets."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import storages

from jobs.models import CrawlJob, Project
from jobs.services.crawl_jobs import create_job
from jobs.services.projects import create_project
from pixtasks.accounts.models import User
from tests.picture_server import PictureServer, make_pictures, serve


@pytest.fixture(autouse=True)
def _empty_storage() -> Iterator[None]:
    """Begin without the files of other tests, and leave none."""
    shutil.rmtree(storages["images"].path(""), ignore_errors=True)
    yield
    shutil.rmtree(storages["images"].path(""), ignore_errors=True)


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann@example.com")


@pytest.fixture
def project(ann: User) -> Project:
    return create_project(owner=ann, name="Pictures")


@pytest.fixture
def web(settings: Any) -> Iterator[PictureServer]:
    """Forty distinct JPEGs on loopback, in a gallery of ten a page."""
    with serve(make_pictures(40), per_page=10) as server:
        settings.PIXTASKS_FETCH_ALLOW = [f"127.0.0.1:{server.port}"]
        yield server


def urls_job(project: Project, urls: list[str], **fields: Any) -> CrawlJob:
    """A pending job of one chunk that crawls a list of addresses."""
    return create_job(
        project=project,
        name="crawl",
        keywords=["pictures"],
        engines=["urls"],
        options={"urls": {"urls": urls}},
        **{"max_images": 1000, **fields},
    )
