"""Every example of the automated gather document, section by section: the literal request, the literal answer.

The document is ``seeds/000``. Where it shows an id or a time, the row is given that id and that time, so that the
whole body can be compared. Its webhook, environment variables, task service client and WebSocket have tests of their
own; so has its usage example, which tests/api_gather/test_usage_example.py runs as it stands.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from gather.models import GatherRun
from pixtasks.accounts.services.users import local_user
from tasktypes.models import Task, TaskEvent
from tasktypes.states import EventType, State
from tests.accounts.factories import make_key, make_user
from tests.api_gather.conftest import a_run, end, record, running

BASE = "/api/v1/automated-gather"
TASK_ID = "abc123-def456"
REQUEST = """{
  "projectId": "string",
  "gatherCount": 10,
  "options": {
    "saveInterval": 5,
    "errorRecovery": true,
    "notificationPreferences": {
      "onComplete": true,
      "onError": true,
      "onProgress": false
    }
  }
}"""
ACCEPTED = """{
  "taskId": "abc123-def456",
  "status": "pending",
  "message": "Automated gather task started successfully",
  "data": {
    "projectId": "project-123",
    "gatherCount": 10,
    "estimatedDuration": 300
  }
}"""
INVALID = """{
  "error": "VALIDATION_ERROR",
  "message": "gatherCount must be between 1 and 100",
  "statusCode": 400
}"""
STATUS = """{
  "taskId": "abc123-def456",
  "status": "PROGRESS",
  "progress": {
    "current": 5,
    "total": 10,
    "percentage": 50
  },
  "result": null,
  "updates": [
    {
      "type": "progress",
      "timestamp": "2025-10-04T12:00:00Z",
      "data": {
        "currentIteration": 5,
        "totalIterations": 10,
        "percentage": 50,
        "message": "Processing iteration 5 of 10"
      }
    }
  ],
  "startTime": "2025-10-04T11:55:00Z"
}"""
STATUS_UNKNOWN = """{
  "error": "TASK_NOT_FOUND",
  "message": "Task not found or status unavailable",
  "statusCode": 404
}"""
CANCELLED = """{
  "taskId": "abc123-def456",
  "status": "cancelled",
  "message": "Task cancelled successfully",
  "partialResults": {
    "completedIterations": 5,
    "results": [
      {
        "iterationNumber": 1,
        "gatherDataId": "gather-001"
      },
      {
        "iterationNumber": 2,
        "gatherDataId": "gather-002"
      }
    ]
  }
}"""
CANCEL_UNKNOWN = """{
  "error": "TASK_NOT_FOUND",
  "message": "Task not found",
  "statusCode": 404
}"""


@pytest.fixture
def http(db: None) -> Client:
    """A client without any header of its own, as ``fetch`` is."""
    return Client()


@pytest.fixture
def run(db: None) -> GatherRun:
    """The document's run: its id, ten iterations for project-123."""
    made = a_run(local_user(), project_id="project-123")
    Task.objects.filter(pk=made.task_id).update(public_id=TASK_ID)
    made.task.refresh_from_db()
    return made


def send(http: Client, body: str) -> Any:
    return http.post(f"{BASE}/start", body, content_type="application/json")


def same(response: Any, status: int, text: str) -> None:
    """Compare a whole answer with the document's, also in the order of its keys."""
    assert (response.status_code, json.dumps(response.json(), indent=2)) == (status, text)


def test_start_automated_gather(http: Client) -> None:
    """Section "Start Automated Gather": its request is accepted with 202."""
    response = send(http, REQUEST)
    assert response.status_code == 202
    run = GatherRun.objects.get()
    assert (run.gather_count, run.save_interval, run.error_recovery) == (10, 5, True)
    assert response.json()["data"]["projectId"] == "string"


def test_start_automated_gather_response(http: Client) -> None:
    """Section "Start Automated Gather", "Response (202 Accepted)": the body, but for the id."""
    response = send(http, json.dumps({"projectId": "project-123", "gatherCount": 10}))
    body = {**response.json(), "taskId": TASK_ID}
    assert (response.status_code, json.dumps(body, indent=2)) == (202, ACCEPTED)


