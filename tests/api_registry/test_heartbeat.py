"""``POST /api/tasks/{id}/heartbeat`` (CONTRACT X36, D16)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from tasktypes.models import Task, TaskEvent
from tests.api_registry.conftest import TASKS, lease_of


def beat(client: APIClient, task: dict[str, Any], **more: Any) -> Any:
    return client.post(f"{TASKS}/{task['id']}/heartbeat", {**lease_of(task), **more}, format="json")


def test_the_lease_is_renewed(client: APIClient, make_task: Any, claim: Any) -> None:
    make_task()
    (task,) = claim(lease_seconds=5)
    response = beat(client, task, lease_seconds=600)
    assert response.status_code == 200
    body = response.json()
    assert list(body) == ["id", "status", "attempt", "lease_expires_at", "cancel"]
    assert (body["id"], body["status"], body["attempt"], body["cancel"]) == (task["id"], "running", 1, False)
    expires = Task.objects.get(pk=task["id"]).lease_expires_at
    assert expires is not None and expires > timezone.now() + timedelta(seconds=500)


def test_progress_is_stored_and_shown(client: APIClient, make_task: Any, claim: Any) -> None:
    make_task()
    (task,) = claim()
    assert beat(client, task, progress={"percent": 40}).status_code == 200
    assert client.get(f"{TASKS}/{task['id']}").json()["progress"] == {"percent": 40}
    assert TaskEvent.objects.filter(task_id=task["id"], type="progress", data={"percent": 40}).count() == 1


def test_another_token_or_attempt_is_refused(client: APIClient, make_task: Any, claim: Any) -> None:
    make_task()
    (task,) = claim()
    assert beat(client, {**task, "lease_token": "guessed"}).status_code == 409
    assert beat(client, {**task, "attempt": 2}).status_code == 409


def test_after_the_end_it_is_refused(client: APIClient, make_task: Any, claim: Any) -> None:
    make_task()
    (task,) = claim()
    client.post(f"{TASKS}/{task['id']}/complete", lease_of(task), format="json")
    response = beat(client, task)
    assert response.status_code == 409
    assert "it is completed" in response.json()["detail"]


@pytest.mark.parametrize("change", [{"attempt": "1"}, {"lease_token": ""}, {"progress": 5}, {"lease_seconds": 1e6}])
def test_a_wrong_body_names_the_field(client: APIClient, make_task: Any, claim: Any, change: dict[str, Any]) -> None:
    make_task()
    (task,) = claim()
    response = beat(client, task, **change)
    assert response.status_code == 422
    assert [fault["loc"] for fault in response.json()["detail"]] == [["body", *change]]


def test_a_stranger_and_an_unknown_task(client: APIClient, stranger: APIClient, make_task: Any, claim: Any) -> None:
    make_task()
    (task,) = claim()
    assert beat(stranger, task).status_code == 403
    assert beat(client, {**task, "id": 999_999}).status_code == 404
