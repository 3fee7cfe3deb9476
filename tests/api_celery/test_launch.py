"""POST /api/celery/tasks/launch (CONTRACT C02, C09, C10, C14, C17, C18, C20, C22, X10, X60)."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from jobs.models import CrawlJob, Image
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tasktypes.services.claim import claim
from tests import factories
from tests.api_celery.launching import API, GREET, launch

LAUNCH = f"{API}/tasks/launch"
NOWHERE = "redis://127.0.0.1:1/0"


def post(client: APIClient, body: Any, **headers: str) -> tuple[int, Any]:
    response = client.post(LAUNCH, body, format="json", **headers)
    return response.status_code, response.json()


def one(**more: Any) -> dict[str, Any]:
    return {"task_type": GREET, "params": {"name": "Ann"}, **more}


def test_a_launch_is_accepted_and_names_the_task(client: APIClient) -> None:
    status, body = post(client, one())
    assert status == 202
    assert uuid.UUID(body["task_id"]).version == 4
    assert body | {"task_id": ""} == {
        "success": True,
        "task_id": "",
        "task_type": GREET,
        "status": "PENDING",
        "message": f"Task {GREET} launched successfully",
    }
    task = Task.objects.get(public_id=body["task_id"])
    assert (task.type_name, task.parameters, task.priority) == (GREET, {"name": "Ann"}, 100)
    assert task.created_by is not None and task.created_by.is_local


def test_the_task_belongs_to_whoever_launched_it(ann_client: APIClient, ann: User) -> None:
    assert launch(ann_client).created_by == ann


def test_an_unknown_type_is_a_400_that_names_it(client: APIClient) -> None:
    assert post(client, one(task_type="sync")) == (400, {"detail": "Unknown task type: sync"})
    assert post(client, [one(), one(task_type="celery.backend_cleanup")])[0] == 400
    assert not Task.objects.exists()


def test_params_that_the_type_refuses_are_told_one_by_one(client: APIClient) -> None:
    status, body = post(client, one(params={"times": 9}))
    assert status == 422
    assert body["detail"] == [
        {"loc": ["body", "params", "name"], "msg": "field required", "type": "value_error.missing"},
        {
            "loc": ["body", "params", "times"],
            "msg": "ensure this value is less than or equal to 5",
            "type": "value_error.number.not_le",
        },
    ]


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body", "task_type"]),
        ({"task_type": 3}, ["body", "task_type"]),
        (one(params=[]), ["body", "params"]),
        (one(priority=0), ["body", "priority"]),
        (one(priority=1001), ["body", "priority"]),
        (one(priority="high"), ["body", "priority"]),
        (one(countdown=-1), ["body", "countdown"]),
        (one(run_after="tomorrow"), ["body", "run_after"]),
        (one(run_after=1_900_000_000), ["body", "run_after"]),
        (one(run_after="9999-12-31T23:59:59-23:00"), ["body", "run_after"]),
        (one(run_after="2030-01-01T00:00:00Z", countdown=5), ["body"]),
        (one(queue="default"), ["body", "queue"]),
        ("text", ["body"]),
        ([], ["body"]),
        ([one(), 5], ["body", 1]),
    ],
)
def test_a_body_of_the_wrong_form_is_a_422_with_its_place(client: APIClient, body: Any, loc: list[Any]) -> None:
    status, answer = post(client, body)
    assert (status, answer["detail"][0]["loc"]) == (422, loc)
    assert not Task.objects.exists()


def test_a_broker_that_is_down_is_said_at_once_and_nothing_is_inserted(
    client: APIClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = NOWHERE
    response = client.post(LAUNCH, one(), format="json")
    assert response.status_code == 500
    assert response.json() == {"detail": "Failed to launch task: Redis connection refused"}
    assert int(response.headers["Retry-After"]) > 0
    assert not Task.objects.exists()
    failure = next(record for record in caplog.records if "❌" in record.getMessage())
    assert failure.exc_info and "Redis connection refused" in failure.getMessage()


def test_a_list_of_launches_is_answered_by_a_list_in_its_order(client: APIClient) -> None:
    status, body = post(client, [one(params={"name": str(number)}) for number in range(3)])
    assert status == 202
    tasks = {task.public_id: task for task in Task.objects.all()}
    assert [tasks[answer["task_id"]].parameters["name"] for answer in body] == ["0", "1", "2"]
    assert {answer["message"] for answer in body} == {f"Task {GREET} launched successfully"}


def test_of_a_list_all_are_launched_or_none_and_every_fault_is_told(client: APIClient) -> None:
    status, body = post(client, [one(), one(params={}), one(params={"name": "x" * 21})])
    assert status == 422
    assert [fault["loc"] for fault in body["detail"]] == [["body", 1, "params", "name"], ["body", 2, "params", "name"]]
    assert not Task.objects.exists()


def test_a_thousand_launches_cost_a_handful_of_statements_and_one_more_is_refused(client: APIClient) -> None:
    post(client, one())

    def statements(number: int) -> int:
        with CaptureQueriesContext(connection) as queries:
            status, body = post(client, [one()] * number)
        assert (status, len(body)) == (202, number)
        return len(queries)

    # SQLite takes 999 parameters a statement, which is some thirty rows.
    assert statements(1000) <= statements(10) + (50 if connection.vendor == "sqlite" else 10)
    assert post(client, [one()] * 1001)[0] == 422


def test_a_low_number_runs_first(client: APIClient) -> None:
    launch(client)
    urgent = launch(client, priority=1)
    assert urgent.priority == 1
    assert Task.objects.order_by("lane").first() == urgent


def test_a_task_for_later_waits_for_its_time(client: APIClient) -> None:
    when = (timezone.now() + timedelta(hours=1)).replace(microsecond=0)
    task = launch(client, run_after=when.isoformat())
    assert task.run_after == task.due_at == when
    assert claim(task.pk, 0, worker="tests", carrier="") is not None, "a message in hand is proof enough"
    counted = launch(client, countdown=3600)
    assert counted.due_at is not None
    assert abs(counted.due_at - counted.created_at - timedelta(hours=1)) < timedelta(seconds=5)


def test_a_time_without_an_offset_is_taken_as_utc(client: APIClient) -> None:
    assert launch(client, run_after="2040-01-01T10:00:00").run_after == datetime(2040, 1, 1, 10, tzinfo=UTC)


def test_a_repetition_under_the_same_key_launches_nothing(client: APIClient) -> None:
    first = post(client, one(), HTTP_IDEMPOTENCY_KEY="once")
    assert post(client, one(), HTTP_IDEMPOTENCY_KEY="once") == first
    assert Task.objects.count() == 1
    assert post(client, one(priority=5), HTTP_IDEMPOTENCY_KEY="once")[0] == 422


@pytest.fixture
def limit(settings: Settings) -> Callable[[str], None]:
    def to(rate: str) -> None:
        rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "launch": rate}
        settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
        cache.clear()

    return to


def test_launches_beyond_the_rate_are_refused_and_told_when_to_come_back(
    client: APIClient, limit: Callable[[str], None]
) -> None:
    limit("3/day")
    assert post(client, one())[0] == 202
    response = client.post(LAUNCH, [one()] * 3, format="json")
    assert response.status_code == 429, "each task of a list counts"
    assert int(response.headers["Retry-After"]) > 0
    assert post(client, [one()] * 2)[0] == 202
    assert Task.objects.count() == 3


def test_the_rate_is_each_callers_own(
    ann_client: APIClient, bob_client: APIClient, limit: Callable[[str], None]
) -> None:
    limit("1/day")
    assert [post(who, one())[0] for who in (ann_client, ann_client, bob_client)] == [202, 429, 202]


def ids_of(job: CrawlJob) -> list[int]:
    return list(Image.objects.filter(job=job).values_list("pk", flat=True))


def test_work_on_somebody_elses_job_cannot_be_launched(ann_client: APIClient, ann: User) -> None:
    foreign, own = factories.job_with_images(1), factories.job_with_images(1, owner=ann)
    of_others = ids_of(foreign)

    def validate(job_id: int, image_ids: list[int]) -> tuple[int, Any]:
        params = {"job_id": job_id, "run_id": 1, "image_ids": image_ids}
        return post(ann_client, {"task_type": "jobs.validate_images_fast", "params": params})

    assert validate(foreign.pk, of_others) == (403, {"detail": "Access denied to this resource"})
    assert validate(own.pk, of_others)[0] == 400
    assert validate(own.pk, [2**70])[0] == 400
    assert validate(987_654, [1]) == (400, {"detail": "There is no crawl job 987654"})
    assert validate(own.pk, ids_of(own))[0] == 202


def test_a_chunk_is_started_by_its_job_alone(ann_client: APIClient, ann: User) -> None:
    job = factories.started_job(owner=ann)
    params = {"keyword": "laptop", "engine": "urls", "max_images": 5, "job_id": job.pk}
    status, body = post(ann_client, {"task_type": "jobs.download_images", "params": params})
    assert (status, f"/api/v1/jobs/{job.pk}/start" in body["detail"]) == (400, True)


def test_the_log_shows_a_launch_and_its_success(client: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        task = launch(client)
    lines = [record.getMessage() for record in caplog.records]
    assert f"📤 Launching task: {GREET}" in lines
    assert f"✅ Task launched: {GREET} {task.public_id}" in lines
