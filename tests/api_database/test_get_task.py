"""``GET /tasks/{task_id}`` (CONTRACT D07, D09, X43, X44, 1.1)."""

from __future__ import annotations

import re
from typing import Any

import pytest
from rest_framework.test import APIClient

from tasktypes.models import Task
from tasktypes.services.claim import claim
from tasktypes.services.settle import Settlement, settle
from tasktypes.states import State
from tests.api_database.conftest import PAYLOAD, Fussy, create, fault
from tests.ledger import run_all


def get(client: APIClient, task_id: Any) -> Any:
    response = client.get(f"/tasks/{task_id}")
    assert response.status_code == 200
    return response.json()


def test_a_finished_task_shows_its_result_as_an_object(api: APIClient) -> None:
    task_id = create(api)["id"]
    run_all()
    task = get(api, task_id)
    assert (task["status"], task["task_payload"]) == ("success", PAYLOAD)
    assert task["result_data"] == {"message": "this", "count": 1, "said": ["this"]}
    for key in ("created_at", "started_at", "last_run_at", "completed_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", task[key])


def test_a_running_task_is_not_started_with_a_start(api: APIClient) -> None:
    task_id = create(api)["id"]
    claim(task_id, 0, worker="tests", carrier="one")
    task = get(api, task_id)
    assert (task["status"], task["completed_at"]) == ("not_started", None)
    assert task["started_at"] == task["last_run_at"] is not None


def test_a_task_between_two_attempts_keeps_its_last_run_only(api: APIClient) -> None:
    task_id = create(api)["id"]
    claim(task_id, 0, worker="tests", carrier="one")
    settle([Settlement(task_id=task_id, attempt=1, status=State.PENDING, error_message="RuntimeError: no", delay=60)])
    task = get(api, task_id)
    assert (task["status"], task["started_at"], task["retries"]) == ("not_started", None, 1)
    assert task["last_run_at"] is not None
    assert task["error_message"] == "RuntimeError: no"


def test_a_failed_task_is_an_error_with_its_message(api: APIClient, fussy: Fussy) -> None:
    task_id = create(api, "tests.fussy", fail=True)["id"]
    run_all()
    task = get(api, task_id)
    assert (task["status"], task["error_message"], task["result_data"]) == ("error", "it was told to fail", None)


def test_a_task_of_another_api_is_seen_in_these_words(api: APIClient) -> None:
    """CONTRACT X03."""
    made = api.post("/api/task-types", {"name": "resize"}, format="json").json()
    task_id = api.post("/api/tasks", {"task_type_id": made["id"], "parameters": {"a": 1}}, format="json").json()["id"]
    task = get(api, task_id)
    assert (task["task_name"], task["task_payload"], task["status"]) == ("resize", {"a": 1}, "not_started")


@pytest.mark.parametrize("number", ["0", "987654", "9" * 30, "9" * 5000])
def test_an_unknown_number_is_404(api: APIClient, number: str) -> None:
    response = api.get(f"/tasks/{number}")
    if len(number) > 4000:  # More digits than Python reads.
        assert response.status_code == 422
    else:
        assert (response.status_code, response.json()) == (404, {"detail": f"Task {number} not found"})


@pytest.mark.parametrize("text", ["abc", "-1", "1.5", "ExampleDatabaseTask", "٣"])
def test_only_whole_numbers_are_ids(api: APIClient, text: str) -> None:
    for ask in (api.get, api.delete):
        assert fault(ask(f"/tasks/{text}")) == (
            ["path", "task_id"],
            "value is not a valid integer",
            "type_error.integer",
        )


def test_somebody_elses_task_is_403_and_staff_see_it(client: APIClient, stranger: APIClient, api: APIClient) -> None:
    task_id = create(client)["id"]
    response = stranger.get(f"/tasks/{task_id}")
    assert (response.status_code, response.json()) == (403, {"detail": "Access denied to this resource"})
    assert get(api, task_id)["id"] == task_id
    assert Task.objects.get().created_by is not None
