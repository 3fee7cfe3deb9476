"""``POST /api/tasks/{id}/fail`` and automatic retry (CONTRACT R33, X36)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.test import APIClient

from tasktypes.models import Task
from tests.api_registry.conftest import TASKS, lease_of


def fail(client: APIClient, task: dict[str, Any], **more: Any) -> Any:
    body = {**lease_of(task), "error_message": "disk full", **more}
    return client.post(f"{TASKS}/{task['id']}/fail", body, format="json")


def test_without_retries_the_task_has_failed(client: APIClient, make_task: Any, claim: Any) -> None:
    make_task()
    (task,) = claim()
    body = fail(client, task, result={"done": 3}).json()
    assert (body["status"], body["error_message"], body["result"]) == ("failed", "disk full", {"done": 3})
    assert body["completed_at"] is not None
    assert claim() == []


def test_it_is_tried_again_with_growing_pauses_while_its_budget_lasts(
    client: APIClient, make_type: Any, make_task: Any, claim: Any
) -> None:
    made = make_type(metadata={"max_retries": 2, "backoff": 40})
    number = make_task(task_type_id=made["id"])["id"]
    for retries, pause in ((1, 40), (2, 80)):
        (task,) = claim()
        body = fail(client, task).json()
        assert (body["status"], body["retries"], body["error_message"]) == ("pending", retries, "disk full")
        due = Task.objects.get(pk=number).due_at
        assert due is not None
        assert timedelta(seconds=pause - 30) < due - timezone.now() <= timedelta(seconds=pause)
        assert claim() == []
        Task.objects.filter(pk=number).update(due_at=timezone.now() - timedelta(seconds=1))  # The pause passes.
    (task,) = claim()
    assert (task["attempt"], fail(client, task).json()["status"]) == (3, "failed")


def test_the_budget_of_a_task_is_its_own_where_it_has_one(client: APIClient, make_task: Any, claim: Any) -> None:
    make_task(max_retries=1)
    (task,) = claim()
    assert fail(client, task).json()["status"] == "pending"


def test_a_failure_that_cannot_be_helped_is_not_tried_again(client: APIClient, make_task: Any, claim: Any) -> None:
    make_task(max_retries=5)
    (task,) = claim()
    assert fail(client, task, retry=False).json()["status"] == "failed"


def test_repeating_it_is_answered_the_same_and_another_word_is_refused(
    client: APIClient, make_task: Any, claim: Any
) -> None:
    make_task()
    (task,) = claim()
    assert fail(client, task).json() == fail(client, task).json()
    assert client.post(f"{TASKS}/{task['id']}/complete", lease_of(task), format="json").status_code == 409


def test_whoever_does_not_hold_the_task_cannot_fail_it(
    client: APIClient, stranger: APIClient, make_task: Any, claim: Any
) -> None:
    make_task()
    (task,) = claim()
    assert fail(client, {**task, "lease_token": "guessed"}).status_code == 409
    assert fail(stranger, task).status_code == 403
    assert fail(client, {**task, "id": 999_999}).status_code == 404
    assert fail(client, task, error_message="").status_code == 422
