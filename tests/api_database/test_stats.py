"""``GET /tasks/stats`` (CONTRACT D19, X44)."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django.utils import timezone
from rest_framework.test import APIClient

from tasktypes.models import Task
from tests.api_database.conftest import Fussy, create, fault
from tests.ledger import run_all

NO_TIMES = {"mean": None, "p50": None, "p95": None}


def test_without_tasks_everything_is_0_or_unknown(client: APIClient) -> None:
    response = client.get("/tasks/stats")
    assert (response.status_code, response.json()) == (
        200,
        {
            "total": 0,
            "counts": {"not_started": 0, "success": 0, "error": 0},
            "success_rate": None,
            "wait_seconds": NO_TIMES,
            "run_seconds": NO_TIMES,
            "by_task_name": {},
        },
    )


def test_counts_rate_and_times_over_all_and_for_each_name(client: APIClient, fussy: Fussy) -> None:
    for number in range(3):
        create(client, "tests.fussy", note=str(number))
    create(client, "tests.fussy", fail=True)
    run_all()
    created = timezone.now()
    Task.objects.update(
        created_at=created, started_at=created + timedelta(seconds=2), completed_at=created + timedelta(seconds=12)
    )
    Task.objects.filter(status="failed").update(completed_at=F("completed_at") + timedelta(seconds=20))
    create(client)
    client.delete(f"/tasks/{create(client, message='x', count=1)['id']}")

    body = client.get("/tasks/stats").json()
    assert (body["total"], body["counts"]) == (6, {"not_started": 1, "success": 3, "error": 2})
    assert body["success_rate"] == 0.75, "a cancelled task is neither"
    assert body["wait_seconds"] == {"mean": 2, "p50": 2, "p95": 2}
    assert body["run_seconds"] == {"mean": 15, "p50": 10, "p95": 30}
    assert list(body["by_task_name"]) == ["ExampleDatabaseTask", "tests.fussy"]
    example = body["by_task_name"]["ExampleDatabaseTask"]
    assert (example["total"], example["success_rate"], example["run_seconds"]) == (2, None, NO_TIMES)
    fussies = client.get("/tasks/stats?task_name=tests.fussy").json()
    assert fussies.pop("by_task_name") == {"tests.fussy": fussies}
    assert fussies["total"] == 4


def test_they_are_the_callers_own(client: APIClient, stranger: APIClient, api: APIClient) -> None:
    create(client)
    assert stranger.get("/tasks/stats").json()["total"] == 0
    assert api.get("/tasks/stats").json()["total"] == 1, "local is staff in development"


def test_a_filter_that_is_too_long_is_refused(client: APIClient) -> None:
    assert fault(client.get(f"/tasks/stats?task_name={'x' * 201}"))[0] == ["query", "task_name"]
