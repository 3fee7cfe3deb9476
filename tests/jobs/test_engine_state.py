"""One worker's refusal is every worker's pause; a source that is away is probed by one worker, and comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from jobs.engines import Candidate, EngineError, EngineUnavailable, Page, Query, Web, engines
from jobs.engines.quota import Quota, quota_of
from jobs.models import CrawlJob, EngineState, Project
from jobs.services import engine_state
from jobs.services.crawl_jobs import create_job, start_job
from jobs.services.engine_state import Condition, Gate, gate, standing_of
from pixtasks.accounts.models import AuditEntry, User
from pixtasks.common.sql import database_now
from tasktypes.models import Bucket, Task
from tasktypes.services.pick import pick
from tests.ledger import run_all, run_task
from tests.picture_server import PictureServer

Answers = Callable[[int], Page]


class NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Source:
    """An engine that answers its n-th question as the test says."""

    name = "source"
    description = "What the test says."
    rate_limited = True
    Options: type[BaseModel] = NoOptions

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[str | None] = []

    def missing(self) -> list[str]:
        return []

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        self.asked.append(cursor)
        return self.answers(len(self.asked))


@pytest.fixture
def source(settings: Any) -> Iterator[Callable[[Answers], Source]]:
    settings.PIXTASKS_RATE_LIMITS = {"engine:*": "100/60"}
    opened = []

    def make(answers: Answers) -> Source:
        made = Source(answers)
        context = engines.temporarily(made)
        context.__enter__()
        opened.append(context)
        return made

    yield make
    for context in opened:
        context.__exit__(None, None, None)


def started(project: Project, *keywords: str) -> list[Task]:
    job = create_job(project=project, name="crawl", keywords=keywords or ("fox",), engines=["source"], max_images=50)
    start_job(job)
    return list(Task.objects.filter(group=CrawlJob.objects.get(pk=job.pk).group).order_by("pk"))


def state() -> EngineState:
    return EngineState.objects.get(pk="source")


def condition() -> Condition:
    return standing_of(EngineState.objects.filter(pk="source").first(), database_now()).condition


def let_pass(**columns: timedelta) -> None:
    """Let times be over that the row and its bucket name."""
    now = database_now()
    EngineState.objects.update(**{name: now - timedelta(seconds=1) for name in columns or {"retry_at": 0}})
    Bucket.objects.update(next_at=None, paused_until=None)
    Task.objects.filter(status="pending").update(due_at=now - timedelta(seconds=1))


def pictures(web: PictureServer, start: int, end: int) -> tuple[Candidate, ...]:
    return tuple(Candidate(url) for url in web.urls[start:end])


def waiting() -> int:
    return len(pick(100))


def test_a_source_that_asks_to_wait_is_asked_by_nobody_before(
    project: Project, web: PictureServer, source: Any
) -> None:
    def answers(number: int) -> Page:
        if number == 1:
            return Page(pictures(web, 0, 5), "1", wait=120.0)
        return Page(pictures(web, 5, 10), None)

    made = source(answers)
    first, second = started(project, "fox", "owl")
    first = run_task(first)
    assert (first.status, first.retries, first.progress["images"]) == ("pending", 0, 5)
    assert 100 < (first.due_at - database_now()).total_seconds() <= 120
    assert "source asked to wait" in first.error_message
    assert condition() == Condition.PAUSED
    assert waiting() == 0, "the chunk behind it is not even handed out"
    run_task(second)
    assert made.asked == [None]
    let_pass(paused_until=timedelta())
    run_all()
    assert made.asked == [None, "1", None]


def test_a_refusal_with_a_time_costs_no_retry_and_one_without_does(project: Project, source: Any) -> None:
    def answers(number: int) -> Page:
        raise EngineUnavailable("source: too many requests", retry_after=90.0 if number == 1 else None)

    source(answers)
    (task,) = started(project)
    task = run_task(task)
    assert (task.status, task.retries) == ("pending", 0)
    assert state().consecutive_failures == 1
    let_pass(paused_until=timedelta())
    task = run_task(task)
    assert (task.status, task.retries) == ("pending", 1)


def test_short_waits_are_waited_inside_the_attempt(project: Project, web: PictureServer, source: Any) -> None:
    made = source(
        lambda number: Page(pictures(web, number * 5, number * 5 + 5), "n" if number < 3 else None, wait=0.05)
    )
    (task,) = started(project)
    task = run_task(task)
    assert (task.status, task.attempt, task.progress["images"], len(made.asked)) == ("completed", 1, 15, 3)


def test_so_many_failures_in_a_row_open_the_breaker_and_one_answer_closes_it(
    project: Project, web: PictureServer, source: Any, settings: Any
) -> None:
    settings.PIXTASKS_ENGINE_FAILURES = 3
    healthy = False

    def answers(number: int) -> Page:
        if healthy:
            return Page(pictures(web, 0, 3), None)
        raise EngineUnavailable("source answered with status 503.")

    made = source(answers)
    tasks = started(project, *(f"keyword {number}" for number in range(6)))
    for task in tasks[:3]:
        run_task(task)
    assert (condition(), state().openings, len(made.asked)) == (Condition.OPEN, 1, 3)
    assert waiting() == 0
    assert run_task(tasks[3]).retries == 0, "it is not asked, and that costs nothing"
    assert len(made.asked) == 3

    let_pass()
    assert condition() == Condition.HALF_OPEN
    run_task(tasks[3])
    assert (condition(), state().openings, len(made.asked)) == (Condition.OPEN, 2, 4)
    first, second = (engine_state.open_for(number) for number in (1, 2))
    assert second == 2 * first

    healthy = True
    let_pass()
    done = run_task(tasks[4])
    assert (done.status, condition(), state().consecutive_failures) == ("completed", Condition.CLOSED, 0)
    assert Bucket.objects.get(pk="engine:source").paused_until is None


def test_exactly_one_worker_probes(db: None) -> None:
    now = database_now()
    EngineState.objects.create(
        name="source", opened_at=now, openings=1, consecutive_failures=5, retry_at=now - timedelta(seconds=1)
    )
    gates = [gate("source") for _ in range(4)]
    assert [one.probe for one in gates] == [True, False, False, False]
    assert [one.seconds > 0 for one in gates] == [False, True, True, True]
    EngineState.objects.update(probe_until=database_now() - timedelta(seconds=1))
    assert gate("source").probe, "a prober that was killed leaves its place"


def test_an_answer_asked_for_before_the_breaker_opened_does_not_close_it(db: None, settings: Any) -> None:
    settings.PIXTASKS_ENGINE_FAILURES = 2
    early = gate("source")
    for _ in range(2):
        engine_state.failed(gate("source"), "away")
    engine_state.answered(early)
    assert condition() == Condition.OPEN


def test_an_error_that_will_not_pass_is_shown_and_opens_nothing(project: Project, source: Any, settings: Any) -> None:
    settings.PIXTASKS_ENGINE_FAILURES = 1

    def answers(number: int) -> Page:
        raise EngineError("source refused the request for 'a private word' (status 401). Check SOURCE_KEY.")

    source(answers)
    (task,) = started(project, "a private word")
    assert run_task(task).status == "failed"
    row = state()
    assert (condition(), row.consecutive_failures) == (Condition.CLOSED, 0)
    assert row.last_error == "source refused the request for '…' (status 401). Check SOURCE_KEY."


def test_keys_are_taken_out_of_what_is_kept(source: Any, db: None, settings: Any) -> None:
    made = source(lambda number: Page((), None))
    made.settings = ("SOURCE_KEY",)
    settings.SOURCE_KEY = "s3cr3t/key"
    engine_state.refused(Gate("source"), "no such key: s3cr3t/key, or s3cr3t%2Fkey")
    assert state().last_error == "no such key: [key], or [key]"


def test_an_operator_pauses_an_engine_and_resumes_it(
    project: Project, web: PictureServer, source: Any, ann: User
) -> None:
    made = source(lambda number: Page(pictures(web, 0, 5), None))
    engine_state.pause_engine("source", reason="we talk to them", actor=ann)
    (task,) = started(project)
    assert waiting() == 0
    held = run_task(task)
    assert (held.status, held.retries, made.asked) == ("pending", 0, [])
    assert "we talk to them" in gate("source").reason
    engine_state.resume_engine("source", actor=ann)
    assert waiting() == 1, "what was put off may run at once"
    assert run_task(task).status == "completed"
    entries = AuditEntry.objects.filter(object_type="engine").order_by("pk")
    assert [(one.action, one.actor, one.object_id) for one in entries] == [
        ("engine.paused", ann, "source"), ("engine.resumed", ann, "source"),
    ]  # fmt: skip


def test_a_pause_ends_by_itself_where_a_time_was_given(db: None) -> None:
    engine_state.pause_engine("source", seconds=60)
    assert 50 < gate("source").seconds <= 60
    EngineState.objects.update(held_until=database_now() - timedelta(seconds=1))
    assert gate("source").seconds == 0


def test_an_engine_without_a_limit_is_paused_all_the_same(
    project: Project, web: PictureServer, source: Any, settings: Any
) -> None:
    settings.PIXTASKS_RATE_LIMITS = {"engine:*": "0/60"}
    source(lambda number: Page(pictures(web, 0, 5), None))
    engine_state.pause_engine("source")
    started(project)
    assert waiting() == 0
    engine_state.resume_engine("source")
    assert waiting() == 1


def test_a_healthy_source_costs_one_write_a_minute(db: None, django_assert_num_queries: Any) -> None:
    engine_state.answered(gate("source"))
    passed = gate("source")
    with django_assert_num_queries(1):  # The database's clock.
        engine_state.answered(passed)


def test_the_quota_is_kept_as_the_headers_told_it(db: None) -> None:
    told = quota_of({"x-ratelimit-limit": "1, 15000", "x-ratelimit-remaining": "1, 0", "x-ratelimit-reset": "1, 3600"})
    assert told == Quota(15000, 0, 3600)
    assert quota_of({"x-ratelimit-limit-burst": "20/min", "x-ratelimit-available-burst": "7"}) == Quota(20, 7, None)
    assert quota_of({"x-ratelimit-remaining": "9", "x-ratelimit-reset": "2000000100"}, now=2_000_000_000) == Quota(
        None, 9, 100
    )
    assert quota_of({"content-type": "text/html", "x-ratelimit-remaining": "many"}) is None
    engine_state.answered(gate("source"), quota=told)
    row = state()
    assert (row.quota_limit, row.quota_remaining) == (15000, 0)
    assert 3500 < (row.quota_reset_at - database_now()).total_seconds() <= 3600
