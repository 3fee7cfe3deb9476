"""A job at a source of the web: from its recorded answers to files and rows, over two pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from jobs.models import CrawlJob, FetchFailure, Image, Project
from jobs.services.crawl_jobs import create_job, start_job
from tasktypes.states import State
from tests.engines.adapter_openverse import ADAPTER, FOX, SEARCH
from tests.engines.sources import Reply, Source
from tests.ledger import run_all
from tests.picture_server import PictureServer


@pytest.fixture
def source(web: PictureServer, settings: Any) -> Iterator[Source]:
    """Openverse as recorded, with pictures that are there."""
    server = Source()
    settings.PIXTASKS_ENGINE_URLS = {"openverse": server.origin}
    settings.PIXTASKS_FETCH_ALLOW = [f"127.0.0.1:{web.port}", f"127.0.0.1:{server.port}"]
    server.play([Reply(SEARCH, _page(page, web), {"page": page}) for page in ("1", "2")])
    yield server
    server.stop()


def _page(number: str, web: PictureServer) -> bytes:
    page = ADAPTER.json(f"page={number}")
    for item in page["results"]:
        item["url"] = f"{web.root}/p/{int(item['id'][:2], 16) % 40}.jpg"
    return json.dumps(page).encode()


def _crawl(project: Project, **options: Any) -> CrawlJob:
    job = create_job(
        project=project,
        name="foxes",
        keywords=["red fox"],
        engines=["openverse"],
        max_images=100,
        options={"openverse": options},
    )
    start_job(job)
    run_all()
    return CrawlJob.objects.with_group().get(pk=job.pk)


def test_images_of_a_search_keep_their_licence_and_creator(project: Project, source: Source) -> None:
    job = _crawl(project, license_type=["commercial"])
    assert job.outcomes == {"stored": 4, "duplicate": 1}  # one image is on both pages
    assert [asked.query["page"] for asked in source.asked] == ["1", "2"]
    assert {asked.query["license_type"] for asked in source.asked} == {"commercial"}
    rows = list(Image.objects.filter(job=job).order_by("rank"))
    assert [(row.license, row.license_version) for row in rows] == [
        ("BY-SA", "4.0"),
        ("CC0", "1.0"),
        ("PDM", "1.0"),
        ("BY-NC-ND", "2.0"),
    ]
    first = rows[0]
    assert (first.title, first.creator, first.backend) == ("Red Fox", "Peter K. Burian", "openverse")
    assert first.attribution.startswith('"Red Fox" by Peter K. Burian is licensed under CC BY-SA 4.0')
    assert first.license_url == "https://creativecommons.org/licenses/by-sa/4.0/"
    assert first.page_url == "https://www.flickr.com/photos/1/0aff3595"
    assert (first.external_id, first.tags) == (FOX, ["fox", "red fox"])


def test_a_changed_format_fails_the_chunk_and_names_the_field(project: Project, source: Source) -> None:
    changed = ADAPTER.json()
    changed["results"][1]["link"] = changed["results"][1].pop("url")
    source.play([Reply(SEARCH, json.dumps(changed).encode())])
    job = _crawl(project)
    chunk = job.chunks.select_related("task").get()
    assert chunk.task.status == State.FAILED
    assert "openverse: results[1].url is missing" in chunk.task.error_message
    assert not FetchFailure.objects.exists() and not Image.objects.exists()
