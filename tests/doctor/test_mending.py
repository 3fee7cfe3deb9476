"""``manage.py doctor --fix``: what it mends, and that mending loses and counts nothing twice."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from jobs.models import Chunk, CrawlJob, Image
from jobs.services.recount import recount_job
from jobs.services.validation import Level
from pixtasks.accounts.models import AuditEntry
from tasktypes.handlers import group_hooks
from tasktypes.models import TallyDelta, Task, TaskGroup
from tasktypes.services import tally
from tasktypes.services.claim import claim
from tasktypes.services.recount import recount_group, recount_tally, tally_mismatches
from tasktypes.services.retry import reopen
from tasktypes.services.settle import Settlement, settle
from tasktypes.services.submit import NewTask, create_group, submit
from tasktypes.states import State
from tests import factories
from tests.doctor.conftest import doctor

pytestmark = pytest.mark.django_db


def file_of(image: Image) -> Path:
    return Path(storages["images"].path(image.key))


@pytest.mark.usefixtures("served")
def test_tasks_of_lost_workers_are_taken_back() -> None:
    task = submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=None)[0]
    assert claim(task.pk, 0, worker="gone", carrier="x") is not None
    assert doctor().faults == {}
    Task.objects.filter(pk=task.pk).update(lease_expires_at=Now() - timedelta(minutes=5))
    assert doctor().faults == {"leases": "error"}
    mended = doctor("--fix")
    assert mended.code == 0
    assert mended.of("leases")["mended"] == ["1 task of lost workers was taken back."]
    task.refresh_from_db()
    assert (task.status, task.crashes, task.retries) == (State.PENDING, 1, 0)


def test_the_counters_of_a_group_are_counted_again() -> None:
    job = factories.started_job(keywords=["one", "two", "three"])
    first = factories.tasks_of(job)[0]
    factories.end(first)
    TaskGroup.objects.filter(pk=job.group_id).update(total=5, failed=2, completed=0)
    assert doctor("--at-rest").faults == {"groups": "error"}
    mended = doctor("--at-rest", "--fix")
    assert mended.code == 0
    assert len(mended.of("groups")["mended"]) == 1
    group = TaskGroup.objects.get(pk=job.group_id)
    assert (group.total, group.completed, group.failed, group.cancelled, group.settled_at) == (3, 1, 0, 0, None)
    assert AuditEntry.objects.filter(action="group.recounted", object_id=str(group.pk)).count() == 1


def test_a_group_that_counted_too_little_settles_once_and_one_that_counted_too_much_is_open_again() -> None:
    heard: list[int] = []

    class Hook:
        name = "tests.recounted"

        def on_settled(self, group_id: int) -> None:
            heard.append(group_id)

    with group_hooks.temporarily(Hook()):
        group = create_group("tests.recounted")
        one, two = submit([NewTask(type_name="tasktypes.housekeeping")] * 2, owner_id=None, group=group)
        factories.end(one)
        TaskGroup.objects.filter(pk=group.pk).update(completed=0)
        factories.end(two)
        assert heard == []
        assert recount_group(group.pk, fix=False) is not None
        assert recount_group(group.pk, fix=True) is not None
        assert heard == [group.pk]
        assert recount_group(group.pk, fix=True) is None
        group.refresh_from_db()
        assert group.settled_at is not None
        Task.objects.filter(pk=two.pk).update(status=State.PENDING)
        recount_group(group.pk, fix=True)
        group.refresh_from_db()
        assert (group.completed, group.settled_at) == (1, None)


def test_the_totals_are_brought_in_line_by_inserting() -> None:
    submit([NewTask(type_name="tasktypes.housekeeping")] * 4, owner_id=None)
    TallyDelta.objects.create(owner_id=None, type_name="tasktypes.housekeeping", status="failed", delta=7)
    TallyDelta.objects.create(owner_id=9, type_name="gone", status="pending", delta=-2)
    assert [(one.type_name, one.status, one.surplus) for one in tally_mismatches()] == [
        ("gone", "pending", -2),
        ("tasktypes.housekeeping", "failed", 7),
    ]
    rows = TallyDelta.objects.count()
    mended = doctor("--at-rest", "--fix")
    assert mended.of("tally")["mended"] == [
        "The total of gone pending was too low by 2.",
        "The total of tasktypes.housekeeping failed was too high by 7.",
    ]
    assert TallyDelta.objects.count() == rows + 2
    assert sum(tally.counts().values()) == tally.counts()[State.PENDING] == 4
    assert recount_tally() == []


def test_a_jobs_counters_are_those_of_its_image_rows_and_a_retry_takes_them_back_to_nothing(job: CrawlJob) -> None:
    CrawlJob.objects.filter(pk=job.pk).update(images=9, outcomes={"stored": 1}, valid_images=2)
    Image.objects.filter(pk=job.image_rows.first().pk).delete()
    assert doctor("--at-rest").faults == {"jobs": "error"}
    mended = doctor("--at-rest", "--fix")
    assert mended.code == 0
    assert len(mended.of("jobs")["mended"]) == 1
    job.refresh_from_db()
    assert (job.images, job.outcomes, job.valid_images) == (2, {"stored": 3}, 0)
    assert AuditEntry.objects.filter(action="crawl_job.recounted", object_id=str(job.pk)).count() == 1
    task = factories.tasks_of(job)[0]
    assert task.progress["images"] == 2
    Task.objects.filter(pk=task.pk).update(status=State.FAILED)
    TaskGroup.objects.filter(pk=job.group_id).update(failed=1, completed=0)
    reopen([task.pk])
    job.refresh_from_db()
    assert (job.images, job.outcomes) == (0, {})


def test_what_a_running_chunk_has_stored_is_no_fault() -> None:
    job = factories.started_job(keywords=["one", "two"])
    first, second = factories.tasks_of(job)
    chunks = {chunk.task_id: chunk for chunk in Chunk.objects.filter(job=job)}
    factories.image(job, chunk=chunks[first.pk])
    factories.report(first, images=1)
    factories.image(job, chunk=chunks[second.pk])
    factories.end(second, images=1, outcomes={"stored": 1})
    assert doctor("--at-rest").faults == {}
    assert recount_job(job.pk, fix=True) is None


def test_verdicts_are_counted_again() -> None:
    job = factories.job_with_images(2)
    factories.validated(job, Level.FAST)
    CrawlJob.objects.filter(pk=job.pk).update(valid_images=F("valid_images") + 1, invalid_images=5)
    assert doctor("--at-rest", "--fix").code == 0
    job.refresh_from_db()
    assert (job.valid_images, job.invalid_images) == (2, 0)


def test_missing_and_changed_files_are_errors_that_nobody_can_mend(job: CrawlJob) -> None:
    one, two, three = job.image_rows.order_by("pk")
    file_of(one).unlink()
    file_of(two).write_bytes(b"short")
    changed = bytearray(file_of(three).read_bytes())
    changed[-1] ^= 1
    file_of(three).write_bytes(changed)
    found = doctor("--at-rest", "--fix")
    assert (found.code, found.faults) == (2, {"missing_files": "error"})
    assert {fault["sha256"]: fault["fault"] for fault in found.of("missing_files")["facts"]["files"]} == {
        one.sha256: "missing",
        two.sha256: f"5 bytes instead of {two.bytes}",
    }
    deep = doctor("--at-rest", "--deep").of("missing_files")["facts"]
    assert deep["number"] == 3
    assert {"sha256": three.sha256, "fault": "other bytes than were stored"} in deep["files"]
    assert Image.objects.count() == 3


def test_old_files_without_a_row_are_swept_and_young_ones_are_left(job: CrawlJob) -> None:
    storage = storages["images"]
    names = [f"ab/cd/{digit * 64}" for digit in ("a", "b")]
    for name in names:
        storage.save(name, ContentFile(b"nobody's"))
    assert doctor("--at-rest").faults == {}
    then = time.time() - 5 * 3600
    os.utime(storage.path(names[0]), (then, then))
    for image in job.image_rows.all():
        os.utime(file_of(image), (then, then))
    found = doctor("--at-rest")
    assert found.faults == {"orphaned_files": "warning"}
    assert found.of("orphaned_files")["facts"] == {"number": 1, "bytes": 8}
    mended = doctor("--at-rest", "--fix")
    assert (mended.code, mended.of("orphaned_files")["mended"]) == (0, ["1 unused file was dropped."])
    assert [storage.exists(name) for name in names] == [False, True]
    assert all(file_of(image).exists() for image in job.image_rows.all())


def beside(work: Callable[[], object]) -> threading.Thread:
    """Run something on a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.mark.django_db(transaction=True)
