"""The option ``rebalance``: what dry chunks cannot bring is asked of productive ones, exactly once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from jobs.engines import Candidate, Engine, EngineError, Page, Query, Web, engines
from jobs.models import BudgetMove, Chunk, CrawlJob, FetchFailure, Image, Project
from jobs.services.crawl_jobs import cancel_job, create_job, retry_job, start_job
from jobs.services.failures import FailureFilter
from jobs.services.job_facts import chunk_grid
from jobs.services.job_log import job_log
from jobs.services.progress import job_progress
from jobs.services.recount import job_mismatches
from jobs.services.refetch import start_refetch
from jobs.services.refetch_plan import plan_refetch
from pixtasks.common.errors import RuleViolation
from pixtasks.common.sql import database_now
from tasktypes.models import Task, TaskEvent, TaskGroup
from tasktypes.services import execute
from tasktypes.services.audit import counter_mismatches
from tasktypes.services.cancel import cancel_task
from tasktypes.services.context import LeasedContext
from tasktypes.services.recount import tally_mismatches
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.sweep import sweep_lost
from tests.ledger import run_all, run_task
from tests.picture_server import PictureServer

PAGE = 4
Supply = Mapping[str, list[str]]
"""What an engine has, by keyword: addresses."""


class Killed(BaseException):
    """Stands for a process that is gone: nothing catches it and nothing is settled."""


@pytest.fixture(autouse=True)
def _one_task_for_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "DRAIN_SECONDS", 0.0)


def engine_with(engine_name: str, supply: Supply, asked: list[tuple[str, str, str | None]]) -> Engine:
    """An engine that gives what it has by pages of four, and writes down what it is asked."""

    class Listed:
        name = engine_name
        description = "Gives what the test says."
        rate_limited = False
        Options = engines["sample"].Options

        def missing(self) -> list[str]:
            return []

        def search(self, query: Query, cursor: str | None, web: Web) -> Page:
            asked.append((engine_name, query.keyword, cursor))
            urls = supply.get(query.keyword)
            if urls is None:
                raise EngineError("It has been closed.")
            start = int(cursor or 0)
            shown = tuple(Candidate(url) for url in urls[start : start + PAGE])
            return Page(shown, str(start + PAGE) if start + PAGE < len(urls) else None)

    return Listed()


@contextmanager
def engines_with(**supplies: Supply) -> Iterator[list[tuple[str, str, str | None]]]:
    asked: list[tuple[str, str, str | None]] = []
    with ExitStack() as stack:
        for name, supply in supplies.items():
            stack.enter_context(engines.temporarily(engine_with(name, supply, asked)))
        yield asked


def new_job(project: Project, names: list[str], keywords: tuple[str, ...] = ("fox",), **fields: Any) -> CrawlJob:
    return create_job(
        project=project,
        name="x",
        keywords=keywords,
        engines=names,
        **{"max_images": 10, "rebalance": True, **fields},
    )


def fresh(job: CrawlJob) -> CrawlJob:
    return CrawlJob.objects.with_group().get(pk=job.pk)


def chunks_of(job: CrawlJob) -> dict[tuple[str, str], tuple[int | None, int]]:
    """Target and images of each chunk."""
    stored = {chunk.pk: Image.objects.filter(chunk=chunk).count() for chunk in Chunk.objects.filter(job=job)}
    return {(chunk.keyword, chunk.engine): (chunk.target, stored[chunk.pk]) for chunk in Chunk.objects.filter(job=job)}


def moves() -> list[tuple[str, str, int]]:
    rows = BudgetMove.objects.select_related("giver", "taker").order_by("pk")
    return [(str(move.giver), str(move.taker), move.images) for move in rows]


def sound(job: CrawlJob) -> None:
    """Hold every counter against its rows, and the budget against what was asked for."""
    assert list(job_mismatches(days=None)) == []
    assert counter_mismatches() == []
    assert tally_mismatches() == []
    wanted = job.max_images * job.total_chunks
    assert sum(target or 0 for target, _ in chunks_of(job).values()) == wanted
    assert all((target or 0) >= images for target, images in chunks_of(job).values())
    assert Image.objects.filter(job=job).count() <= wanted


def task_of(job: CrawlJob, engine: str, keyword: str = "fox") -> Task:
    return Task.objects.get(chunks__job=job, chunks__engine=engine, chunks__keyword=keyword)


def test_the_other_engine_takes_the_share_of_a_dry_one(project: Project, web: PictureServer) -> None:
    with engines_with(dry={"fox": web.urls[:3]}, rich={"fox": web.urls[3:]}):
        job = new_job(project, ["dry", "rich"])
        start_job(job)
        run_all()
    job = fresh(job)
    assert (job.status, job.images) == ("completed", 20)
    assert chunks_of(job) == {("fox", "dry"): (3, 3), ("fox", "rich"): (17, 17)}
    assert moves() == [("fox × dry", "fox × rich", 7)]
    assert Task.objects.get(pk=task_of(job, "rich").pk).attempt == 1
    sound(job)


def test_a_finished_chunk_goes_on_from_where_it_stopped(project: Project, web: PictureServer) -> None:
    with engines_with(rich={"fox": web.urls[3:]}, dry={"fox": web.urls[:3]}) as asked:
        job = new_job(project, ["rich", "dry"])
        start_job(job)
        run_task(task_of(job, "rich"))
        assert task_of(job, "rich").status == "completed"
        assert job_progress(fresh(job)).progress == 50
        run_task(task_of(job, "dry"))
        rich = task_of(job, "rich")
        assert (rich.status, rich.result) == ("pending", None)
        progress = job_progress(fresh(job))
        # One of two chunks, and 10 of the 17 images of the other.
        assert (progress.status, progress.progress, progress.downloaded_images) == ("running", 79, 13)
        run_all()
    # Ten images end in the third page: that is asked for again, none before it.
    assert asked == [
        ("rich", "fox", None), ("rich", "fox", "4"), ("rich", "fox", "8"), ("dry", "fox", None), ("rich", "fox", "8"),
        ("rich", "fox", "12"), ("rich", "fox", "16"),
    ]  # fmt: skip
    job = fresh(job)
    assert (job.status, job.images, job.outcomes) == ("completed", 20, {"stored": 20})
    told = TaskEvent.objects.filter(task=rich).exclude(type="progress").order_by("seq").values_list("type", flat=True)
    assert list(told) == ["submitted", "started", "completed", "reopened", "started", "completed"]
    sound(job)


def test_a_running_chunk_notices_what_it_is_asked_for_now(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = LeasedContext.store
    with engines_with(rich={"fox": web.urls[3:]}, dry={"fox": web.urls[:3]}):
        job = new_job(project, ["rich", "dry"])
        start_job(job)
        rich, dry = task_of(job, "rich"), task_of(job, "dry")

        def store_and_run_the_other(self: LeasedContext, write: Callable[[], Any]) -> None:
            whole(self, write)
            if self.task.id == rich.pk and Task.objects.filter(pk=dry.pk, status="pending").exists():
                run_task(dry)

        monkeypatch.setattr(LeasedContext, "store", store_and_run_the_other)
        run_task(rich)
    assert Task.objects.get(pk=rich.pk).attempt == 1
    assert chunks_of(job) == {("fox", "dry"): (3, 3), ("fox", "rich"): (17, 17)}
    assert fresh(job).images == 20
    sound(job)


def test_what_comes_after_the_last_look_is_not_lost(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = execute.settle_patiently
    with engines_with(rich={"fox": web.urls[3:]}, dry={"fox": web.urls[:3]}):
        job = new_job(project, ["rich", "dry"])
        start_job(job)
        rich, dry = task_of(job, "rich"), task_of(job, "dry")

        def settle_after_the_other(settlements: Any) -> set[int]:
            if any(one.task_id == rich.pk for one in settlements) and dry.status == "pending":
                run_task(dry)
            return whole(settlements)

        monkeypatch.setattr(execute, "settle_patiently", settle_after_the_other)
        run_task(rich)
        assert chunks_of(job)[("fox", "rich")] == (17, 10)
        run_all()
    assert moves() == [("fox × dry", "fox × rich", 7)]
    assert chunks_of(job) == {("fox", "dry"): (3, 3), ("fox", "rich"): (17, 17)}
    assert (fresh(job).status, fresh(job).images) == ("completed", 20)
    sound(job)


@pytest.mark.parametrize("finished", [False, True])
def test_a_kill_at_the_end_of_a_dry_chunk_moves_its_budget_once(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch, finished: bool
) -> None:
    class Manager:
        @staticmethod
        def create(**fields: Any) -> None:
            raise Killed

    with engines_with(dry={"fox": web.urls[:3]}, rich={"fox": web.urls[3:]}):
        job = new_job(project, ["dry", "rich"])
        start_job(job)
        if finished:
            run_task(task_of(job, "rich"))
        before = Task.objects.values_list("pk", "status", "attempt").order_by("pk")
        dry = task_of(job, "dry")
        with monkeypatch.context() as patch:
            patch.setattr(BudgetMove, "objects", Manager)
            with pytest.raises(Killed):
                run_task(dry)
        # All of the end is taken back: the task still runs, under a lease that nobody renews.
        assert (dry.pk, "running", 1) in before
        assert chunks_of(job)[("fox", "dry")] == (10, 3)
        assert not BudgetMove.objects.exists()
        Task.objects.filter(pk=dry.pk).update(lease_expires_at=database_now() - timedelta(seconds=1))
        sweep_lost()
        Task.objects.filter(status="pending").update(due_at=database_now() - timedelta(seconds=1))
        run_all()
        # The message comes again.
        for attempt in (0, 1, 2):
            assert not execute.run_message(dry.type_name, dry.pk, attempt, worker="tests", carrier="again")
    assert moves() == [("fox × dry", "fox × rich", 7)]
    assert (fresh(job).status, fresh(job).images) == ("completed", 20)
    sound(job)


def test_a_failed_chunk_and_a_cancelled_one_give_theirs_too(project: Project, web: PictureServer) -> None:
    with engines_with(closed={}, slow={"fox": web.urls[:20]}, rich={"fox": web.urls[3:]}):
        job = new_job(project, ["closed", "slow", "rich"], max_images=5)
        start_job(job)
        cancel_task(task_of(job, "slow").pk)
        run_all()
    assert moves() == [("fox × slow", "fox × closed", 5), ("fox × closed", "fox × rich", 10)]
    assert chunks_of(job) == {("fox", "closed"): (0, 0), ("fox", "slow"): (0, 0), ("fox", "rich"): (15, 15)}
    sound(job)


def test_the_same_keyword_comes_first_and_then_whoever_is_asked_for_the_least(
    project: Project, web: PictureServer
) -> None:
    urls = web.urls
    with engines_with(
        dry={"fox": [], "owl": []}, rich={"fox": urls[:5], "owl": urls[5:30]}, third={"fox": urls[30:33], "owl": []}
    ):
        job = new_job(project, ["dry", "rich", "third"], ("fox", "owl"), max_images=4)
        start_job(job)
        run_all()
    assert moves()[:1] == [("fox × dry", "fox × rich", 4)]
    job = fresh(job)
    # Five and three foxes, and of the owls all that is left of 24.
    assert job.images == 24
    assert {key: images for key, (_, images) in chunks_of(job).items() if images} == {
        ("fox", "rich"): 5, ("fox", "third"): 3, ("owl", "rich"): 16,
    }  # fmt: skip
    sound(job)


def test_where_all_are_dry_the_job_ends(project: Project, web: PictureServer) -> None:
    with engines_with(one={"fox": web.urls[:3]}, two={"fox": web.urls[3:8]}):
        job = new_job(project, ["one", "two"])
        start_job(job)
        run_all()
    assert (fresh(job).status, fresh(job).images) == ("completed", 8)
    assert moves() == [("fox × one", "fox × two", 7)]
    assert chunks_of(job) == {("fox", "one"): (3, 3), ("fox", "two"): (17, 5)}
    sound(job)


def test_without_the_option_nothing_moves(project: Project, web: PictureServer) -> None:
    with engines_with(dry={"fox": web.urls[:3]}, rich={"fox": web.urls[3:]}):
        job = new_job(project, ["dry", "rich"], rebalance=False)
        start_job(job)
        run_all()
    assert fresh(job).images == 13
    assert chunks_of(job) == {("fox", "dry"): (None, 3), ("fox", "rich"): (None, 10)}
    assert moves() == []


def test_a_cancelled_job_moves_nothing_and_a_retry_begins_with_what_each_was_asked_for(
    project: Project, web: PictureServer
) -> None:
    with engines_with(dry={"fox": web.urls[:3]}, rich={"fox": web.urls[3:]}):
        job = new_job(project, ["dry", "rich"])
        start_job(job)
        cancel_job(job)
        assert moves() == []
        assert retry_job(fresh(job)) == 2
        run_all()
    assert (fresh(job).status, fresh(job).images) == ("completed", 20)
    sound(job)


def test_a_retried_chunk_takes_what_others_could_not_bring_and_no_more(project: Project, web: PictureServer) -> None:
    supply: dict[str, list[str]] = {}
    with engines_with(closed=supply, poor={"fox": web.urls[:12]}):
        job = new_job(project, ["closed", "poor"])
        start_job(job)
        run_all()
        assert chunks_of(job) == {("fox", "closed"): (0, 0), ("fox", "poor"): (20, 12)}
        supply["fox"] = web.urls[12:]
        assert retry_job(fresh(job)) == 1
        run_all()
    assert moves() == [("fox × closed", "fox × poor", 10), ("fox × poor", "fox × closed", 8)]
    assert (fresh(job).images, chunks_of(job)[("fox", "closed")]) == (20, (8, 8))
    sound(job)


def test_failures_of_a_chunk_that_gave_its_budget_may_be_tried_again(project: Project, web: PictureServer) -> None:
    taken = {path: web.pictures.pop(path) for path in list(web.pictures)[:4]}
    with engines_with(dry={"fox": web.urls[:3] + [f"{web.root}{path}" for path in taken]}, poor={"fox": web.urls[3:8]}):
        job = new_job(project, ["dry", "poor"], max_images=8)
        start_job(job)
        run_all()
    assert chunks_of(job) == {("fox", "dry"): (3, 3), ("fox", "poor"): (13, 5)}
    web.pictures |= taken
    wanted = FailureFilter(outcomes=("http_404",))
    assert plan_refetch(fresh(job), wanted).candidates == 4
    start_refetch(fresh(job), wanted, None)
    run_all()
    assert chunks_of(job) == {("fox", "dry"): (7, 7), ("fox", "poor"): (9, 5)}
    assert moves()[1:] == [("fox × poor", "fox × dry", 4)]
    assert not FetchFailure.objects.filter(outcome="http_404").exists()
    sound(job)


def test_failures_of_a_job_that_has_all_its_images_stay(project: Project, web: PictureServer) -> None:
    gone = [f"{web.root}/gone.jpg"]
    with engines_with(dry={"fox": web.urls[:3] + gone}, rich={"fox": web.urls[3:]}):
        job = new_job(project, ["dry", "rich"])
        start_job(job)
        run_all()
    with pytest.raises(RuleViolation, match="has the images that it was asked for"):
        start_refetch(fresh(job), FailureFilter(outcomes=("http_404",)), None)
    sound(job)


def test_a_finished_chunk_that_another_task_waited_for_stays_finished(project: Project, web: PictureServer) -> None:
    with engines_with(rich={"fox": web.urls[3:]}, dry={"fox": web.urls[:3]}):
        job = new_job(project, ["rich", "dry"])
        start_job(job)
        rich = task_of(job, "rich")
        submit([NewTask(type_name="jobs.sweep_files", depends_on=[rich.pk])], owner_id=project.owner_id)
        run_all()
    assert moves() == []
    assert (fresh(job).status, fresh(job).images) == ("completed", 13)
    sound(job)


def test_people_see_what_moved(project: Project, web: PictureServer) -> None:
    with engines_with(dry={"fox": web.urls[:3]}, rich={"fox": web.urls[3:]}):
        job = new_job(project, ["dry", "rich"])
        start_job(job)
        run_all()
    job = fresh(job)
    line = next(line for line in job_log(job).lines if line.title == "Budget moved")
    assert (line.text, line.task_id) == ("7 images from fox × dry to fox × rich", task_of(job, "rich").pk)
    first = job_log(job, limit=2)
    older = job_log(job, before=first.older)
    assert [line.title for line in (*first.lines, *older.lines)].count("Budget moved") == 1
    (_, cells), *_ = chunk_grid(job).rows
    assert [cell.tip for cell in cells] == [
        "fox × dry: completed, 3 images of 3 (at first 10), 0 duplicates, 0 failed",
        "fox × rich: completed, 17 images of 17 (at first 10), 0 duplicates, 0 failed",
    ]
    assert TaskGroup.objects.get(pk=job.group_id).total == 2
