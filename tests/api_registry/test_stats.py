"""``GET /api/tasks/stats`` (CONTRACT R32, section 4)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from tasktypes.api.registry import schemas
from tasktypes.models import Task
from tests.api_registry.conftest import TASKS

NOTHING = {"mean": None, "p50": None, "p95": None}


def test_with_no_tasks_every_figure_is_there(client: APIClient) -> None:
    body = client.get(f"{TASKS}/stats").json()
    assert list(body) == list(schemas.RegistryStats.model_fields)
    assert (body["total"], body["success_rate"], body["by_type"]) == (0, None, {})
    assert body["wait_seconds"] == body["run_seconds"] == NOTHING
    assert body["by_status"] == dict.fromkeys(["pending", "running", "completed", "failed", "cancelled"], 0)


def test_counts_rates_and_times_are_those_of_the_tasks(client: APIClient, make_type: Any, make_task: Any) -> None:
    one, two = make_type("one")["id"], make_type("two")["id"]
    for seconds, status in ((10, "completed"), (20, "completed"), (60, "completed"), (30, "failed")):
        number = make_task(task_type_id=one)["id"]
        client.put(f"{TASKS}/{number}", {"status": status}, format="json")
        start = timezone.now()
        Task.objects.filter(pk=number).update(
            created_at=start - timedelta(seconds=5), started_at=start, completed_at=start + timedelta(seconds=seconds)
        )
    make_task(task_type_id=two)
    body = client.get(f"{TASKS}/stats").json()
    assert body["by_status"] == {"pending": 1, "running": 0, "completed": 3, "failed": 1, "cancelled": 0}
    assert (body["total"], body["success_rate"], body["sample_size"]) == (5, 0.75, 4)
    assert body["wait_seconds"] == {"mean": 5, "p50": 5, "p95": 5}
    assert (body["run_seconds"]["mean"], body["run_seconds"]["p95"]) == (30, 60)
    assert {name: figures["total"] for name, figures in body["by_type"].items()} == {"one": 4, "two": 1}
    only = client.get(f"{TASKS}/stats", {"task_type": "two"}).json()
    assert (only["total"], list(only["by_type"])) == (1, ["two"])


def test_figures_are_of_ones_own_tasks(owned: APIClient, stranger: APIClient, make_type: Any, make_task: Any) -> None:
    make_task(by=owned, task_type_id=make_type()["id"])
    assert owned.get(f"{TASKS}/stats").json()["total"] == 1
    assert stranger.get(f"{TASKS}/stats/").json()["total"] == 0


def test_a_wrong_query_is_refused(client: APIClient) -> None:
    assert client.get(f"{TASKS}/stats", {"task_type": ""}).status_code == 422
