"""Trying failed candidates again: what comes back is stored once, and every sum stays equal to its rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from jobs.fetch.outcomes import Outcome
from jobs.models import Chunk, CrawlJob, FetchFailure, Image, Project, RefetchRun
from jobs.services.candidates import failure_row
from jobs.services.crawl_jobs import cancel_job, create_job, delete_job, retry_job, start_job
from jobs.services.failures import FailureFilter, failed_classes
from jobs.services.recount import job_mismatches
from jobs.services.refetch import start_refetch
from pixtasks.accounts.models import AuditEntry, User
from pixtasks.common.errors import RuleViolation
from pixtasks.common.sql import database_now
from tasktypes.handlers import LeaseLost
from tasktypes.models import Task, TaskGroup
from tasktypes.services.audit import counter_mismatches
from tasktypes.services.cancel import cancel_group
from tasktypes.services.context import LeasedContext
from tasktypes.services.recount import tally_mismatches
from tasktypes.services.sweep import sweep_lost
from tests.jobs.conftest import urls_job
from tests.ledger import run_all
from tests.picture_server import PictureServer


class Killed(BaseException):
    """Stands for a process that is gone: nothing catches it and nothing is settled."""


def fresh(job: CrawlJob) -> CrawlJob:
    return CrawlJob.objects.with_group().get(pk=job.pk)


def only(*outcomes: str) -> FailureFilter:
    return FailureFilter(outcomes=outcomes)


def broken(project: Project, web: PictureServer, missing: int = 10, **fields: Any) -> tuple[CrawlJob, dict[str, bytes]]:
    """Return an ended job whose last pictures were not there, and these, to put them back."""
    paths = list(web.pictures)[-missing:]
    urls = web.urls
    taken = {path: web.pictures.pop(path) for path in paths}
    job = urls_job(project, urls, **fields)
    start_job(job)
    run_all()
    return fresh(job), taken


def sound() -> None:
    """Hold every counter against the rows that it counts, as the doctor does."""
    assert list(job_mismatches(days=None)) == []
    assert counter_mismatches() == []
    assert tally_mismatches() == []
    for job in CrawlJob.objects.all():
        assert job.images == Image.objects.filter(job=job).count() == job.outcomes.get("stored", 0)
        assert sum(failed_classes(job.outcomes).values()) + job.outcomes.get("duplicate", 0) == (
            FetchFailure.objects.filter(chunk__job=job).count()
        )


def test_what_is_there_again_is_stored_and_the_rest_of_the_job_is_not_touched(
    project: Project, web: PictureServer, ann: User
) -> None:
    job, taken = broken(project, web)
    assert job.outcomes == {"http_404": 10, "stored": 30}
    group = TaskGroup.objects.get(pk=job.group_id)
    chunk_task = Task.objects.get(group=group)
    hits = dict(web.hits)
    web.pictures |= taken

    started = start_refetch(job, only("http_404"), ann, address="203.0.113.9")
    assert fresh(job).status == "completed"
    run_all()

    job = fresh(job)
    assert (job.status, job.images, job.outcomes) == ("completed", 40, {"stored": 40})
    assert set(Image.objects.filter(job=job).values_list("sha256", flat=True)) == web.digests
    assert not FetchFailure.objects.exists()
    assert {path for path, number in web.hits.items() if number > hits.get(path, 0)} == set(taken)
    run = RefetchRun.objects.select_related("group").get()
    assert (run.failures_count, run.group.completed, run.created_by) == (10, 1, ann)
    assert Task.objects.get(public_id=started.task_ids[0]).result == {
        "failures": 10, "done": 10, "images": 10, "duplicates": 0, "left": 0, "outcomes": {"stored": 10},
        "percentage": 100,
    }  # fmt: skip
    after = Task.objects.get(pk=chunk_task.pk)
    assert (after.attempt, after.status) == (chunk_task.attempt, "completed")
    assert after.progress is not None
    assert after.progress["images"] == 40
    assert after.result is not None
    assert after.result["outcomes"] == {"stored": 40}
    entry = AuditEntry.objects.get(action="crawl_job.failures_retried")
    assert (entry.actor, entry.address, entry.detail) == (ann, "203.0.113.9", {"outcome": "http_404", "candidates": 10})
    sound()


def test_what_fails_again_changes_its_class_and_equal_bytes_are_duplicates(
    project: Project, web: PictureServer, settings: Any
) -> None:
    job, taken = broken(project, web, missing=4)
    first, second, third, fourth = taken
    web.pictures[first] = taken[first]
    web.pictures[second] = web.pictures["/p/0.jpg"]
    web.pictures[third] = b"<!doctype html>not a picture"
    start_refetch(job, only("http_404"), None)
    run_all()
    job = fresh(job)
    assert job.outcomes == {"duplicate": 1, "http_404": 1, "not_an_image": 1, "stored": 37}
    assert (job.images, job.duplicates) == (37, 1)
    rows = dict(FetchFailure.objects.values_list("outcome", "url"))
    assert rows == {
        "duplicate": f"{web.root}{second}", "not_an_image": f"{web.root}{third}", "http_404": f"{web.root}{fourth}"
    }  # fmt: skip
    sound()
    start_refetch(job, only("http_404"), None)
    run_all()
    assert fresh(job).outcomes == job.outcomes
    sound()


def test_what_the_source_said_of_a_candidate_is_kept_with_its_image(project: Project, web: PictureServer) -> None:
    job, taken = broken(project, web, missing=1)
    row = FetchFailure.objects.select_related("chunk").get()
    from jobs.engines import Candidate

    told = failure_row(
        row.chunk,
        row.rank,
        Candidate(
            row.url,
            title="Harbour",
            creator="Ann",
            license="BY-SA",
            license_version="4.0",
            page_url="http://p/",
            external_id="47",
            tags=("sea", "old harbour"),
        ),
        row.outcome,
        "",
        row.created_at,
    )
    FetchFailure.objects.filter(pk=row.pk).update(facts=told.facts)
    web.pictures |= taken
    start_refetch(job, only("http_404"), None)
    run_all()
    image = Image.objects.get(source_url=row.url)
    assert (image.title, image.creator, image.license, image.license_version, image.page_url, image.rank) == (
        "Harbour", "Ann", "BY-SA", "4.0", "http://p/", row.rank
    )  # fmt: skip
    assert (image.external_id, image.tags) == ("47", ["sea", "old harbour"])


@pytest.mark.parametrize("after", [False, True], ids=["before its commit", "after its commit"])
def test_an_attempt_that_is_killed_counts_nothing_twice_and_loses_nothing(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch, settings: Any, after: bool
) -> None:
    # At most four land at once, and each landing is stored: so there are five commits to be killed at.
    settings.PIXTASKS_FETCH_CONCURRENCY = 1
    monkeypatch.setattr("jobs.services.refetch._ROWS", 1)
    job, taken = broken(project, web, missing=20)
    for path in list(taken)[:15]:
        web.pictures[path] = taken[path]
    start_refetch(job, only("http_404"), None)
    whole = LeasedContext.store
    stores = 0

    def store_and_die(self: LeasedContext, write: Callable[[], Any]) -> None:
        nonlocal stores
        stores += 1
        dies = stores % 2 == 1 and stores < 6
        if dies and not after:
            raise Killed
        whole(self, write)
        if dies:
            raise Killed

    monkeypatch.setattr(LeasedContext, "store", store_and_die)
    kills = 0
    for _ in range(8):
        try:
            run_all()
        except Killed:
            kills += 1
            sound()
            Task.objects.filter(status="running").update(lease_expires_at=database_now() - timedelta(seconds=1))
            sweep_lost()
            Task.objects.filter(status="pending").update(due_at=database_now() - timedelta(seconds=1))
    assert kills == 3
    task = Task.objects.get(type_name="jobs.refetch_failures")
    assert (task.status, task.attempt) == ("completed", 4)
    assert task.result is not None
    assert task.result["outcomes"] == {"http_404": 5, "stored": 15}
    assert fresh(job).outcomes == {"http_404": 5, "stored": 35}
    sound()


def test_an_attempt_that_lost_its_lease_writes_nothing(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, taken = broken(project, web)
    web.pictures |= taken
    start_refetch(job, only("http_404"), None)
    whole = LeasedContext.store

    def too_late(self: LeasedContext, write: Callable[[], Any]) -> None:
        monkeypatch.setattr(LeasedContext, "store", whole)
        Task.objects.filter(pk=self.task.id).update(lease_expires_at=database_now() - timedelta(seconds=1))
        assert sweep_lost() == 1
        with pytest.raises(LeaseLost):
            whole(self, write)
        assert Image.objects.count() == 30
        raise LeaseLost

    monkeypatch.setattr(LeasedContext, "store", too_late)
    run_all()
    assert fresh(job).images == 40
    sound()


def test_a_chunk_that_is_reopened_meanwhile_counts_by_itself(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PIXTASKS_FETCH_CONCURRENCY = 2
    monkeypatch.setattr("jobs.services.download._BATCH", 5)
    monkeypatch.setattr("jobs.services.refetch._ROWS", 2)
    missing = list(web.pictures)[:8]
    urls = web.urls
    taken = {path: web.pictures.pop(path) for path in missing}
    job = urls_job(project, urls)
    start_job(job)
    whole = LeasedContext.store
    stores = 0

    def cancel_the_crawl(self: LeasedContext, write: Callable[[], Any]) -> None:
        nonlocal stores
        stores += 1
        if stores == 3:
            cancel_job(fresh(job))
        whole(self, write)

    monkeypatch.setattr(LeasedContext, "store", cancel_the_crawl)
    run_all()
    job = fresh(job)
    assert (job.status, job.outcomes["http_404"]) == ("cancelled", 8)
    web.pictures |= taken
    # One place holds four transfers, so the first store leaves some of the eight on the slowest machine, too.
    settings.PIXTASKS_FETCH_CONCURRENCY = 1
    start_refetch(job, only("http_404"), None)

    def retry_the_crawl(self: LeasedContext, write: Callable[[], Any]) -> None:
        whole(self, write)
        monkeypatch.setattr(LeasedContext, "store", whole)
        assert retry_job(fresh(job)) == 1

    monkeypatch.setattr(LeasedContext, "store", retry_the_crawl)
    run_all()
    job = fresh(job)
    left = FetchFailure.objects.filter(outcome="http_404").count()
    task = Task.objects.get(type_name="jobs.refetch_failures")
    assert task.result is not None
    assert 0 < left == task.result["left"] < 8
    assert (job.status, job.outcomes) == ("completed", {"http_404": left, "stored": 40 - left})
    sound()


def test_a_cancelled_run_keeps_what_it_stored(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.PIXTASKS_FETCH_CONCURRENCY = 2
    monkeypatch.setattr("jobs.services.refetch._ROWS", 2)
    job, taken = broken(project, web, missing=20)
    web.pictures |= taken
    run = start_refetch(job, only("http_404"), None).run
    whole = LeasedContext.store

    def cancel_meanwhile(self: LeasedContext, write: Callable[[], Any]) -> None:
        monkeypatch.setattr(LeasedContext, "store", whole)
        assert cancel_group(run.group_id) == 1
        whole(self, write)

    monkeypatch.setattr(LeasedContext, "store", cancel_meanwhile)
    run_all()
    assert 20 < fresh(job).images < 40
    sound()
    start_refetch(fresh(job), only("http_404"), None)
    run_all()
    assert fresh(job).outcomes == {"stored": 40}
    sound()


def test_no_chunk_gets_more_than_it_was_asked_for(project: Project, web: PictureServer) -> None:
    first, second = list(web.pictures)[:2]
    urls = web.urls
    taken = {path: web.pictures.pop(path) for path in (first, second)}
    job = urls_job(project, urls, max_images=5)
    start_job(job)
    run_all()
    job = fresh(job)
    assert job.outcomes == {"http_404": 2, "stored": 5}
    web.pictures |= taken
    with pytest.raises(RuleViolation, match="5 images that it was asked for"):
        start_refetch(job, only("http_404"), None)
    Image.objects.filter(pk=Image.objects.filter(job=job).values_list("pk", flat=True)[0]).delete()
    task = Task.objects.get(chunks__job=job)
    assert task.progress is not None
    Task.objects.filter(pk=task.pk).update(
        progress={**task.progress, "images": 4, "outcomes": {"http_404": 2, "stored": 4}}
    )
    CrawlJob.objects.filter(pk=job.pk).update(images=4, outcomes={"http_404": 2, "stored": 4})
    start_refetch(job, only("http_404"), None)
    run_all()
    assert fresh(job).outcomes == {"http_404": 1, "stored": 5}
    assert Task.objects.get(type_name="jobs.refetch_failures").result["left"] == 1  # type: ignore[index]
    sound()


def test_many_failures_are_several_tasks(project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.services.refetch.BATCH", 4)
    job, taken = broken(project, web)
    web.pictures |= taken
    started = start_refetch(job, only("http_404"), None)
    assert len(started.task_ids) == 3
    with pytest.raises(RuleViolation, match="being tried again already"):
        start_refetch(job, only("http_404"), None)
    run_all()
    assert fresh(job).outcomes == {"stored": 40}
    sound()


def test_two_chunks_that_lack_the_same_pictures_store_each_once(project: Project, web: PictureServer) -> None:
    urls = web.urls
    taken = {path: web.pictures.pop(path) for path in list(web.pictures)[:6]}
    job = create_job(
        project=project,
        name="x",
        keywords=["a", "b"],
        engines=["urls"],
        max_images=100,
        options={"urls": {"urls": urls}},
    )
    start_job(job)
    run_all()
    assert fresh(job).outcomes == {"duplicate": 34, "http_404": 12, "stored": 34}
    web.pictures |= taken
    start_refetch(fresh(job), only("http_404"), None)
    run_all()
    assert fresh(job).outcomes == {"duplicate": 40, "stored": 40}
    assert Chunk.objects.filter(job=job).count() == 2
    sound()


def test_it_is_refused_with_the_reason(project: Project, web: PictureServer) -> None:
    pending = urls_job(project, web.urls)
    with pytest.raises(RuleViolation, match="status 'pending'"):
        start_refetch(pending, only("timeout"), None)
    job, _ = broken(project, web)
    with pytest.raises(RuleViolation, match=r"No candidate of job .* ended as 'timeout'.*http_404"):
        start_refetch(job, only("timeout"), None)
    for outcome in (Outcome.STORED, Outcome.DUPLICATE):
        with pytest.raises(RuleViolation, match="is not a failure"):
            start_refetch(job, only(str(outcome)), None)
    assert not RefetchRun.objects.exists()


def test_a_local_file_is_read_only_where_files_may_be_read_now(
    project: Project, web: PictureServer, settings: Any, tmp_path: Any
) -> None:
    job, taken = broken(project, web, missing=2)
    data = list(taken.values())
    inside, outside = tmp_path / "open" / "a.jpg", tmp_path / "b.jpg"
    inside.parent.mkdir()
    inside.write_bytes(data[0])
    outside.write_bytes(data[1])
    settings.PIXTASKS_DIRECTORY_ROOTS = [str(inside.parent)]
    for row, path in zip(FetchFailure.objects.order_by("pk"), (inside, outside), strict=True):
        FetchFailure.objects.filter(pk=row.pk).update(url=f"file://{path}")
    start_refetch(job, only("http_404"), None)
    run_all()
    assert fresh(job).outcomes == {"file_forbidden": 1, "stored": 39}
    assert Image.objects.get(source_url=f"file://{inside}").bytes == len(data[0])
    sound()


def test_a_job_is_deleted_with_its_runs(project: Project, web: PictureServer) -> None:
    job, _ = broken(project, web)
    start_refetch(job, only("http_404"), None)
    delete_job(job)
    run_all()
    assert not RefetchRun.objects.exists()
    assert not Task.objects.exists()
    assert tally_mismatches() == []