def test_recounting_while_tasks_end_loses_and_doubles_no_end() -> None:
    """The recount waits for, or is waited for by, each settling; whatever the order, all are counted once."""
    group = create_group("tests.race")
    tasks = submit([NewTask(type_name="tasktypes.housekeeping")] * 30, owner_id=None, group=group)
    claims = [claim(task.pk, 0, worker="tests", carrier=f"c{task.pk}") for task in tasks]
    TaskGroup.objects.filter(pk=group.pk).update(total=40)
    TallyDelta.objects.create(owner_id=None, type_name="tasktypes.housekeeping", status="running", delta=5)
    start = threading.Barrier(3)

    def end(part: int) -> None:
        start.wait()
        for one in claims[part::2]:
            assert one is not None
            assert settle([Settlement(task_id=one.id, attempt=one.attempt, status=State.COMPLETED, result={})])

    threads = [beside(lambda part=part: end(part)) for part in (0, 1)]
    start.wait()
    while any(thread.is_alive() for thread in threads):
        recount_group(group.pk, fix=True)
        recount_tally()
    for thread in threads:
        thread.join()
    recount_group(group.pk, fix=True)
    group.refresh_from_db()
    assert (group.total, group.completed) == (30, 30)
    assert group.settled_at is not None
    assert recount_group(group.pk, fix=False) is None
    assert tally_mismatches() == []


