"""``PUT /api/task-types/{id}`` (CONTRACT R07, X23, X37)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api_registry.conftest import TYPES


@pytest.mark.parametrize(
    "change",
    [
        {"description": "Another"},
        {"parameters_schema": {"type": "object"}},
        {"metadata": {"max_retries": 2}},
        {"is_active": False},
    ],
)
def test_what_is_sent_is_changed_and_the_rest_stays(client: APIClient, make_type: Any, change: dict[str, Any]) -> None:
    made = make_type(description="First", parameters_schema={"required": ["a"]}, metadata={"a": 1})
    response = client.put(f"{TYPES}/{made['id']}", change, format="json")
    assert response.status_code == 200
    body = response.json()
    assert body["updated_at"] is not None
    assert body == {**made, **change, "updated_at": body["updated_at"]}


def test_a_deleted_type_is_brought_back(client: APIClient, make_type: Any) -> None:
    made = make_type()
    client.delete(f"{TYPES}/{made['id']}")
    body = client.put(f"{TYPES}/{made['id']}", {"is_active": True}, format="json").json()
    assert body["is_active"] is True
    assert client.post("/api/tasks", {"task_type_id": made["id"]}, format="json").status_code == 201


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"name": "other"}, ["name"]),
        ({"is_active": "yes"}, ["is_active"]),
        ({"metadata": []}, ["metadata"]),
        ({"description": 5}, ["description"]),
    ],
)
def test_a_wrong_body_names_the_field(
    client: APIClient, make_type: Any, change: dict[str, Any], loc: list[str]
) -> None:
    made = make_type()
    response = client.put(f"{TYPES}/{made['id']}", change, format="json")
    assert response.status_code == 422
    assert [fault["loc"] for fault in response.json()["detail"]] == [["body", *loc]]
    assert client.get(f"{TYPES}/{made['id']}").json() == made


def test_a_schema_is_checked_here_too(client: APIClient, make_type: Any) -> None:
    made = make_type()
    response = client.put(f"{TYPES}/{made['id']}", {"parameters_schema": {"type": 5}}, format="json")
    assert response.status_code == 422


def test_only_its_creator_and_staff_change_it(
    client: APIClient, owned: APIClient, stranger: APIClient, make_type: Any
) -> None:
    made = make_type(by=owned)
    refused = stranger.put(f"{TYPES}/{made['id']}", {"description": "mine"}, format="json")
    assert (refused.status_code, refused.json()) == (403, {"detail": "Access denied to this resource"})
    for allowed in (owned, client):
        assert allowed.put(f"{TYPES}/{made['id']}", {"description": "ours"}, format="json").status_code == 200


def test_an_unknown_type_is_not_found(client: APIClient) -> None:
    assert client.put(f"{TYPES}/999", {}, format="json").status_code == 404
