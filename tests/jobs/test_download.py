"""The work of a chunk: candidates become files and rows, exactly once, whatever happens in between."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import storages

from jobs.engines import Engine, EngineError, EngineUnavailable, Page, Query, Web, engines
from jobs.models import CrawlJob, FetchFailure, Image, Project
from jobs.services.crawl_jobs import cancel_job, create_job, retry_job, start_job
from jobs.services.progress import job_progress
from pixtasks.common.sql import database_now
from tasktypes.handlers import LeaseLost
from tasktypes.models import Task, TaskEvent
from tasktypes.services.audit import counter_mismatches
from tasktypes.services.context import LeasedContext
from tasktypes.services.sweep import sweep_lost
from tests.jobs.conftest import urls_job
from tests.ledger import run_all
from tests.picture_server import PictureServer


class Killed(BaseException):
    """Stands for a process that is gone: nothing catches it and nothing is settled."""


def fresh(job: CrawlJob) -> CrawlJob:
    return CrawlJob.objects.with_group().get(pk=job.pk)


def files() -> dict[str, Path]:
    return {path.name: path for path in Path(storages["images"].path("")).glob("??/??/*")}


def test_every_candidate_becomes_a_file_named_by_its_sha256_and_a_row_with_its_source(
    project: Project, web: PictureServer
) -> None:
    job = urls_job(project, web.urls)
    started = start_job(job)
    run_all()
    progress = job_progress(fresh(job))
    assert (progress.status, progress.progress, progress.downloaded_images) == ("completed", 100, 40)
    assert len(started.task_ids) == 1
    assert set(files()) == web.digests
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == name for name, path in files().items())
    rows = Image.objects.filter(job=job).order_by("rank")
    assert [row.source_url for row in rows] == web.urls
    assert {(row.format, row.engine, row.backend, row.keyword) for row in rows} == {
        ("jpeg", "urls", "urls", "pictures")
    }
    assert all(row.width and row.height and row.bytes == files()[row.sha256].stat().st_size for row in rows)


def test_every_failure_is_a_row_with_its_class_and_none_is_dropped(
    project: Project, web: PictureServer, settings: Any
) -> None:
    urls = [
        web.urls[0],
        f"{web.root}/nothing.jpg",
        f"{web.root}/gallery/0",
        "http://10.0.0.1/private.jpg",
        "http://no-such-host.invalid/a.jpg",
        web.urls[0] + "?again",
        "http://127.0.0.1:1/refused.jpg",
    ]
    settings.PIXTASKS_FETCH_ALLOW = [f"127.0.0.1:{web.port}", "127.0.0.1:1"]
    web.pictures["/p/0.jpg?again"] = web.pictures["/p/0.jpg"]
    job = urls_job(project, urls)
    start_job(job)
    run_all()
    job = fresh(job)
    assert job.outcomes == {
        "blocked_address": 1, "dns": 1, "duplicate": 1, "http_404": 1, "not_an_image": 1, "refused": 1, "stored": 1,
    }  # fmt: skip
    failures = dict(FetchFailure.objects.filter(chunk__job=job).values_list("url", "outcome"))
    stored = list(Image.objects.filter(job=job).values_list("source_url", flat=True))
    assert sorted([*failures, *stored]) == sorted(urls)
    assert failures["http://10.0.0.1/private.jpg"] == "blocked_address"


def test_no_more_new_images_are_stored_than_were_asked_for(project: Project, web: PictureServer) -> None:
    job = urls_job(project, web.urls, max_images=7)
    start_job(job)
    run_all()
    assert fresh(job).images == Image.objects.filter(job=job).count() == 7


def test_a_killed_attempt_loses_nothing_and_counts_nothing_twice(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    # Two places hold eight transfers, so at most 4 + 8 of the 40 images fit in a store: the fourth store comes on the
    # slowest machine, too.
    settings.PIXTASKS_FETCH_CONCURRENCY = 2
    monkeypatch.setattr("jobs.services.download._BATCH", 5)
    job = create_job(
        project=project,
        name="crawl",
        keywords=["pictures"],
        engines=["site"],
        max_images=1000,
        options={"site": {"url": f"{web.root}/gallery/0", "max_pages": 10}},
    )
    start_job(job)
    whole = LeasedContext.store
    stores = 0

    def store_and_die(self: LeasedContext, write: Callable[[], Any]) -> None:
        nonlocal stores
        whole(self, write)
        stores += 1
        if stores in (1, 3, 4):
            raise Killed

    monkeypatch.setattr(LeasedContext, "store", store_and_die)
    for _ in range(10):
        try:
            run_all()
        except Killed:
            Task.objects.filter(status="running").update(lease_expires_at=database_now() - timedelta(seconds=1))
            sweep_lost()
            Task.objects.filter(status="pending").update(due_at=database_now() - timedelta(seconds=1))
    task = Task.objects.get(group=fresh(job).group)
    assert task.attempt == 4
    job = fresh(job)
    assert (job.status, job.images, job.outcomes) == ("completed", 40, {"stored": 40})
    assert set(Image.objects.filter(job=job).values_list("sha256", flat=True)) == web.digests
    assert not FetchFailure.objects.exists()
    assert counter_mismatches() == []
    assert TaskEvent.objects.filter(task=task, type="completed").count() == 1


def test_an_attempt_that_lost_its_lease_writes_nothing(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = urls_job(project, web.urls)
    start_job(job)
    whole = LeasedContext.store

    def too_late(self: LeasedContext, write: Callable[[], Any]) -> None:
        monkeypatch.setattr(LeasedContext, "store", whole)
        Task.objects.filter(pk=self.task.id).update(lease_expires_at=database_now() - timedelta(seconds=1))
        assert sweep_lost() == 1
        with pytest.raises(LeaseLost):
            whole(self, write)
        assert Image.objects.count() == 0
        raise LeaseLost

    monkeypatch.setattr(LeasedContext, "store", too_late)
    run_all()
    assert (fresh(job).images, Image.objects.count()) == (40, 40)


def test_two_chunks_that_find_the_same_pictures_store_each_once(project: Project, web: PictureServer) -> None:
    job = create_job(
        project=project,
        name="crawl",
        keywords=["pictures"],
        engines=["urls", "site"],
        max_images=1000,
        options={"urls": {"urls": web.urls}, "site": {"url": f"{web.root}/gallery/0"}},
    )
    start_job(job)
    run_all()
    job = fresh(job)
    assert (job.images, job.duplicates, job.outcomes) == (40, 40, {"duplicate": 40, "stored": 40})
    assert job_progress(job).progress == 100


def test_another_job_shares_the_files_and_has_rows_of_its_own(project: Project, web: PictureServer) -> None:
    for _ in range(2):
        start_job(urls_job(project, web.urls))
    run_all()
    assert Image.objects.count() == 80
    assert len(files()) == 40


def test_a_cancelled_chunk_keeps_what_it_stored_and_goes_on_from_there_when_retried(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PIXTASKS_FETCH_CONCURRENCY = 2
    monkeypatch.setattr("jobs.services.download._BATCH", 5)
    job = urls_job(project, web.urls)
    start_job(job)
    whole = LeasedContext.store

    def cancel_meanwhile(self: LeasedContext, write: Callable[[], Any]) -> None:
        monkeypatch.setattr(LeasedContext, "store", whole)
        assert cancel_job(fresh(job)) == 1
        whole(self, write)

    monkeypatch.setattr(LeasedContext, "store", cancel_meanwhile)
    run_all()
    stopped = fresh(job)
    kept = Image.objects.filter(job=job).count()
    assert stopped.status == "cancelled"
    assert 0 < kept < 40
    assert job_progress(stopped).downloaded_images == kept
    hits = sum(web.hits.values())

    assert retry_job(stopped) == 1
    assert job_progress(fresh(job)).downloaded_images == kept
    run_all()
    done = fresh(job)
    assert (done.status, done.images, done.outcomes) == ("completed", 40, {"stored": 40})
    assert sum(web.hits.values()) - hits <= 40 - kept + 2  # Those in flight are asked for again, the stored are not.


def engine_that(answer: Callable[[Query, str | None, Web], Page]) -> Engine:
    class Scripted:
        name = "scripted"
        description = "Does what the test says."
        rate_limited = False
        Options = engines["urls"].Options

        def missing(self) -> list[str]:
            return []

        def search(self, query: Query, cursor: str | None, web: Web) -> Page:
            return answer(query, cursor, web)

    return Scripted()


def scripted_job(project: Project) -> CrawlJob:
    options = {"scripted": {"urls": ["http://127.0.0.1/"]}}
    return create_job(project=project, name="x", keywords=["k"], engines=["scripted"], max_images=5, options=options)


def test_an_engine_that_cannot_answer_fails_the_chunk_and_says_why(project: Project) -> None:
    def refuse(*_: Any) -> Page:
        raise EngineError("The key is not valid; set another one.")

    with engines.temporarily(engine_that(refuse)):
        job = scripted_job(project)
        start_job(job)
        run_all()
    task = Task.objects.get(group=fresh(job).group)
    assert (fresh(job).status, task.retries) == ("failed", 0)
    assert task.error_message == "The key is not valid; set another one."


def test_an_engine_that_is_away_is_asked_again_later(project: Project) -> None:
    def away(*_: Any) -> Page:
        raise EngineUnavailable("Too busy.")

    with engines.temporarily(engine_that(away)):
        job = scripted_job(project)
        start_job(job)
        run_all()
        task = Task.objects.get(group=fresh(job).group)
        assert (task.status, task.retries) == ("pending", 1)
        assert fresh(job).status == "running"


def test_a_chunk_that_finds_nothing_is_completed_with_no_images(project: Project) -> None:
    with engines.temporarily(engine_that(lambda *_: Page((), None))):
        job = scripted_job(project)
        start_job(job)
        run_all()
    assert (fresh(job).status, fresh(job).images) == ("completed", 0)
