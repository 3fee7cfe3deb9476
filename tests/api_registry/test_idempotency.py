"""``Idempotency-Key`` on every POST (CONTRACT X22, X64)."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from tasktypes.models import Task, TaskType
from tests.api_registry.conftest import TASKS, TYPES, lease_of


def twice(client: APIClient, path: str, body: Any, key: str) -> list[Any]:
    return [client.post(path, body, format="json", headers={"Idempotency-Key": key}) for _ in range(2)]


def test_a_repeated_post_is_carried_out_once_and_answered_the_same(client: APIClient, claim: Any) -> None:
    answers = twice(client, TYPES, {"name": "once"}, "type")
    number = answers[0].json()["id"]
    for key in ("task", "other"):
        answers += twice(client, TASKS, {"task_type_id": number, "max_retries": 1}, key)
    answers += twice(client, f"{TASKS}/claim", {"worker": "w", "limit": 1}, "claim")
    (task,) = answers[-1].json()
    path = f"{TASKS}/{task['id']}"
    answers += twice(client, f"{path}/heartbeat", lease_of(task), "beat")
    answers += twice(client, f"{path}/fail", {**lease_of(task), "error_message": "no", "retry": False}, "fail")
    answers += twice(client, f"{path}/retry", {}, "retry")
    (second,) = claim()
    answers += twice(client, f"{TASKS}/{second['id']}/complete", lease_of(second), "complete")
    assert len(answers) == 16
    for first, again in zip(answers[::2], answers[1::2], strict=True):
        assert first.status_code == again.status_code in {200, 201}
        assert first.content == again.content
        assert (first.has_header("Idempotency-Replayed"), again["Idempotency-Replayed"]) == (False, "true")
    assert (TaskType.objects.count(), Task.objects.count()) == (1, 2)


def test_another_body_under_the_same_key_is_refused(client: APIClient) -> None:
    client.post(TYPES, {"name": "a"}, format="json", headers={"Idempotency-Key": "k"})
    response = client.post(TYPES, {"name": "b"}, format="json", headers={"Idempotency-Key": "k"})
    assert response.status_code == 422


def test_without_a_key_equal_tasks_are_different_tasks(make_task: Any) -> None:
    """CONTRACT X64."""
    assert make_task(parameters={"a": 1})["id"] != make_task(parameters={"a": 1})["id"]
