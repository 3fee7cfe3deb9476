"""Who may call (CONTRACT X07, X23, X67)."""

from __future__ import annotations

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tests.accounts.factories import make_key
from tests.api_registry.conftest import TASKS, TYPES

ROUTES = [
    ("get", TYPES),
    ("post", TYPES),
    ("get", f"{TYPES}/1"),
    ("put", f"{TYPES}/1"),
    ("delete", f"{TYPES}/1"),
    ("get", TASKS),
    ("post", TASKS),
    ("get", f"{TASKS}/stats"),
    ("post", f"{TASKS}/claim"),
    ("get", f"{TASKS}/1"),
    ("put", f"{TASKS}/1"),
    ("delete", f"{TASKS}/1"),
    ("post", f"{TASKS}/1/heartbeat"),
    ("post", f"{TASKS}/1/complete"),
    ("post", f"{TASKS}/1/fail"),
    ("post", f"{TASKS}/1/retry"),
    ("patch", f"{TASKS}/1/retry"),
]


@pytest.mark.parametrize(("verb", "path"), ROUTES)
def test_without_the_anonymous_api_credentials_are_needed(
    client: APIClient, settings: Settings, verb: str, path: str
) -> None:
    settings.PIXTASKS_ANONYMOUS_API = False
    response = getattr(client, verb)(path, {}, format="json") if verb != "get" else client.get(path)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert isinstance(response.json()["detail"], str)


@pytest.mark.parametrize(("verb", "path"), ROUTES)
def test_wrong_credentials_are_refused_also_with_it(client: APIClient, verb: str, path: str) -> None:
    for header in ({"Authorization": "Bearer nonsense"}, {"X-API-Key": "no.key"}):
        assert getattr(client, verb)(path, headers=header).status_code == 401


def test_a_token_and_a_key_are_accepted_without_it(
    owner: User, owned: APIClient, client: APIClient, settings: Settings
) -> None:
    settings.PIXTASKS_ANONYMOUS_API = False
    assert owned.post(TYPES, {"name": "by token"}, format="json").status_code == 201
    key = make_key(owner)[1]
    assert client.post(TYPES, {"name": "by key"}, format="json", headers={"X-API-Key": key}).status_code == 201


@pytest.mark.parametrize("path", [TYPES, TASKS, f"{TASKS}/stats", f"{TASKS}/claim"])
def test_a_method_that_a_route_has_not_is_a_405_in_this_dialects_form(client: APIClient, path: str) -> None:
    response = client.patch(path, {}, format="json")
    assert response.status_code == 405
    assert list(response.json()) == ["detail"]
