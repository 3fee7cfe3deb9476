"""The ledger of addresses: attempts, host and the next eligible time of what failed, and runs over a part of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from jobs.models import CrawlJob, FetchFailure, Project, RefetchRun
from jobs.services.crawl_jobs import start_job
from jobs.services.failures import LONGEST_WAIT, FailureFilter, failure_summary, fill_hosts, host_of, next_eligible
from jobs.services.refetch import start_refetch
from jobs.services.refetch_plan import plan_refetch
from pixtasks.common.errors import InvalidInput, RuleViolation
from pixtasks.common.sql import database_now
from tasktypes.models import Task
from tasktypes.services.context import LeasedContext
from tasktypes.services.sweep import sweep_lost
from tests import factories
from tests.jobs.conftest import urls_job
from tests.jobs.test_refetch import Killed, fresh, only, sound
from tests.ledger import run_all
from tests.picture_server import PictureServer

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://Images.Example.com:8080/a.jpg?x=1", "images.example.com"),
        ("https://bücher.example/ä.jpg", "xn--bcher-kva.example"),
        ("http://[2001:DB8::1]/a", "[2001:db8::1]"),
        ("file:///srv/pictures/a.jpg", ""),
        ("http:///a.jpg", ""),
        ("no address", ""),
    ],
)
def test_the_host_is_read_from_the_address_as_it_is_asked(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    ("outcome", "attempts", "retry_after", "wait"),
    [
        ("timeout", 1, None, timedelta(minutes=1)),
        ("timeout", 2, None, timedelta(minutes=2)),
        ("http_503", 5, None, timedelta(minutes=16)),
        ("dns", 10_000, None, LONGEST_WAIT),
        ("http_429", 3, 7.0, timedelta(seconds=7)),
        ("http_429", 1, 1e300, LONGEST_WAIT),
        ("http_404", 1, None, None),
        ("not_an_image", 1, None, None),
        ("duplicate", 1, 7.0, None),
    ],
)
def test_when_another_attempt_is_worth_it(
    outcome: str, attempts: int, retry_after: float | None, wait: timedelta | None
) -> None:
    assert next_eligible(outcome, attempts, retry_after, NOW) == (None if wait is None else NOW + wait)


def limited(project: Project, web: PictureServer) -> CrawlJob:
    """Return an ended job of forty pictures: three cannot be had for now, two are not there, one address is private."""
    paths = list(web.pictures)
    urls = web.urls
    for path in paths[:3]:
        web.pictures.pop(path)
        web.refusals[path] = (502, {})
    for path in paths[3:5]:
        web.pictures.pop(path)
    job = urls_job(project, [*urls, "http://127.0.0.2:9/closed.jpg"])
    start_job(job)
    run_all()
    return fresh(job)


def test_a_crawl_notes_host_attempts_and_when_to_come_back(project: Project, web: PictureServer) -> None:
    job = limited(project, web)
    assert job.outcomes == {"blocked_address": 1, "http_404": 2, "http_502": 3, "stored": 35}
    rows = {(row.outcome, row.host, row.attempts) for row in FetchFailure.objects.all()}
    assert rows == {("http_502", "127.0.0.1", 1), ("http_404", "127.0.0.1", 1), ("blocked_address", "127.0.0.2", 1)}
    for row in FetchFailure.objects.filter(outcome="http_502"):
        assert row.next_eligible_at == row.created_at + timedelta(minutes=1)
    assert not FetchFailure.objects.exclude(outcome="http_502").filter(next_eligible_at__isnull=False).exists()


def test_a_server_that_asks_for_patience_is_given_it(project: Project, web: PictureServer) -> None:
    web.refusals["/limited.jpg"] = (429, {"Retry-After": "120"})
    job = urls_job(project, [f"{web.root}/limited.jpg"])
    start_job(job)
    run_all()
    row = FetchFailure.objects.get()
    assert (row.outcome, row.next_eligible_at) == ("http_429", row.created_at + timedelta(seconds=120))


def test_every_further_attempt_is_counted_and_waits_longer(project: Project, web: PictureServer) -> None:
    job = limited(project, web)
    for path in web.refusals:
        web.refusals[path] = (503, {})
    for attempts, outcomes in ((2, ("http_502",)), (3, ("http_503",)), (4, ())):
        start_refetch(job, FailureFilter(outcomes=outcomes), None)
        run_all()
        job = fresh(job)
        assert job.outcomes == {"blocked_address": 1, "http_404": 2, "http_503": 3, "stored": 35}
        for row in FetchFailure.objects.filter(outcome="http_503"):
            assert row.attempts == attempts
            assert row.next_eligible_at == row.created_at + timedelta(minutes=2 ** (attempts - 1))
        sound()


def test_what_may_not_be_tried_yet_waits_where_that_is_asked(project: Project, web: PictureServer) -> None:
    job = limited(project, web)
    wanted = FailureFilter(outcomes=("http_502", "http_404"), eligible_only=True)
    assert plan_refetch(job, wanted).candidates == 0
    with pytest.raises(RuleViolation, match=r"Nothing of that may be tried again before \d{4}-"):
        start_refetch(job, wanted, None)
    first = FetchFailure.objects.filter(outcome="http_502").earliest("pk")
    FetchFailure.objects.filter(pk=first.pk).update(next_eligible_at=timezone.now() - timedelta(seconds=1))
    assert plan_refetch(job, wanted).classes == {"http_502": 1}
    # Rows of before there was a time may be tried where their class is transient.
    FetchFailure.objects.exclude(pk=first.pk).update(next_eligible_at=None)
    assert plan_refetch(job, wanted).classes == {"http_502": 3}
    assert start_refetch(job, wanted, None).classes == {"http_502": 3}


def test_several_classes_are_one_run_whose_batches_are_of_one_class_each(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.services.refetch.BATCH", 2)
    job = limited(project, web)
    web.refusals.clear()
    started = start_refetch(job, only("http_502", "http_404"), None)
    assert started.classes == {"http_502": 3, "http_404": 2}
    assert (started.run.outcome, started.run.classes, started.run.what) == (
        "", ["http_502", "http_404"], "http_502, http_404",
    )  # fmt: skip
    batches = [
        (task.parameters["outcome"], len(task.parameters["failure_ids"]))
        for task in Task.objects.filter(public_id__in=started.task_ids).order_by("pk")
    ]
    assert batches == [("http_502", 2), ("http_502", 1), ("http_404", 2)]
    run_all()
    assert fresh(job).outcomes == {"blocked_address": 1, "http_404": 5, "stored": 35}
    sound()


def test_two_runs_are_never_at_the_same_candidate(project: Project, web: PictureServer) -> None:
    job = limited(project, web)
    first = start_refetch(job, only("http_502"), None)
    second = start_refetch(job, FailureFilter(outcomes=("http_502", "http_404"), host="127.0.0.1"), None)
    assert (first.classes, second.classes) == ({"http_502": 3}, {"http_404": 2})
    plan = plan_refetch(job, only("http_502", "http_404", "blocked_address"))
    assert (plan.classes, plan.being_tried) == ({"blocked_address": 1}, 5)
    with pytest.raises(RuleViolation, match="'http_502' are being tried again already"):
        start_refetch(job, only("http_502"), None)
    hits = dict(web.hits)
    run_all()
    assert {path: web.hits[path] - number for path, number in hits.items() if web.hits[path] > number} == {
        path: 1 for path in list(hits) if path in web.refusals or path in {"/p/3.jpg", "/p/4.jpg"}
    }
    assert RefetchRun.objects.filter(group__settled_at__isnull=False).count() == 2
    sound()


def test_a_row_that_was_tried_meanwhile_is_not_counted_twice(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = limited(project, web)
    start_refetch(job, only("http_502"), None)
    whole = LeasedContext.store

    def tried_elsewhere(self: LeasedContext, write: Callable[[], Any]) -> None:
        row = FetchFailure.objects.filter(outcome="http_502").earliest("pk")
        FetchFailure.objects.filter(pk=row.pk).update(attempts=row.attempts + 1)
        whole(self, write)

    monkeypatch.setattr(LeasedContext, "store", tried_elsewhere)
    run_all()
    assert sorted(FetchFailure.objects.filter(outcome="http_502").values_list("attempts", flat=True)) == [2, 2, 2]
    result = Task.objects.get(type_name="jobs.refetch_failures").result
    assert result is not None
    assert (result["done"], result["left"]) == (2, 1)
    sound()


def test_a_killed_run_over_several_classes_counts_each_attempt_once(
    project: Project, web: PictureServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = limited(project, web)
    start_refetch(job, only("http_502", "http_404"), None)
    whole = LeasedContext.store

    def store_and_die(self: LeasedContext, write: Callable[[], Any]) -> None:
        monkeypatch.setattr(LeasedContext, "store", whole)
        whole(self, write)
        raise Killed

    monkeypatch.setattr(LeasedContext, "store", store_and_die)
    with pytest.raises(Killed):
        run_all()
    sound()
    Task.objects.filter(status="running").update(lease_expires_at=database_now() - timedelta(seconds=1))
    sweep_lost()
    Task.objects.filter(status="pending").update(due_at=database_now() - timedelta(seconds=1))
    run_all()
    attempts = dict(FetchFailure.objects.values_list("url", "attempts"))
    assert sorted(attempts.values()) == [1, 2, 2, 2, 2, 2]
    assert fresh(job).outcomes == job.outcomes
    sound()


@pytest.mark.django_db
class TestChoosing:
    def test_a_host_and_a_while_choose_among_the_failures(self) -> None:
        job = factories.started_job(keywords=["one", "two"])
        for minute, host in ((0, "a.example"), (4, "a.example"), (10, "b.example"), (30, "a.example")):
            moment = NOW + timedelta(minutes=minute)
            factories.failure(job, "timeout", url=f"http://{host}/{minute}.jpg", created_at=moment)
        factories.failure(job, "duplicate", url="http://a.example/twice.jpg", created_at=NOW)
        factories.failure(factories.started_job(), "timeout")

        def ranks(**fields: Any) -> int:
            return FailureFilter(**fields).of(job).count()

        start, end = NOW + timedelta(minutes=4), NOW + timedelta(minutes=30)
        assert ranks() == 5
        assert ranks(host="A.Example") == 4
        assert ranks(failed_from=start, failed_until=end) == 2
        assert ranks(failed_from=start, failed_until=end, host="b.example") == 1
        assert ranks(outcomes=("timeout",), failed_until=start) == 1
        assert ranks(keyword="two") == 0
        with pytest.raises(InvalidInput, match="failed_until"):
            FailureFilter(failed_from=start, failed_until=start).check()

    def test_the_summary_counts_by_class_and_by_host(self) -> None:
        job = factories.started_job()
        now = timezone.now()
        later = now + timedelta(minutes=5)
        for outcome, host, at in (
            ("timeout", "a.example", later), ("timeout", "a.example", now), ("timeout", "b.example", None),
            ("http_404", "b.example", None), ("duplicate", "b.example", None),
        ):  # fmt: skip
            factories.failure(job, outcome, url=f"http://{host}/x.jpg", next_eligible_at=at)
        found = failure_summary(job)
        assert (found.failures, found.eligible, found.next_eligible_at) == (4, 2, later)
        assert [(one.name, one.failures, one.eligible, one.next_eligible_at) for one in found.classes] == [
            ("timeout", 3, 2, later), ("http_404", 1, 0, None),
        ]  # fmt: skip
        assert [(one.name, one.failures, one.eligible) for one in found.hosts] == [
            ("a.example", 2, 1), ("b.example", 2, 1),
        ]  # fmt: skip

    def test_the_sweep_reads_the_hosts_of_older_rows(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("jobs.services.failures._AT_A_TIME", 3)
        job = factories.started_job()
        for number in range(7):
            factories.failure(job, url=f"http://h{number % 2}.example/{number}.jpg", host=None)
        factories.failure(job, url="file:///srv/a.jpg", host=None)
        (task,) = factories.tasks_of(job)
        context = factories.report(task)
        assert fill_hosts(context) == 8
        assert sorted(FetchFailure.objects.values_list("host", flat=True)) == [
            "", *["h0.example"] * 4, *["h1.example"] * 3,
        ]  # fmt: skip
        assert fill_hosts(context) == 0
