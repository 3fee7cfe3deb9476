"""Every example that the registry's document shows, request by request: the literal answer, or its literal shape.

The document is ``seeds/003``; its sections are named in the tests. Times and the keys beyond the documented ones
differ, nothing else does. Every test is a fresh database, as every block of the document is (CONTRACT X34).
"""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from tests.fresh import restart_ids

STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
VIDEO = """{
  "name": "video_processing",
  "description": "Process video files with different parameters",
  "parameters_schema": {
    "type": "object",
    "properties": {
      "format": {"type": "string", "enum": ["mp4", "webm"]},
      "resolution": {"type": "string", "enum": ["720p", "1080p", "4k"]}
    },
    "required": ["format"]
  },
  "metadata": {
    "category": "media",
    "estimated_duration": "5m"
  }
}"""
TASK = """{
  "task_type_id": 1,
  "parameters": {
    "format": "mp4",
    "resolution": "1080p",
    "input_file": "video.raw"
  },
  "priority": 50,
  "metadata": {
    "user_id": "user123",
    "request_id": "req-456"
  }
}"""
TYPE_KEYS = [
    "id", "name", "description", "parameters_schema", "metadata", "is_active", "created_at", "updated_at",
]  # fmt: skip
TASK_KEYS = [
    "id", "task_type_id", "status", "parameters", "priority", "metadata", "result", "error_message", "created_at",
    "updated_at", "started_at", "completed_at",
]  # fmt: skip


@pytest.fixture
def http(db: None) -> Client:
    """A client without any header of its own, as curl is."""
    restart_ids(connection)
    return Client()


def send(http: Client, method: str, path: str, body: str) -> Any:
    return getattr(http, method)(path, body, content_type="application/json")


def documented(body: dict[str, Any], keys: list[str]) -> dict[str, Any]:
    """Return the documented part of a body, which comes first and in the documented order."""
    assert list(body)[: len(keys)] == keys
    return {key: body[key] for key in keys}


def test_post_task_types(http: Client) -> None:
    """Section "POST /api/task-types" (CONTRACT R01, R02)."""
    response = send(http, "post", "/api/task-types", VIDEO)
    assert response.status_code == 201
    body = response.json()
    assert list(body) == TYPE_KEYS
    assert STAMP.fullmatch(body.pop("created_at"))
    assert body == {"id": 1, **json.loads(VIDEO), "is_active": True, "updated_at": None}


def test_get_task_types(http: Client) -> None:
    """Section "GET /api/task-types" (CONTRACT R05)."""
    made = send(http, "post", "/api/task-types", VIDEO).json()
    response = http.get("/api/task-types")
    assert (response.status_code, response.json()) == (200, [made])


def test_get_one_task_type(http: Client) -> None:
    """Section "GET /api/task-types/{task_type_id}": 200 OK or 404 Not Found (CONTRACT R06)."""
    made = send(http, "post", "/api/task-types", VIDEO).json()
    assert http.get("/api/task-types/1").json() == made
    assert http.get("/api/task-types/999").status_code == 404


def test_put_task_type(http: Client) -> None:
    """Section "PUT /api/task-types/{task_type_id}" (CONTRACT R07)."""
    send(http, "post", "/api/task-types", VIDEO)
    change = '{"description": "Updated description", "parameters_schema": {}, "metadata": {}, "is_active": true}'
    response = send(http, "put", "/api/task-types/1", change)
    assert response.status_code == 200
    assert response.json()["description"] == "Updated description"
    assert send(http, "put", "/api/task-types/999", change).status_code == 404


def test_delete_task_type(http: Client) -> None:
    """Section "DELETE /api/task-types/{task_type_id}": 204 or 404, marked as inactive (CONTRACT R08)."""
    send(http, "post", "/api/task-types", VIDEO)
    response = http.delete("/api/task-types/1")
    assert (response.status_code, response.content) == (204, b"")
    assert http.get("/api/task-types/1").json()["is_active"] is False
    assert http.delete("/api/task-types/999").status_code == 404


def test_post_tasks(http: Client) -> None:
    """Section "POST /api/tasks", with ``input_file``, which the schema does not name (CONTRACT R10, R22)."""
    send(http, "post", "/api/task-types", VIDEO)
    response = send(http, "post", "/api/tasks", TASK)
    assert response.status_code == 201
    body = documented(response.json(), TASK_KEYS)
    assert STAMP.fullmatch(body.pop("created_at"))
    assert body == {
        "id": 1,
        "status": "pending",
        "result": None,
        "error_message": None,
        "updated_at": None,
        "started_at": None,
        "completed_at": None,
        **json.loads(TASK),
    }


def test_get_tasks(http: Client) -> None:
    """Section "GET /api/tasks" (CONTRACT R13)."""
    send(http, "post", "/api/task-types", VIDEO)
    made = send(http, "post", "/api/tasks", TASK).json()
    response = http.get("/api/tasks", {"task_type_id": 1, "status": "pending", "limit": 100})
    assert (response.status_code, response.json()) == (200, [made])


def test_get_one_task(http: Client) -> None:
    """Section "GET /api/tasks/{task_id}" (CONTRACT R15)."""
    send(http, "post", "/api/task-types", VIDEO)
    made = send(http, "post", "/api/tasks", TASK).json()
    assert http.get("/api/tasks/1").json() == made
    assert http.get("/api/tasks/999").status_code == 404


