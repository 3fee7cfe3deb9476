"""``PUT /api/tasks/{id}`` (CONTRACT R16–R18, X23, X36)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from tasktypes.models import Task
from tasktypes.services.submit import NewTask, submit
from tests.api_registry.conftest import TASKS, lease_of


def put(client: APIClient, number: int, **change: Any) -> Any:
    return client.put(f"{TASKS}/{number}", change, format="json")


def test_what_is_sent_is_changed_and_the_rest_stays(client: APIClient, make_task: Any) -> None:
    task = make_task(parameters={"a": 1}, metadata={"m": 1}, priority=7)
    for change in (
        {"priority": 25},
        {"parameters": {"b": 2}},
        {"metadata": {"n": 2}},
        {"result": {"half": True}},
        {"error_message": "not yet"},
        {"result": None},
    ):
        response = put(client, task["id"], **change)
        assert response.status_code == 200
        body = response.json()
        assert body["updated_at"] is not None
        assert body == {**task, **change, "updated_at": body["updated_at"]}
        task = body


def test_null_leaves_alone_what_cannot_be_null(client: APIClient, make_task: Any) -> None:
    task = make_task(priority=7, parameters={"a": 1})
    body = put(client, task["id"], priority=None, parameters=None, metadata=None, status=None).json()
    assert (body["priority"], body["parameters"], body["status"]) == (7, {"a": 1}, "pending")


def test_a_change_of_priority_changes_the_order(client: APIClient, make_task: Any, claim: Any) -> None:
    first, second = make_task(), make_task()
    put(client, second["id"], priority=1)
    assert [task["id"] for task in claim(limit=2)] == [second["id"], first["id"]]


@pytest.mark.parametrize("way", [["running", "completed"], ["completed"], ["failed"], ["running", "cancelled"]])
def test_the_documented_flows_are_allowed(client: APIClient, make_task: Any, way: list[str]) -> None:
    number = make_task()["id"]
    for status in way:
        response = put(client, number, status=status)
        assert (response.status_code, response.json()["status"]) == (200, status)
    assert response.json()["completed_at"] is not None


@pytest.mark.parametrize("ended", ["completed", "failed", "cancelled"])
def test_an_ended_task_keeps_its_status(client: APIClient, make_task: Any, ended: str) -> None:
    number = make_task()["id"]
    put(client, number, status=ended)
    for status in {"pending", "running", "completed", "failed", "cancelled"} - {ended}:
        response = put(client, number, status=status)
        assert response.status_code == 409, status
    assert put(client, number, status=ended, metadata={"seen": True}).json()["metadata"] == {"seen": True}


def test_what_was_set_to_running_by_hand_is_not_handed_out(client: APIClient, make_task: Any, claim: Any) -> None:
    put(client, make_task()["id"], status="running")
    assert claim(limit=10) == []


def test_a_cancel_reaches_the_worker_that_holds_the_task(client: APIClient, make_task: Any, claim: Any) -> None:
    number = make_task()["id"]
    (task,) = claim()
    body = put(client, number, status="cancelled").json()
    assert (body["status"], body["cancel_requested"]) == ("running", True)
    beat = client.post(f"{TASKS}/{number}/heartbeat", lease_of(task), format="json").json()
    assert beat["cancel"] is True
    stopped = client.post(
        f"{TASKS}/{number}/fail", {**lease_of(task), "error_message": "stopped"}, format="json"
    ).json()
    assert stopped["status"] in {"cancelled", "failed"}
    assert stopped["completed_at"] is not None


def test_new_parameters_are_checked(client: APIClient, make_type: Any, make_task: Any) -> None:
    made = make_type(parameters_schema={"required": ["a"]})
    number = make_task(task_type_id=made["id"], parameters={"a": 1})["id"]
    response = put(client, number, parameters={"b": 1})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"][:2] == ["body", "parameters"]


@pytest.mark.parametrize("change", [{"priority": 0}, {"status": "done"}, {"id": 5}, {"result": []}, {"task_type": "x"}])
def test_a_wrong_body_names_the_field(client: APIClient, make_task: Any, change: dict[str, Any]) -> None:
    response = put(client, make_task()["id"], **change)
    assert response.status_code == 422
    assert [fault["loc"] for fault in response.json()["detail"]] == [["body", *change]]


def test_of_a_task_that_a_handler_runs_only_cancel_priority_and_metadata_can_be_set(client: APIClient) -> None:
    row = submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=None)[0]
    for change in ({"status": "completed"}, {"result": {}}, {"parameters": {}}, {"max_retries": 1}):
        assert put(client, row.pk, **change).status_code == 409, change
    assert put(client, row.pk, priority=3, metadata={"a": 1}).json()["priority"] == 3
    assert put(client, row.pk, status="cancelled").json()["status"] == "cancelled"


def test_somebody_elses_task_is_not_changed(
    owned: APIClient, stranger: APIClient, make_type: Any, make_task: Any
) -> None:
    task = make_task(by=owned, task_type_id=make_type()["id"])
    for change in ({"priority": 1}, {"max_retries": 1}, {"status": "cancelled"}):
        assert put(stranger, task["id"], **change).status_code == 403
    assert owned.get(f"{TASKS}/{task['id']}").json() == task


def test_an_unknown_task_is_not_found(client: APIClient) -> None:
    assert put(client, 999, priority=1).status_code == 404


def test_a_refused_part_leaves_the_whole_unchanged(client: APIClient, make_task: Any) -> None:
    task = make_task()
    assert put(client, task["id"], max_retries=3, status="pending", depends_on=[10**6]).status_code == 400
    assert client.get(f"{TASKS}/{task['id']}").json() == task
    assert Task.objects.get(pk=task["id"]).max_retries == 0
