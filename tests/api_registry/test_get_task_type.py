"""``GET /api/task-types/{id}`` (CONTRACT R06)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from tests.api_registry.conftest import TYPES


def test_a_type_is_read_by_everybody_with_and_without_slash(
    client: APIClient, owned: APIClient, make_type: Any
) -> None:
    """CONTRACT X08, X23."""
    made = make_type()
    for reader in (client, owned):
        for path in (f"{TYPES}/{made['id']}", f"{TYPES}/{made['id']}/"):
            response = reader.get(path)
            assert (response.status_code, response.json()) == (200, made)


@pytest.mark.parametrize("number", [999, 2**63, 10**30])
def test_an_unknown_number_is_not_found(client: APIClient, number: int) -> None:
    response = client.get(f"{TYPES}/{number}")
    assert (response.status_code, response.json()) == (404, {"detail": f"Task type {number} not found"})


def test_a_word_is_no_number(client: APIClient) -> None:
    response = client.get(f"{TYPES}/video")
    assert (response.status_code, response["Content-Type"]) == (404, "application/json")
