"""Every example that the Celery document shows: the literal answer, or its literal shape.

The document is ``seeds/002``; its sections are named in the tests. Its own task types belong to another domain and are
not reproduced (CONTRACT X57): this product's handlers stand in their place. Ids differ, nothing else does.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from tasktypes.handlers import handlers
from tasktypes.models import Task
from tests.api_celery.launching import launch, succeeded

LAUNCH = {"task_type": "ExampleDatabaseTask", "params": {"message": "this", "count": 1}}


def test_unit_testing_list_tasks(db: None) -> None:
    """Section "Unit Testing": the documented test, word by word."""
    client = Client()
    response = client.get("/api/celery/tasks")
    assert response.status_code == 200
    tasks = response.json()
    assert len(tasks) > 0


def test_status_query_task_status(client: APIClient) -> None:
    """Section "status.py": query task status."""
    task = succeeded(client)
    response = client.get(f"/api/celery/tasks/{task.public_id}")
    body = response.json()
    assert {key: body[key] for key in ("task_id", "status", "result", "error", "traceback", "meta")} == {
        "task_id": task.public_id,
        "status": "SUCCESS",
        "result": {"greeting": "Hello Ann"},
        "error": None,
        "traceback": None,
        "meta": None,
    }


def test_status_revoke_a_task(client: APIClient) -> None:
    """Section "status.py": DELETE revokes."""
    task = launch(client)
    response = client.delete(f"/api/celery/tasks/{task.public_id}")
    assert (response.status_code, response.json()["status"]) == (200, "REVOKED")


def test_status_retry_a_failed_task(client: APIClient) -> None:
    """Section "status.py": POST …/retry retries a failed task."""
    task = launch(client)
    Task.objects.filter(pk=task.pk).update(status="failed")
    response = client.post(f"/api/celery/tasks/{task.public_id}/retry")
    assert (response.status_code, response.json()["retried_from"]) == (202, task.public_id)


def test_stats_get_celery_stats(client: APIClient) -> None:
    """Section "stats.py": the four keys and their types."""
    body = client.get("/api/celery/stats").json()
    assert {key: type(value) for key, value in body.items()} == {
        "active_tasks": dict,
        "scheduled_tasks": dict,
        "registered_tasks": list,
        "worker_stats": dict,
    }


def test_models_are_in_the_openapi_document(client: APIClient) -> None:
    """Section "models.py": enums, a parameter model per type, request and response models."""
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    for name in (
        "TaskType",
        "TaskStatus",
        "TaskLaunchRequest",
        "TaskLaunchResponse",
        "TaskStatusResponse",
        "AvailableTask",
    ):
        assert name in schemas
    assert {handler.Params.__name__ for handler in handlers if not handler.name.startswith("tests.")} <= set(schemas)


def test_error_handling(client: APIClient, settings: Settings) -> None:
    """Section "Error Handling": 400, 422 and 500 with the documented body."""

    def answer(body: Any) -> tuple[int, Any]:
        response = client.post("/api/celery/tasks/launch", body, format="json")
        return response.status_code, response.json()

    assert answer({**LAUNCH, "task_type": "sync_documents"}) == (400, {"detail": "Unknown task type: sync_documents"})
    assert answer({**LAUNCH, "params": {"message": 1}})[0] == 422
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert answer(LAUNCH) == (500, {"detail": "Failed to launch task: Redis connection refused"})


def test_logging(client: APIClient, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    """Section "Logging": an emoji for each kind of line."""
    with caplog.at_level(logging.INFO):
        task = launch(client)
        client.get(f"/api/celery/tasks/{task.public_id}")
        client.delete(f"/api/celery/tasks/{task.public_id}")
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        client.post("/api/celery/tasks/launch", LAUNCH, format="json")
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("tasktypes.api.celery")]
    assert [line[0] for line in lines] == ["📤", "✅", "📊", "🚫", "📤", "❌"]
    assert lines[0] == "📤 Launching task: tests.greet_somebody"
    assert lines[-1] == "❌ Failed to launch task: Redis connection refused"


def test_future_enhancements_are_features(client: APIClient) -> None:
    """Section "Future Enhancements": batch, priority, schedule and history (the others have modules of their own)."""
    later = {**LAUNCH, "priority": 1, "countdown": 60}
    response = client.post("/api/celery/tasks/launch", [LAUNCH, later], format="json")
    launched = [answer["task_id"] for answer in response.json()]
    assert response.status_code == 202
    scheduled = Task.objects.get(public_id=launched[1])
    assert scheduled.priority == 1
    assert scheduled.due_at is not None and scheduled.due_at > scheduled.created_at
    assert [row["task_id"] for row in client.get("/api/celery/tasks/history").json()] == launched[::-1]
