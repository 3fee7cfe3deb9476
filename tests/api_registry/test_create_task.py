"""``POST /api/tasks`` (CONTRACT R10–R12, R22, R28, R34, X34)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from pixtasks.common.times import wire_time
from tasktypes.api.registry import schemas
from tasktypes.models import Task
from tests.api_registry.conftest import TASKS

SCHEMA = {
    "type": "object",
    "properties": {"format": {"enum": ["mp4", "webm"]}, "size": {"type": "object", "required": ["width"]}},
    "required": ["format"],
}


def test_a_task_is_created_with_the_defaults(client: APIClient, make_type: Any) -> None:
    made = make_type("plain", metadata={"max_retries": 2})
    response = client.post(TASKS, {"task_type_id": made["id"]}, format="json")
    assert response.status_code == 201
    body = response.json()
    assert list(body) == list(schemas.RegistryTask.model_fields)
    assert (body["status"], body["priority"], body["parameters"], body["metadata"]) == ("pending", 100, {}, {})
    assert (body["task_type"], body["max_retries"], body["depends_on"]) == ("plain", 2, [])
    assert (body["updated_at"], body["started_at"], body["completed_at"]) == (None, None, None)
    assert client.get(f"{TASKS}/{body['id']}").json() == body


@pytest.mark.parametrize("priority", [1, 1000])
def test_priorities_reach_from_1_to_1000(make_task: Any, priority: int) -> None:
    assert make_task(priority=priority)["priority"] == priority


@pytest.mark.parametrize(
    ("change", "loc", "kind"),
    [
        ({"priority": 0}, ["priority"], "value_error.number.not_ge"),
        ({"priority": 1001}, ["priority"], "value_error.number.not_le"),
        ({"priority": "high"}, ["priority"], "type_error.integer"),
        ({"priority": True}, ["priority"], "type_error.integer"),
        ({"task_type_id": "1"}, ["task_type_id"], "type_error.integer"),
        ({"task_type_id": 2**63}, ["task_type_id"], "value_error.number.not_le"),
        ({"parameters": []}, ["parameters"], "type_error.dict"),
        ({"metadata": 5}, ["metadata"], "type_error.dict"),
        ({"run_after": "tomorrow"}, ["run_after"], "value_error.datetime"),
        ({"run_after": 1_800_000_000}, ["run_after"], "value_error.datetime"),
        ({"max_retries": 101}, ["max_retries"], "value_error.number.not_le"),
        ({"depends_on": ["1"]}, ["depends_on", 0], "type_error.integer"),
        ({"on_dependency_failure": "cry"}, ["on_dependency_failure"], "type_error.enum"),
        ({"status": "running"}, ["status"], "value_error.extra"),
        ({"created_by": 1}, ["created_by"], "value_error.extra"),
    ],
)
def test_a_wrong_body_names_the_field(
    client: APIClient, make_type: Any, change: dict[str, Any], loc: list[str | int], kind: str
) -> None:
    response = client.post(TASKS, {"task_type_id": make_type()["id"], **change}, format="json")
    assert response.status_code == 422, response.content
    assert [(fault["loc"], fault["type"]) for fault in response.json()["detail"]] == [(["body", *loc], kind)]
    assert not Task.objects.exists()


def test_parameters_are_checked_against_the_schema_each_fault_with_its_path(client: APIClient, make_type: Any) -> None:
    made = make_type(parameters_schema=SCHEMA)
    wrong = {"format": "avi", "size": {}}
    response = client.post(TASKS, {"task_type_id": made["id"], "parameters": wrong}, format="json")
    assert response.status_code == 422
    places = [fault["loc"][:3] for fault in response.json()["detail"]]
    assert sorted(places) == [["body", "parameters", "format"], ["body", "parameters", "size"]]
    missing = client.post(TASKS, {"task_type_id": made["id"]}, format="json").json()["detail"]
    assert "format" in missing[0]["msg"] or "format" in missing[0]["loc"]
    right = {"format": "mp4", "undeclared": "is accepted"}
    assert client.post(TASKS, {"task_type_id": made["id"], "parameters": right}, format="json").status_code == 201


def test_a_type_may_say_that_its_parameters_are_not_checked(make_type: Any, make_task: Any) -> None:
    """CONTRACT X34."""
    made = make_type(parameters_schema=SCHEMA, metadata={"validate_parameters": False})
    assert make_task(task_type_id=made["id"], parameters={"format": "avi"})["parameters"] == {"format": "avi"}


def test_a_task_with_a_time_waits_for_it(make_task: Any, claim: Any) -> None:
    """CONTRACT R34."""
    later = make_task(run_after=wire_time(timezone.now() + timedelta(hours=1)))
    past = make_task(run_after="2020-01-01T00:00:00+02:00")
    assert past["run_after"] == "2019-12-31T22:00:00Z"
    assert [task["id"] for task in claim(limit=10)] == [past["id"]]
    Task.objects.filter(pk=later["id"]).update(due_at=timezone.now() - timedelta(seconds=1))  # An hour passes.
    assert [task["id"] for task in claim(limit=10)] == [later["id"]]


def test_types_may_be_used_by_everybody_and_the_task_is_the_callers(
    owned: APIClient, stranger: APIClient, make_type: Any, make_task: Any
) -> None:
    task = make_task(by=owned, task_type_id=make_type()["id"])
    assert owned.get(f"{TASKS}/{task['id']}").status_code == 200
    assert stranger.get(f"{TASKS}/{task['id']}").status_code == 403


def test_a_body_above_a_megabyte_is_refused(client: APIClient, make_type: Any) -> None:
    body = {"task_type_id": make_type()["id"], "parameters": {"text": "x" * 1_100_000}}
    assert client.post(TASKS, body, format="json").status_code == 413
