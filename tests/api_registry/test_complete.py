"""``POST /api/tasks/{id}/complete`` (CONTRACT X36)."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from tests.api_registry.conftest import TASKS, lease_of


def complete(client: APIClient, task: dict[str, Any], **more: Any) -> Any:
    return client.post(f"{TASKS}/{task['id']}/complete", {**lease_of(task), **more}, format="json")


def test_the_task_is_completed_with_its_result(client: APIClient, make_task: Any, claim: Any) -> None:
    make_task()
    (task,) = claim()
    response = complete(client, task, result={"clusters": 5})
    assert response.status_code == 200
    body = response.json()
    assert (body["status"], body["result"], body["error_message"]) == ("completed", {"clusters": 5}, None)
    assert body["completed_at"] is not None
    assert client.get(f"{TASKS}/{task['id']}").json() == body


def test_repeating_it_is_answered_the_same(client: APIClient, make_task: Any, claim: Any) -> None:
    make_task()
    (task,) = claim()
    first = complete(client, task, result={"n": 1})
    again = complete(client, task, result={"n": 2})
    assert (again.status_code, again.json()) == (200, first.json())


def test_whoever_does_not_hold_the_task_cannot_complete_it(
    client: APIClient, stranger: APIClient, make_task: Any, claim: Any
) -> None:
    make_task()
    (task,) = claim()
    assert complete(client, {**task, "lease_token": "guessed"}).status_code == 409
    assert complete(stranger, task).status_code == 403
    assert complete(client, {**task, "id": 999_999}).status_code == 404
    client.put(f"{TASKS}/{task['id']}", {"status": "failed"}, format="json")
    assert complete(client, task).status_code == 409


def test_a_wrong_body_names_the_field(client: APIClient, make_task: Any, claim: Any) -> None:
    make_task()
    (task,) = claim()
    assert complete(client, task, result=[]).json()["detail"][0]["loc"] == ["body", "result"]
    assert complete(client, {**task, "attempt": 0}).status_code == 422
