"""Everything that the database tasks document shows, section by section.

The document is ``seeds/004``, a work log: what it says was accomplished holds, and what it lists as next is there.
"""

from __future__ import annotations

import logging
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from tasktypes.example import ExamplePayload
from tasktypes.handlers import handlers
from tasktypes.models import Task
from tests.ledger import run_all


def post(client: APIClient, path: str, body: Any) -> Any:
    return client.post(path, body, format="json")


@pytest.fixture
def example(api: APIClient) -> Any:
    """A task as the end-to-end section submits it."""
    response = post(api, "/tasks/ExampleDatabaseTask", {"payload": {"message": "this", "count": 1}})
    assert response.status_code == 201
    return response.json()


def test_task_name_as_path_parameter_with_enum_validation(api: APIClient) -> None:
    """Section "POST /tasks/{task_name}": the enum comes from the registered tasks and is the drop-down in the docs."""
    schemas = Client().get("/openapi.json").json()["components"]["schemas"]
    assert schemas["TaskNameEnum"]["enum"] == handlers.names()
    assert "ExampleDatabaseTask" in schemas["TaskNameEnum"]["enum"]
    assert post(api, "/tasks/NoSuchTask", {"payload": {}}).status_code == 422


def test_payload_validation_against_task_specific_pydantic_models(api: APIClient) -> None:
    """Section "POST /tasks/{task_name}": helpful messages with field-level details."""
    assert handlers["ExampleDatabaseTask"].Params is ExamplePayload
    response = post(api, "/tasks/ExampleDatabaseTask", {"payload": {"message": "this", "count": "many"}})
    assert (response.status_code, response.json()) == (
        422,
        {
            "detail": [
                {
                    "loc": ["body", "payload", "count"],
                    "msg": "value is not a valid integer",
                    "type": "type_error.integer",
                }
            ]
        },
    )


def test_deduplication_logic(api: APIClient, example: Any) -> None:
    """Section "POST /tasks/{task_name}": resubmitting increments max_retries; the message tells new from duplicate."""
    again = post(api, "/tasks/ExampleDatabaseTask", {"payload": {"message": "this", "count": 1}})
    assert (again.status_code, again.json()["id"]) == (200, example["id"])
    assert again.json()["max_retries"] == example["max_retries"] + 1
    assert "new" in example["message"] and "duplicate" in again.json()["message"]
    assert Task.objects.count() == 1


def test_get_tasks_task_id(api: APIClient, example: Any) -> None:
    """Section "GET /tasks/{task_id}": the full task, or 404."""
    response = api.get(f"/tasks/{example['id']}")
    assert response.status_code == 200
    documented = {
        "id", "task_name", "task_payload", "status", "created_at", "last_run_at", "retries", "max_retries",
        "error_message", "result_data", "started_at", "completed_at",
    }  # fmt: skip
    assert documented <= set(response.json())
    response = api.get("/tasks/987654")
    assert (response.status_code, response.json()) == (404, {"detail": "Task 987654 not found"})


def test_get_tasks(api: APIClient, example: Any) -> None:
    """Section "GET /tasks": filters, page from 1, page_size 50 and at most 100, with the total count."""
    body = api.get("/tasks", {"task_name": "ExampleDatabaseTask", "status": "not_started"}).json()
    assert [task["id"] for task in body.pop("tasks")] == [example["id"]]
    assert body == {"total": 1, "page": 1, "page_size": 50, "total_pages": 1}
    for status in ("success", "error"):
        assert api.get("/tasks", {"status": status}).json()["total"] == 0
    assert api.get("/tasks", {"page_size": 100}).status_code == 200
    assert api.get("/tasks", {"page_size": 101}).status_code == 422


def test_json_field_handling(api: APIClient, example: Any) -> None:
    """Section "JSON Field Handling": objects, never strings, in create, get and list."""
    run_all()
    shown = [example, api.get(f"/tasks/{example['id']}").json(), api.get("/tasks").json()["tasks"][0]]
    assert [task["task_payload"] for task in shown] == [{"message": "this", "count": 1}] * 3
    assert [type(task["result_data"]) for task in shown[1:]] == [dict, dict]


def test_end_to_end_testing(api: APIClient, example: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Section "End-to-End Testing": not_started, found, processed, success, retrieved; and the three log lines.

    tests/processes/test_example_task.py shows the same with a real worker.
    """
    assert example["status"] == "not_started"
    with caplog.at_level(logging.INFO):
        run_all()
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("tasktypes")]
    assert [line for line in lines if not line.startswith("dispatch")] == [
        "Found 1 eligible 'ExampleDatabaseTask' tasks",
        "Processing task with message='this', count=1",
        f"Completed task {example['id']} successfully",
    ]
    task = api.get(f"/tasks/{example['id']}").json()
    assert (task["status"], task["result_data"]["message"]) == ("success", "this")


def test_batch_task_creation_endpoint(api: APIClient) -> None:
    """Section "Immediate Next Steps" 1: a list of payloads, ids with success or failure for each."""
    body = [{"payload": {"message": "this", "count": 1}}, {"payload": {"message": "that"}}]
    response = post(api, "/tasks/ExampleDatabaseTask/batch", body)
    assert response.status_code == 201
    [good, bad] = response.json()["results"]
    assert (good["success"], good["id"]) == (True, Task.objects.get().pk)
    assert (bad["success"], bad["id"], bad["errors"][0]["loc"]) == (False, None, ["body", 1, "payload", "count"])


def test_task_management_features(api: APIClient, example: Any) -> None:
    """Section "Future Enhancements" 3: cancel, retry, stats."""
    path = f"/tasks/{example['id']}"
    cancelled = api.delete(path).json()
    assert (cancelled["status"], cancelled["result_data"]["cancelled"]) == ("error", True)
    retried = api.patch(f"{path}/retry").json()
    assert (retried["id"], retried["status"], retried["retries"]) == (example["id"], "not_started", 1)
    run_all()
    stats = api.get("/tasks/stats").json()
    assert (stats["counts"]["success"], stats["success_rate"]) == (1, 1.0)
    assert stats["run_seconds"]["mean"] is not None