def test_put_task(http: Client) -> None:
    """Section "PUT /api/tasks/{task_id}": the documented body, all of it at once (CONTRACT R16–R18)."""
    send(http, "post", "/api/task-types", VIDEO)
    send(http, "post", "/api/tasks", TASK)
    change = """{
      "status": "completed",
      "priority": 25,
      "parameters": {"format": "webm"},
      "metadata": {},
      "result": {
        "output_file": "video_processed.mp4",
        "duration": "5m 23s"
      },
      "error_message": "Error details if failed"
    }"""
    response = send(http, "put", "/api/tasks/1", change)
    assert response.status_code == 200
    body = documented(response.json(), TASK_KEYS)
    assert {key: body[key] for key in json.loads(change)} == json.loads(change)
    assert STAMP.fullmatch(body["completed_at"]) and STAMP.fullmatch(body["updated_at"])
    assert send(http, "put", "/api/tasks/999", change).status_code == 404


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_put_task_note(http: Client, status: str) -> None:
    """The note of the same section: what sets started_at and completed_at (CONTRACT R17)."""
    send(http, "post", "/api/task-types", VIDEO)
    send(http, "post", "/api/tasks", TASK)
    running = send(http, "put", "/api/tasks/1", '{"status": "running"}').json()
    assert (running["status"], running["completed_at"]) == ("running", None)
    assert STAMP.fullmatch(running["started_at"])
    ended = send(http, "put", "/api/tasks/1", json.dumps({"status": status})).json()
    assert (ended["status"], ended["started_at"]) == (status, running["started_at"])
    assert STAMP.fullmatch(ended["completed_at"])


def test_delete_task(http: Client) -> None:
    """Section "DELETE /api/tasks/{task_id}": permanent (CONTRACT R19)."""
    send(http, "post", "/api/task-types", VIDEO)
    send(http, "post", "/api/tasks", TASK)
    response = http.delete("/api/tasks/1")
    assert (response.status_code, response.content) == (204, b"")
    assert http.get("/api/tasks/1").status_code == 404
    assert http.delete("/api/tasks/1").status_code == 404


def test_error_handling(http: Client) -> None:
    """Section "Error Handling": the statuses and the literal body (CONTRACT R11, R23)."""
    response = send(http, "post", "/api/tasks", '{"task_type_id": 999}')
    assert (response.status_code, response.json()) == (404, {"detail": "Task type 999 not found"})
    send(http, "post", "/api/task-types", VIDEO)
    assert send(http, "post", "/api/task-types", VIDEO).status_code == 409
    assert send(http, "post", "/api/tasks", '{"task_type_id": 1, "parameters": {}}').status_code == 422
    http.delete("/api/task-types/1")
    assert send(http, "post", "/api/tasks", TASK).status_code == 400


# --- The usage examples, run by bash with curl and jq against a server (CONTRACT R21) ---------------------------------

EXAMPLE_1 = """
# Register a new task type
curl -X POST http://localhost:8000/api/task-types \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "data_analysis",
    "description": "Analyze datasets with various algorithms",
    "parameters_schema": {
      "type": "object",
      "properties": {
        "algorithm": {"type": "string", "enum": ["kmeans", "dbscan"]},
        "dataset_path": {"type": "string"}
      },
      "required": ["algorithm", "dataset_path"]
    }
  }'
"""
EXAMPLE_2 = """
# 1. Create the task
TASK_ID=$(curl -X POST http://localhost:8000/api/tasks \\
  -H "Content-Type: application/json" \\
  -d '{
    "task_type_id": 1,
    "parameters": {
      "algorithm": "kmeans",
      "dataset_path": "/data/dataset.csv"
    },
    "priority": 10
  }' | jq -r '.id')

# 2. Mark as running
curl -X PUT http://localhost:8000/api/tasks/$TASK_ID \\
  -H "Content-Type: application/json" \\
  -d '{"status": "running"}'

# 3. Mark as completed with result
curl -X PUT http://localhost:8000/api/tasks/$TASK_ID \\
  -H "Content-Type: application/json" \\
  -d '{
    "status": "completed",
    "result": {
      "clusters": 5,
      "output_path": "/results/clusters.json"
    }
  }'
"""
EXAMPLE_3 = """
# List all pending tasks
curl http://localhost:8000/api/tasks?status=pending

# List all tasks for a specific type
curl http://localhost:8000/api/tasks?task_type_id=1

# Get recent tasks (limit to 10)
curl http://localhost:8000/api/tasks?limit=10
"""


def bash(script: str, server: LiveServer) -> list[Any]:
    """Run a block of the document; only the server's address is another. Return the JSON values that it printed."""
    ran = subprocess.run(
        ["bash", "-c", script.replace("http://localhost:8000", server.url)], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    decoder, values, text = json.JSONDecoder(), [], ran.stdout.strip()
    while text:
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:].lstrip()
    return values


@pytest.mark.django_db(transaction=True)
def test_the_usage_examples_run_as_they_stand(live_server: LiveServer) -> None:
    """Sections "Example 1" to "Example 3", one after the other."""
    restart_ids(connection)
    (declared,) = bash(EXAMPLE_1, live_server)
    assert (declared["id"], declared["name"], declared["metadata"]) == (1, "data_analysis", {})

    running, completed = bash(EXAMPLE_2, live_server)
    assert (running["status"], running["priority"]) == ("running", 10)
    assert completed["id"] == running["id"] == 1
    assert completed["status"] == "completed"
    assert completed["result"] == {"clusters": 5, "output_path": "/results/clusters.json"}
    assert completed["started_at"] and completed["completed_at"]

    pending, of_type, recent = bash(EXAMPLE_3, live_server)
    assert (pending, of_type, recent) == ([], [completed], [completed])
