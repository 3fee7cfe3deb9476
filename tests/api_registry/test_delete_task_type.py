"""``DELETE /api/task-types/{id}`` (CONTRACT R08, R11, X35)."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from tests.api_registry.conftest import TASKS, TYPES


def test_the_row_and_its_tasks_remain(client: APIClient, make_type: Any, make_task: Any) -> None:
    made = make_type("fading")
    task = make_task(task_type_id=made["id"])
    response = client.delete(f"{TYPES}/{made['id']}")
    assert (response.status_code, response.content) == (204, b"")
    assert client.get(f"{TYPES}/{made['id']}").json()["is_active"] is False
    assert client.get(f"{TASKS}/{task['id']}").json() == task


def test_no_task_of_it_is_created_any_more(client: APIClient, make_type: Any) -> None:
    made = make_type()
    client.delete(f"{TYPES}/{made['id']}")
    response = client.post(TASKS, {"task_type_id": made["id"]}, format="json")
    assert response.status_code == 400
    assert f"Task type {made['id']} is inactive" in response.json()["detail"]


def test_only_its_creator_and_staff_delete_it(owned: APIClient, stranger: APIClient, make_type: Any) -> None:
    made = make_type(by=owned)
    assert stranger.delete(f"{TYPES}/{made['id']}").status_code == 403
    assert owned.delete(f"{TYPES}/{made['id']}").status_code == 204


def test_an_unknown_type_is_not_found(client: APIClient) -> None:
    assert client.delete(f"{TYPES}/999").status_code == 404
