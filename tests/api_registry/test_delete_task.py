"""``DELETE /api/tasks/{id}`` (CONTRACT R19, X29, X70)."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from tasktypes.models import Task, TaskEvent
from tasktypes.services.submit import NewTask, submit
from tests.api_registry.conftest import TASKS, lease_of


def test_nothing_is_left_of_it(client: APIClient, make_task: Any) -> None:
    number = make_task()["id"]
    assert client.delete(f"{TASKS}/{number}").status_code == 204
    assert client.delete(f"{TASKS}/{number}").status_code == 404
    assert not Task.objects.filter(pk=number).exists() and not TaskEvent.objects.filter(task_id=number).exists()
    assert client.get(TASKS)["X-Total-Count"] == "0"


def test_a_worker_that_held_it_hears_that_it_is_gone(client: APIClient, make_task: Any, claim: Any) -> None:
    number = make_task()["id"]
    (task,) = claim()
    assert client.delete(f"{TASKS}/{number}").status_code == 204
    assert client.post(f"{TASKS}/{number}/complete", lease_of(task), format="json").status_code == 404


def test_what_waits_for_it_fails_and_says_so(client: APIClient, make_task: Any) -> None:
    first = make_task()
    second = make_task(depends_on=[first["id"]])
    client.delete(f"{TASKS}/{first['id']}")
    body = client.get(f"{TASKS}/{second['id']}").json()
    assert body["status"] == "failed"
    assert first["public_id"] in body["error_message"] and "deleted" in body["error_message"]


def test_a_task_that_a_handler_runs_is_not_deleted(client: APIClient) -> None:
    row = submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=None)[0]
    response = client.delete(f"{TASKS}/{row.pk}")
    assert response.status_code == 409
    assert "cancel it instead" in response.json()["detail"]


def test_somebody_elses_task_is_not_deleted(
    owned: APIClient, stranger: APIClient, make_type: Any, make_task: Any
) -> None:
    number = make_task(by=owned, task_type_id=make_type()["id"])["id"]
    assert stranger.delete(f"{TASKS}/{number}").status_code == 403
    assert owned.delete(f"{TASKS}/{number}").status_code == 204