@pytest.mark.django_db(transaction=True)
def test_a_recount_waits_for_an_end_that_is_not_yet_committed() -> None:
    group = create_group("tests.race")
    task = submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=None, group=group)[0]
    claimed = claim(task.pk, 0, worker="tests", carrier="c")
    assert claimed is not None
    TaskGroup.objects.filter(pk=group.pk).update(total=3)
    with transaction.atomic():
        settle([Settlement(task_id=task.pk, attempt=claimed.attempt, status=State.COMPLETED, result={})])
        recount = beside(lambda: recount_group(group.pk, fix=True))
        recount.join(0.2)
        assert recount.is_alive()
    recount.join(30)
    group.refresh_from_db()
    assert (group.total, group.completed) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_recounting_a_job_while_its_chunks_end_counts_each_once() -> None:
    job = factories.started_job(keywords=[f"word {number}" for number in range(16)])
    tasks = factories.tasks_of(job)
    chunks = {chunk.task_id: chunk for chunk in Chunk.objects.filter(job=job)}
    for task in tasks:
        factories.image(job, chunk=chunks[task.pk])
    CrawlJob.objects.filter(pk=job.pk).update(images=3, outcomes={"stored": 9})
    start = threading.Barrier(3)

    def end(part: int) -> None:
        start.wait()
        for task in tasks[part::2]:
            factories.end(task, images=1, outcomes={"stored": 1})

    threads = [beside(lambda part=part: end(part)) for part in (0, 1)]
    start.wait()
    while any(thread.is_alive() for thread in threads):
        recount_job(job.pk, fix=True)
    for thread in threads:
        thread.join()
    recount_job(job.pk, fix=True)
    job.refresh_from_db()
    assert (job.images, job.outcomes) == (16, {"stored": 16})
