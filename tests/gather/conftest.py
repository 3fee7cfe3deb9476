"""A user, an engine that lays out what the test says, and a web of pictures."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import storages

from jobs.engines import engines
from pixtasks.accounts.models import User
from tests.accounts.factories import make_user
from tests.gather.shelf import Shelf
from tests.picture_server import PictureServer, make_pictures, serve


@pytest.fixture(autouse=True)
def _empty_storage() -> Iterator[None]:
    """Begin without the files of other tests, and leave none."""
    shutil.rmtree(storages["images"].path(""), ignore_errors=True)
    yield
    shutil.rmtree(storages["images"].path(""), ignore_errors=True)


@pytest.fixture
def ann(db: None) -> User:
    return make_user(email="ann@example.com")


@pytest.fixture
def bob(db: None) -> User:
    return make_user(email="bob@example.com")


@pytest.fixture(scope="session")
def pictures() -> dict[str, bytes]:
    return make_pictures(60)


@pytest.fixture
def web(settings: Any, pictures: dict[str, bytes]) -> Iterator[PictureServer]:
    """Sixty distinct JPEGs on loopback."""
    with serve(dict(pictures)) as server:
        settings.PIXTASKS_FETCH_ALLOW = [f"127.0.0.1:{server.port}"]
        yield server


@pytest.fixture
def shelf(web: PictureServer) -> Iterator[Shelf]:
    """An engine with forty pictures for the keyword "cat", four a page."""
    engine = Shelf()
    engine.addresses["cat"] = web.urls[:40]
    with engines.temporarily(engine):
        yield engine
