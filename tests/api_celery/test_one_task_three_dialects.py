"""One task through C, D and R: one row in the ledger, and each dialect's own words for it (CONTRACT X03, 1.1)."""

from __future__ import annotations

from typing import Any

from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from tasktypes.models import Task
from tasktypes.services.claim import claim
from tasktypes.services.context import LeasedContext
from tests.api_celery.launching import status
from tests.ledger import run_task

EXAMPLE = "ExampleDatabaseTask"


def words(client: APIClient, task: Task) -> tuple[str, str, str]:
    """Return the task's status in C, R and D."""
    registry = client.get(f"/api/tasks/{task.pk}")
    database = client.get(f"/tasks/{task.pk}")
    assert (registry.status_code, database.status_code) == (200, 200)
    return status(client, task)["status"], registry.json()["status"], database.json()["status"]


def retry(client: APIClient, path: str, expected: int) -> Any:
    response = client.post(f"{path}/retry")
    assert response.status_code == expected, response.json()
    return response.json()


def test_a_task_made_in_d_is_followed_in_all_three_to_its_success(client: APIClient) -> None:
    created = client.post(f"/tasks/{EXAMPLE}", {"payload": {"message": "this", "count": 1}}, format="json")
    assert created.status_code == 201
    task = Task.objects.get(pk=created.json()["id"])
    assert words(client, task) == ("PENDING", "pending", "not_started")
    run_task(task)
    assert words(client, task) == ("SUCCESS", "completed", "success")
    shown = status(client, task)
    assert shown["result"] == client.get(f"/tasks/{task.pk}").json()["result_data"]
    assert shown["result"] == client.get(f"/api/tasks/{task.pk}").json()["result"]
    for path in (f"/api/celery/tasks/history?task_type={EXAMPLE}", f"/api/tasks?task_type={EXAMPLE}"):
        assert len(client.get(path).json()) == 1
    assert client.get(f"/tasks?task_name={EXAMPLE}").json()["total"] == 1


def test_each_state_of_a_task_launched_in_c_has_its_word_in_each_dialect(client: APIClient) -> None:
    launched = client.post(
        "/api/celery/tasks/launch", {"task_type": EXAMPLE, "params": {"message": "this", "count": 1}}, format="json"
    ).json()
    task = Task.objects.get(public_id=launched["task_id"])
    assert words(client, task) == ("PENDING", "pending", "not_started")
    claimed = claim(task.pk, 0, worker="tests", carrier="m")
    assert claimed is not None
    assert words(client, task) == ("STARTED", "running", "not_started")
    assert client.get(f"/tasks/{task.pk}").json()["started_at"] is not None
    LeasedContext(claimed, time_limit=60).checkpoint(progress={"current": 0, "total": 1})
    assert words(client, task) == ("PROGRESS", "running", "not_started")


def test_a_cancel_in_one_dialect_is_a_cancel_in_all(client: APIClient) -> None:
    """CONTRACT X28: one service behind all cancel verbs."""

    def pending(number: int) -> Task:
        body = {"payload": {"message": f"number {number}", "count": 1}}
        return Task.objects.get(pk=client.post(f"/tasks/{EXAMPLE}", body, format="json").json()["id"])

    in_c, in_d, in_r = pending(1), pending(2), pending(3)
    assert client.delete(f"/api/celery/tasks/{in_c.public_id}").status_code == 200
    assert client.delete(f"/tasks/{in_d.pk}").status_code == 200
    assert client.put(f"/api/tasks/{in_r.pk}", {"status": "cancelled"}, format="json").status_code == 200
    for task in (in_c, in_d, in_r):
        assert words(client, task) == ("REVOKED", "cancelled", "error")
        assert client.get(f"/tasks/{task.pk}").json()["result_data"]["cancelled"] is True


def test_a_failure_is_retried_under_a_new_id_in_c_and_under_its_own_in_d(
    client: APIClient, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    """CONTRACT X30; what D reopens is not answered from C's cache."""
    body = {"payload": {"name": "Ann", "fail": True}}
    task = Task.objects.get(pk=client.post("/tasks/tests.greet_somebody", body, format="json").json()["id"])
    run_task(task)
    assert words(client, task) == ("FAILURE", "failed", "error")
    new = retry(client, f"/api/celery/tasks/{task.public_id}", 202)
    assert words(client, Task.objects.get(public_id=new["task_id"])) == ("PENDING", "pending", "not_started")
    assert words(client, task) == ("FAILURE", "failed", "error")
    with django_capture_on_commit_callbacks(execute=True):
        assert retry(client, f"/tasks/{task.pk}", 200)["id"] == task.pk
    assert words(client, task) == ("RETRY", "pending", "not_started")


def test_a_task_for_outside_workers_is_seen_in_c_while_it_goes_from_hand_to_hand(client: APIClient) -> None:
    made = client.post("/api/task-types", {"name": "resize", "parameters_schema": {"type": "object"}}, format="json")
    assert made.status_code == 201
    created = client.post("/api/tasks", {"task_type_id": made.json()["id"], "parameters": {"width": 5}}, format="json")
    assert created.status_code == 201
    task = Task.objects.get(pk=created.json()["id"])
    assert words(client, task) == ("PENDING", "pending", "not_started")
    (leased,) = client.post("/api/tasks/claim", {"worker": "shell"}, format="json").json()
    fence = {"attempt": leased["attempt"], "lease_token": leased["lease_token"]}
    assert words(client, task) == ("STARTED", "running", "not_started")
    done = client.post(f"/api/tasks/{task.pk}/complete", {**fence, "result": {"ok": True}}, format="json")
    assert done.status_code == 200, done.json()
    assert words(client, task) == ("SUCCESS", "completed", "success")
    assert status(client, task)["result"] == {"ok": True}
