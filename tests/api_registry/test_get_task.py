"""``GET /api/tasks/{id}`` (CONTRACT R15, X03, X23, X34)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from tasktypes.services.submit import NewTask, submit
from tests.api_registry.conftest import TASKS


def test_a_task_is_read_by_its_owner_and_staff(
    client: APIClient, owned: APIClient, stranger: APIClient, make_type: Any, make_task: Any
) -> None:
    task = make_task(by=owned, task_type_id=make_type()["id"])
    for reader in (owned, client):
        assert reader.get(f"{TASKS}/{task['id']}/").json() == task
    refused = stranger.get(f"{TASKS}/{task['id']}")
    assert (refused.status_code, refused.json()) == (403, {"detail": "Access denied to this resource"})


@pytest.mark.parametrize("number", [999, 2**63])
def test_an_unknown_number_is_not_found(client: APIClient, number: int) -> None:
    response = client.get(f"{TASKS}/{number}")
    assert (response.status_code, response.json()) == (404, {"detail": f"Task {number} not found"})


def test_a_task_that_a_handler_runs_is_seen_here_too(client: APIClient) -> None:
    row = submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=None)[0]
    body = client.get(f"{TASKS}/{row.pk}").json()
    assert (body["task_type_id"], body["task_type"], body["status"]) == (None, "tasktypes.housekeeping", "pending")
