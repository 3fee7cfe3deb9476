"""``POST /api/v1/jobs/{id}/retry-failures``, and the filters and the summary of ``/failures``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from jobs.models import CrawlJob, RefetchRun
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tests import factories

NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def failed_job(owner: User) -> CrawlJob:
    """Return an ended job of four failures: two names that did not resolve, a limit, and a page that is not there."""
    job = factories.started_job(owner=owner, max_images=10)
    now = timezone.now()
    for outcome, host, minute, at in (
        ("dns", "a.example", 0, now - timedelta(seconds=1)),
        ("dns", "b.example", 4, now + timedelta(hours=1)),
        ("http_429", "b.example", 10, now + timedelta(hours=2)),
        ("http_404", "a.example", 30, None),
    ):
        factories.failure(
            job,
            outcome,
            url=f"http://{host}/{minute}.jpg",
            created_at=NOON + timedelta(minutes=minute),
            next_eligible_at=at,
        )
    return factories.end_job(job, outcomes={"dns": 2, "http_429": 1, "http_404": 1})


def post(client: APIClient, job: CrawlJob, body: Any = None) -> Any:
    return client.post(f"/api/v1/jobs/{job.pk}/retry-failures", body, format="json")


def test_nothing_named_means_every_transient_class(client: APIClient, owner: User) -> None:
    job = failed_job(owner)
    response = client.post(f"/api/v1/jobs/{job.pk}/retry-failures")
    run = RefetchRun.objects.get()
    tasks = list(Task.objects.filter(group=run.group_id).order_by("pk"))
    assert (response.status_code, response.json()) == (
        200,
        {
            "job_id": job.pk,
            "run_id": run.pk,
            "status": "running",
            "retried_failures": 3,
            "outcomes": {"dns": 2, "http_429": 1},
            "task_ids": [task.public_id for task in tasks],
            "message": "3 failure(s) will be tried again.",
        },
    )
    assert (run.created_by, run.failures_count, run.filters) == (owner, 3, {})
    assert client.get(f"/api/v1/jobs/{job.pk}").json()["status"] == "completed"
    again = client.post(f"/api/v1/jobs/{job.pk}/retry-failures")
    assert (again.status_code, again.json()) == (
        400, {"detail": "The candidates of this job that ended as 'dns' or 'http_429' are being tried again already"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "outcomes"),
    [
        ({"outcomes": ["dns"]}, {"dns": 2}),
        ({"outcomes": ["http_429", "http_404", "http_429"]}, {"http_429": 1, "http_404": 1}),
        ({"host": "B.example"}, {"dns": 1, "http_429": 1}),
        ({"failed_from": "2026-01-01T12:04:00Z", "failed_until": "2026-01-01T12:30:00Z"}, {"dns": 1, "http_429": 1}),
        ({"failed_from": "2026-01-01T14:04:00+02:00", "host": "b.example", "outcomes": ["dns"]}, {"dns": 1}),
        ({"eligible_only": True}, {"dns": 1}),
    ],
)
def test_classes_host_time_and_eligibility_choose(
    client: APIClient, owner: User, body: dict[str, Any], outcomes: dict[str, int]
) -> None:
    job = failed_job(owner)
    response = post(client, job, body)
    assert (response.status_code, response.json()["outcomes"]) == (200, outcomes)
    assert set(RefetchRun.objects.get().filters) == set(body) - {"outcomes"}
    ids = {pk for task in Task.objects.filter(group__refetch_run__job=job) for pk in task.parameters["failure_ids"]}
    query = {name: value for name, value in body.items() if name != "outcomes"}
    listed = client.get(f"/api/v1/jobs/{job.pk}/failures", {**query, "outcomes": list(outcomes)}).json()["items"]
    assert len(listed) == len(ids) == sum(outcomes.values())


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"outcomes": ["stored"]}, "'stored' is not a failure; there is nothing to retry"),
        ({"outcomes": ["timeout"]}, "ended as 'timeout'; its failures are of the classes: dns, http_404, http_429"),
        ({"host": "c.example"}, "fits: 'dns' or 'http_429' with host c.example"),
        ({"outcomes": ["http_429"], "eligible_only": True}, "Nothing of that may be tried again before "),
    ],
)
def test_where_nothing_is_left_the_400_says_why(
    client: APIClient, owner: User, body: dict[str, Any], detail: str
) -> None:
    response = post(client, failed_job(owner), body)
    assert response.status_code == 400
    assert detail in response.json()["detail"]
    assert not RefetchRun.objects.exists()


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({"outcomes": "dns"}, ["body", "outcomes"]),
        ({"outcomes": [""]}, ["body", "outcomes", 0]),
        ({"failed_from": "noon"}, ["body", "failed_from"]),
        ({"failed_from": "0001-01-01T00:00:00+05:00"}, ["body", "failed_from"]),
        ({"failed_from": "2026-01-02", "failed_until": "2026-01-01"}, ["body", "failed_until"]),
        ({"eligible_only": "perhaps"}, ["body", "eligible_only"]),
        ({"owner": 1}, ["body", "owner"]),
    ],
)
def test_what_cannot_be_read_is_a_422(client: APIClient, owner: User, body: dict[str, Any], loc: list[Any]) -> None:
    response = post(client, failed_job(owner), body)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == loc
    query = client.get(f"/api/v1/jobs/{failed_job(owner).pk}/failures", {"failed_from": "noon"})
    assert query.json()["detail"][0]["loc"] == ["query", "failed_from"]


def test_a_repeated_key_starts_one_run(client: APIClient, owner: User) -> None:
    job = failed_job(owner)
    answers = [
        client.post(
            f"/api/v1/jobs/{job.pk}/retry-failures",
            {"outcomes": ["dns"]},
            format="json",
            headers={"Idempotency-Key": "one"},
        )
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert RefetchRun.objects.count() == 1


def test_only_the_owner_may(stranger: APIClient, client: APIClient, owner: User) -> None:
    job = failed_job(owner)
    assert post(stranger, job).status_code == 403
    assert stranger.get(f"/api/v1/jobs/{job.pk}/failures/summary").status_code == 403
    assert client.post("/api/v1/jobs/999999/retry-failures").json() == {"detail": "Crawl job not found"}


def test_a_failure_tells_its_host_attempts_and_next_time(client: APIClient, owner: User) -> None:
    job = failed_job(owner)
    first, *_, last = client.get(f"/api/v1/jobs/{job.pk}/failures").json()["items"]
    assert (first["host"], first["attempts"]) == ("a.example", 1)
    assert first["next_eligible_at"].endswith("Z")
    assert (last["outcome"], last["next_eligible_at"]) == ("http_404", None)


def test_the_summary_counts_by_class_and_host_in_two_queries(
    client: APIClient, owner: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = failed_job(owner)
    factories.failure(job, "duplicate")
    with django_assert_num_queries(5):  # Token, user, job, classes, hosts.
        body = client.get(f"/api/v1/jobs/{job.pk}/failures/summary").json()
    assert (body["job_id"], body["failures"], body["eligible"]) == (job.pk, 4, 1)
    assert [(one["outcome"], one["failures"], one["eligible"], one["transient"]) for one in body["classes"]] == [
        ("dns", 2, 1, True), ("http_404", 1, 0, False), ("http_429", 1, 0, True),
    ]  # fmt: skip
    assert body["classes"][1]["description"] == "The server answered 404 Not Found."
    assert [(one["host"], one["failures"]) for one in body["hosts"]] == [("a.example", 2), ("b.example", 2)]
    assert body["next_eligible_at"] == body["classes"][0]["next_eligible_at"] == body["hosts"][1]["next_eligible_at"]
    assert client.get(f"/api/v1/jobs/{job.pk}/failures/summary?host=a.example").json()["failures"] == 2
