"""What is on the opt-out list is not fetched, what was stored of it goes, and the counts stay exact."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.fetch.storage import image_key, images_storage
from jobs.models import CrawlJob, FetchFailure, Image, Level, OptOut, Project
from jobs.services.crawl_jobs import start_job
from jobs.services.failures import FailureFilter
from jobs.services.opt_outs import (
    REMOVE,
    add_opt_out,
    import_opt_outs,
    kind_of,
    looks_like,
    normalised,
    opt_outs,
    remove_opt_out,
)
from jobs.services.recount import job_mismatches
from jobs.services.refetch import start_refetch
from jobs.services.thumbnails import thumbnail
from pixtasks.accounts.models import AuditEntry, User
from pixtasks.common.errors import Conflict, InvalidInput
from tasktypes.models import Task
from tasktypes.services.settle import Settlement, settle
from tasktypes.states import State
from tests import factories
from tests.ledger import run_all, run_task
from tests.picture_server import PictureServer

from .conftest import urls_job

pytestmark = pytest.mark.django_db


def crawled(project: Project, web: PictureServer, **fields: Any) -> CrawlJob:
    job = start_job(urls_job(project, web.urls, **fields)).job
    run_all()
    return fresh(job)


def fresh(job: CrawlJob) -> CrawlJob:
    return CrawlJob.objects.with_group().get(pk=job.pk)


def sound(*jobs: CrawlJob) -> None:
    """The counters agree with the rows, and no file lacks a row."""
    assert list(job_mismatches(days=None)) == []
    for job in jobs:
        job = fresh(job)
        failures = FetchFailure.objects.filter(chunk__job=job).count()
        assert sum(job.outcomes.values()) == Image.objects.filter(job=job).count() + failures
    for sha256 in Image.objects.values_list("sha256", flat=True):
        assert images_storage().exists(image_key(sha256))


def test_an_address_that_is_on_the_list_is_not_asked_for(project: Project, web: PictureServer) -> None:
    gone = list(web.pictures)[:3]
    for path in gone:
        add_opt_out(kind="url", value=f"{web.root}{path}#part")
    job = crawled(project, web)
    assert job.outcomes == {"opted_out": 3, "stored": 37}
    assert not set(gone) & set(web.hits)
    assert set(FetchFailure.objects.values_list("url", flat=True)) == {f"{web.root}{path}" for path in gone}
    sound(job)


def test_nothing_at_all_is_asked_of_a_domain_that_is_on_the_list(project: Project, web: PictureServer) -> None:
    add_opt_out(kind="domain", value="127.0.0.1")
    job = crawled(project, web)
    assert job.outcomes == {"opted_out": 40}
    assert (web.hits, web.asked_robots, web.asked_tdmrep) == ({}, 0, 0)


def test_a_file_on_the_list_is_not_kept_wherever_it_comes_from(project: Project, web: PictureServer) -> None:
    first, second = list(web.pictures)[:2]
    web.pictures[second] = web.pictures[first]
    image = factories.image(factories.started_job(project), web.pictures[first])
    add_opt_out(kind="sha256", value=image.sha256.upper())
    job = crawled(project, web)
    assert job.outcomes == {"opted_out": 2, "stored": 38}
    assert not Image.objects.filter(job=job, sha256=image.sha256).exists()


def test_adding_an_entry_removes_rows_files_and_counts(project: Project, web: PictureServer, ann: User) -> None:
    first, second = crawled(project, web), crawled(project, web, max_images=10)
    path = next(iter(web.pictures))
    image = Image.objects.get(job=first, source_url=f"{web.root}{path}")
    thumbnail(image)
    kept = images_storage()
    entry = add_opt_out(kind="url", value=image.source_url, reason="ticket 17", actor=ann, address="203.0.113.9")
    run_all()

    assert not Image.objects.filter(sha256=image.sha256).exists()
    assert not kept.exists(image_key(image.sha256))
    assert not kept.exists(f"thumbnails/320/{image_key(image.sha256)}")
    first, second, entry = fresh(first), fresh(second), OptOut.objects.get(pk=entry.pk)
    assert (first.images, first.outcomes) == (39, {"opted_out": 1, "stored": 39})
    assert (second.images, second.outcomes) == (9, {"opted_out": 1, "stored": 9})
    assert (entry.removed_images, [file.value for file in entry.files.all()]) == (2, [image.sha256])
    task = Task.objects.get(group=first.group)
    assert task.progress is not None and task.result is not None
    assert (task.progress["images"], task.result["outcomes"]) == (39, {"opted_out": 1, "stored": 39})
    sound(first, second)
    added = AuditEntry.objects.get(action="opt_out.added")
    assert (added.actor, added.address, added.detail["reason"]) == (ann, "203.0.113.9", "ticket 17")
    assert AuditEntry.objects.get(action="opt_out.images_removed").detail["images"] == {
        str(first.pk): 1, str(second.pk): 1,
    }  # fmt: skip

    hits = dict(web.hits)
    start_refetch(first, FailureFilter(outcomes=("opted_out",)), ann)
    run_all()
    assert fresh(first).outcomes == {"opted_out": 1, "stored": 39}
    assert web.hits == hits
    moved = {f"/other/{number}.jpg": data for number, data in enumerate(list(web.pictures.values())[:2])}
    web.pictures = moved
    assert crawled(project, web).outcomes == {"opted_out": 1, "stored": 1}, "the same bytes elsewhere"


def test_a_domain_takes_what_lies_below_it_and_what_stood_on_its_pages(project: Project) -> None:
    job = factories.started_job(project)
    urls = {
        "http://pictures.example/a.jpg": True,
        "https://cdn.Pictures.example:8443/b.jpg": True,
        "http://otherpictures.example/c.jpg": False,
        "http://pictures.example.org/d.jpg": False,
    }
    images = {url: factories.image(job, source_url=url) for url in urls}
    page = factories.image(job, page_url="https://www.pictures.example/page")
    images[page.source_url], urls[page.source_url] = page, True
    factories.end_job(job, images=5, outcomes={"stored": 5})
    add_opt_out(kind="domain", value="*.Pictures.example")
    run_all()
    assert {url for url, image in images.items() if not Image.objects.filter(pk=image.pk).exists()} == {
        url for url, goes in urls.items() if goes
    }
    assert fresh(job).outcomes == {"opted_out": 3, "stored": 2}
    sound(job)


def test_validated_images_leave_the_counts_of_valid_ones(project: Project) -> None:
    job = factories.job_with_images(3)
    factories.validated(job, Level.SLOW)
    image = Image.objects.filter(job=job).order_by("pk")[0]
    before = fresh(job)
    add_opt_out(kind="sha256", value=image.sha256)
    run_all()
    after = fresh(job)
    assert (before.valid_images + before.invalid_images, after.valid_images + after.invalid_images) == (3, 2)
    sound(job)


def test_look_alikes_go_when_they_are_stored_and_when_they_are_validated(project: Project) -> None:
    job = factories.job_with_images(2)
    first, second = Image.objects.filter(job=job).order_by("pk")
    Image.objects.filter(pk=first.pk).update(phash=-2)
    add_opt_out(kind="look_alike", value="ffffffffffffffff", distance=1)
    run_all()
    assert list(Image.objects.filter(job=job)) == [second]
    sound(job)
    factories.validated(job, Level.SLOW)
    phash = Image.objects.get(pk=second.pk).phash
    assert phash is not None
    Image.objects.filter(pk=second.pk).update(phash=None)
    other = add_opt_out(kind="look_alike", value=f"{phash % (1 << 64):016x}", distance=0)
    run_all()
    assert Image.objects.filter(pk=second.pk).exists(), "nothing is known of its look"
    factories.validated(job, Level.SLOW)
    run_all()
    assert not Image.objects.filter(pk=second.pk).exists()
    assert OptOut.objects.get(pk=other.pk).removed_images == 1
    sound(job)


def test_images_of_a_chunk_at_work_go_when_it_has_ended(project: Project) -> None:
    job = factories.started_job(project)
    image = factories.image(job)
    (task,) = factories.tasks_of(job)
    context = factories.report(task, images=1, outcomes={"stored": 1})
    add_opt_out(kind="sha256", value=image.sha256)
    removal = run_task(Task.objects.get(type_name=REMOVE))
    assert (removal.status, removal.run_after is not None or removal.due_at is not None) == ("pending", True)
    assert Image.objects.filter(pk=image.pk).exists()
    settle([Settlement(task_id=task.pk, attempt=context.task.attempt, status=State.COMPLETED, result={})])
    assert run_task(removal).status == "completed"
    assert not Image.objects.filter(pk=image.pk).exists()
    assert fresh(job).outcomes == {"opted_out": 1}
    sound(job)


def test_what_is_taken_off_the_list_may_come_back(project: Project, web: PictureServer) -> None:
    job = crawled(project, web)
    entry = add_opt_out(kind="url", value=web.urls[0])
    run_all()
    remove_opt_out(OptOut.objects.get(pk=entry.pk))
    assert not OptOut.objects.exists()
    assert AuditEntry.objects.get(action="opt_out.removed").detail["files"] == 1
    start_refetch(fresh(job), FailureFilter(outcomes=("opted_out",)), None)
    run_all()
    assert fresh(job).outcomes == {"stored": 40}
    sound(job)


def test_lines_are_imported_once_and_faults_are_named() -> None:
    lines = [
        "# what owners asked for",
        "",
        "pictures.example  asked by its owner",
        "domain PICTURES.example",
        "https://other.example/a.jpg",
        "a" * 64,
        "look_alike 00ff00ff00ff00ff a face",
        "sha256 abc",
        "not a domain/",
    ]
    done = import_opt_outs(lines, reason="list of May")
    assert (done.added, done.known) == (4, 1)
    assert [fault.partition(":")[0] for fault in done.faults] == ["line 8", "line 9"]
    assert {(entry.kind, entry.reason) for entry in opt_outs()} == {
        ("domain", "asked by its owner"),
        ("url", "list of May"),
        ("sha256", "list of May"),
        ("look_alike", "a face"),
    }
    assert Task.objects.filter(type_name=REMOVE).count() == 1


def test_the_same_entry_is_there_once() -> None:
    add_opt_out(kind="domain", value="pictures.example")
    with pytest.raises(Conflict, match="already"):
        add_opt_out(kind="domain", value="Pictures.Example.")


@pytest.mark.parametrize(
    ("kind", "value", "kept"),
    [
        ("domain", "*.Bücher.example", "xn--bcher-kva.example"),
        ("url", "HTTP://Pictures.Example/A.jpg#x", "http://pictures.example/A.jpg"),
        ("url", "http://pictures.example", "http://pictures.example/"),
        ("url", "http://pictures.example?a=1", "http://pictures.example/?a=1"),
        ("sha256", "AB" * 32, "ab" * 32),
        ("look_alike", "00FF00FF00FF00FF", "00ff00ff00ff00ff"),
    ],
)
def test_values_are_kept_in_one_spelling(kind: str, value: str, kept: str) -> None:
    assert normalised(kind, value) == kept


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("domain", "http://pictures.example"),
        ("domain", "pictures.example/a"),
        ("domain", "pictures.example:80"),
        ("domain", "com"),
        ("domain", ""),
        ("url", "pictures.example/a.jpg"),
        ("url", "ftp://pictures.example/a.jpg"),
        ("sha256", "ab"),
        ("look_alike", "xyz"),
        ("face", "a"),
    ],
)
def test_values_of_another_kind_are_refused(kind: str, value: str) -> None:
    with pytest.raises(InvalidInput):
        normalised(kind, value)


def test_a_distance_is_for_look_alikes_and_bounded() -> None:
    for kind, value, distance in (("domain", "a.example", 1), ("look_alike", "0" * 16, 17)):
        with pytest.raises(InvalidInput, match="distance"):
            add_opt_out(kind=kind, value=value, distance=distance)
    entry = OptOut(kind="look_alike", value="8000000000000001", distance=1)
    assert looks_like(entry, -(1 << 63) + 1) and looks_like(entry, 1) and not looks_like(entry, 6)
    assert (kind_of("a.example"), kind_of("http://a.example/"), kind_of("0" * 64)) == ("domain", "url", "sha256")