@pytest.mark.parametrize("count", ["0", "101", '"10"', "null"])
def test_start_automated_gather_error_response(http: Client, count: str) -> None:
    """Section "Start Automated Gather", "Error Response": the body; ``details`` is the key that ErrorResponse adds."""
    response = send(http, REQUEST.replace("10,", f"{count},"))
    body = response.json()
    [detail] = body.pop("details")
    assert (response.status_code, json.dumps(body, indent=2)) == (400, INVALID)
    assert detail["loc"] == ["body", "gatherCount"]


def test_start_automated_gather_validation(http: Client) -> None:
    """Section "Start Automated Gather", "Validation": what is required, and both ranges."""
    for body, status in (
        ('{"gatherCount": 10}', 400),
        ('{"projectId": "a"}', 400),
        ('{"projectId": "a", "gatherCount": 1}', 202),
        ('{"projectId": "a", "gatherCount": 100}', 202),
        ('{"projectId": "a", "gatherCount": 10, "options": {"saveInterval": 1}}', 202),
        ('{"projectId": "a", "gatherCount": 10, "options": {"saveInterval": 50}}', 202),
        ('{"projectId": "a", "gatherCount": 10, "options": {"saveInterval": 0}}', 400),
        ('{"projectId": "a", "gatherCount": 10, "options": {"saveInterval": 51}}', 400),
    ):
        assert send(http, body).status_code == status, body


def test_check_task_status(http: Client, run: GatherRun) -> None:
    """Section "Check Task Status": the whole body."""
    running(run, 5)
    events = TaskEvent.objects.filter(task=run.task)
    events.filter(type=EventType.STARTED).update(created_at=datetime(2025, 10, 4, 11, 55, tzinfo=UTC))
    events.filter(type=EventType.PROGRESS).update(created_at=datetime(2025, 10, 4, 12, 0, tzinfo=UTC))
    same(http.get(f"{BASE}/status/{TASK_ID}"), 200, STATUS)


def test_task_states(http: Client, run: GatherRun) -> None:
    """Section "Check Task Status", "Task States": all six, in the document's words."""

    def state(of: GatherRun) -> str:
        return str(http.get(f"{BASE}/status/{of.task.public_id}").json()["status"])

    user, seen = local_user(), [state(run)]
    context = running(run)
    seen.append(state(run))
    context.checkpoint(progress={"currentIteration": 1, "totalIterations": 10, "percentage": 10, "message": ""})
    seen.append(state(run))
    end(context, State.COMPLETED, result={"completedIterations": 10, "results": []})
    seen.append(state(run))
    failing, revoked = a_run(user), a_run(user)
    end(running(failing), State.FAILED, error="it failed")
    seen.append(state(failing))
    http.delete(f"{BASE}/cancel/{revoked.task.public_id}")
    seen.append(state(revoked))
    assert seen == ["PENDING", "STARTED", "PROGRESS", "SUCCESS", "FAILURE", "REVOKED"]


def test_check_task_status_error_response(http: Client) -> None:
    """Section "Check Task Status", "Error Response (404)"."""
    same(http.get(f"{BASE}/status/{TASK_ID}"), 404, STATUS_UNKNOWN)


def test_cancel_task(http: Client, run: GatherRun) -> None:
    """Section "Cancel Task": five finished iterations, of which two left data (CONTRACT X14)."""
    record(run, 1, 1)
    record(run, 2, 1)
    GatherRun.objects.filter(pk=run.pk).update(completed_iterations=5)
    same(http.delete(f"{BASE}/cancel/{TASK_ID}"), 200, CANCELLED)
    for name in ("gather-001", "gather-002"):
        assert http.get(f"{BASE}/data/{TASK_ID}/{name}").json()["counts"]["images"] == 1


def test_cancel_task_error_response(http: Client) -> None:
    """Section "Cancel Task", "Error Response (404)"."""
    same(http.delete(f"{BASE}/cancel/{TASK_ID}"), 404, CANCEL_UNKNOWN)


def test_security(http: Client) -> None:
    """Section "Security": a key is checked, an origin is answered, input is validated; limits are in test_start.py."""
    assert http.get(f"{BASE}/runs", headers={"X-API-Key": "wrong"}).status_code == 401
    assert http.get(f"{BASE}/runs", headers={"X-API-Key": make_key(make_user())[1]}).status_code == 200
    answer = http.get(f"{BASE}/runs", headers={"Origin": "http://localhost:3000"})
    assert answer["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert send(http, "[]").status_code == 400
    assert not Task.objects.exists()
