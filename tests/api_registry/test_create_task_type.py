"""``POST /api/task-types`` (CONTRACT R01–R04, R09)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from tasktypes.models import TaskType, Worker
from tests.api_registry.conftest import TYPES


def test_a_type_is_created_with_nothing_but_a_name(client: APIClient) -> None:
    """CONTRACT R03: metadata and parameters_schema may be missing, or null."""
    for name, rest in (("short", {}), ("nulls", {"metadata": None, "parameters_schema": None, "description": None})):
        response = client.post(TYPES, {"name": name, **rest}, format="json")
        assert response.status_code == 201
        body = response.json()
        assert (body["description"], body["parameters_schema"], body["metadata"]) == ("", {}, {})
        assert (body["is_active"], body["updated_at"]) == (True, None)
        assert client.get(f"{TYPES}/{body['id']}").json() == body


def test_no_worker_has_to_run(client: APIClient) -> None:
    """CONTRACT R09."""
    assert not Worker.objects.exists()
    assert client.post(TYPES, {"name": "lonely"}, format="json").status_code == 201


def test_a_name_is_unique_also_among_inactive_types(client: APIClient, make_type: Any) -> None:
    """CONTRACT R04."""
    made = make_type("once")
    for _ in range(2):
        response = client.post(TYPES, {"name": "once"}, format="json")
        assert response.status_code == 409
        assert "once" in response.json()["detail"]
        client.delete(f"{TYPES}/{made['id']}")


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({}, ["name"], "value_error.missing"),
        ({"name": ""}, ["name"], "value_error.any_str.min_length"),
        ({"name": "x" * 201}, ["name"], "value_error.any_str.max_length"),
        ({"name": 5}, ["name"], "type_error.str"),
        ({"name": "a", "parameters_schema": []}, ["parameters_schema"], "type_error.dict"),
        ({"name": "a", "metadata": "m"}, ["metadata"], "type_error.dict"),
        ({"name": "a", "is_active": False}, ["is_active"], "value_error.extra"),
        ({"name": "stats"}, ["name"], "value_error"),
        ({"name": "tasktypes.housekeeping"}, ["name"], "value_error"),
        ({"name": "a", "metadata": {"max_retries": 101}}, ["metadata", "max_retries"], "value_error"),
        ({"name": "a", "metadata": {"backoff": "soon"}}, ["metadata", "backoff"], "value_error"),
    ],
)
def test_a_wrong_body_names_the_field(client: APIClient, body: dict[str, Any], loc: list[str], kind: str) -> None:
    response = client.post(TYPES, body, format="json")
    assert response.status_code == 422, response.content
    assert [(fault["loc"], fault["type"]) for fault in response.json()["detail"]] == [(["body", *loc], kind)]
    assert not TaskType.objects.exists()


@pytest.mark.parametrize(
    "schema", [{"type": "nonsense"}, {"properties": []}, {"$ref": "http://example.com/schema.json"}]
)
def test_a_schema_is_checked_when_it_is_stored(client: APIClient, schema: dict[str, Any]) -> None:
    """CONTRACT R28, RELIABILITY.md: what is not a schema, or would fetch something, is refused with its place."""
    response = client.post(TYPES, {"name": "a", "parameters_schema": schema}, format="json")
    assert response.status_code == 422
    assert {tuple(fault["loc"][:2]) for fault in response.json()["detail"]} == {("body", "parameters_schema")}


def test_what_is_not_json_is_refused(client: APIClient) -> None:
    assert client.post(TYPES, "{", content_type="application/json").status_code == 422
    assert client.post(TYPES, "name=a", content_type="application/x-www-form-urlencoded").status_code == 415
