"""A site, a storage and a fetcher for every test that wants one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jobs.fetch.images import Download, FetchLimits, ImageFetcher
from jobs.fetch.storage import ImageStorage
from pixtasks.common.net.guard import AddressPolicy

from .site import Site, collect


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    yield server
    server.stop()


@pytest.fixture
def storage(tmp_path: Path) -> ImageStorage:
    return ImageStorage(location=tmp_path / "images")


@pytest.fixture
def limits() -> FetchLimits:
    return FetchLimits(connect_seconds=5, total_seconds=20, max_bytes=1_500_000)


@pytest.fixture
def policy(site: Site) -> AddressPolicy:
    return AddressPolicy([f"127.0.0.1:{site.port}"])


@pytest.fixture
def fetcher(storage: ImageStorage, limits: FetchLimits, policy: AddressPolicy) -> Iterator[ImageFetcher]:
    with ImageFetcher(storage, limits, policy) as fetcher:
        yield fetcher


@pytest.fixture
def fetch(fetcher: ImageFetcher) -> Callable[[str], Download]:
    """Fetch one address and return how it ended."""

    def one(url: str) -> Download:
        fetcher.submit("it", url)
        return collect(fetcher)["it"]

    return one
