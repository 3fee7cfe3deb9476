"""What the tests of dialect R share: the built-in user without credentials, two users, and types to make tasks of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tests import factories

TYPES = "/api/task-types"
TASKS = "/api/tasks"


@pytest.fixture
def client(db: None) -> APIClient:
    """A client without credentials: the built-in user ``local`` (CONTRACT X07)."""
    return factories.anonymous()


@pytest.fixture
def owner(db: None) -> User:
    """A user who is not staff."""
    return factories.user()


@pytest.fixture
def owned(owner: User) -> APIClient:
    """The client of ``owner``."""
    return factories.client_of(owner)


@pytest.fixture
def stranger(db: None) -> APIClient:
    """A client of somebody else."""
    return factories.client_of(factories.user())


@pytest.fixture
def make_type(client: APIClient) -> Callable[..., dict[str, Any]]:
    """Register a type over HTTP and return the answer's body."""

    def make(name: str = "data_analysis", *, by: APIClient | None = None, **fields: Any) -> dict[str, Any]:
        response = (by or client).post(TYPES, {"name": name, **fields}, format="json")
        assert response.status_code == 201, response.content
        body: dict[str, Any] = response.json()
        return body

    return make


@pytest.fixture
def make_task(client: APIClient, make_type: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Create a task over HTTP and return the answer's body; its type is made where none is given."""
    made: dict[str, int] = {}

    def make(*, by: APIClient | None = None, task_type_id: int | None = None, **fields: Any) -> dict[str, Any]:
        if task_type_id is None:
            if "data_analysis" not in made:
                made["data_analysis"] = make_type()["id"]
            task_type_id = made["data_analysis"]
        response = (by or client).post(TASKS, {"task_type_id": task_type_id, **fields}, format="json")
        assert response.status_code == 201, response.content
        body: dict[str, Any] = response.json()
        return body

    return make


@pytest.fixture
def claim(client: APIClient) -> Callable[..., list[dict[str, Any]]]:
    """Claim over HTTP and return the answer's body."""

    def take(*, by: APIClient | None = None, **fields: Any) -> list[dict[str, Any]]:
        response = (by or client).post(f"{TASKS}/claim", {"worker": "tests", **fields}, format="json")
        assert response.status_code == 200, response.content
        body: list[dict[str, Any]] = response.json()
        return body

    return take


def lease_of(task: dict[str, Any]) -> dict[str, Any]:
    """Return what a worker sends with everything it says about a task that it has claimed."""
    return {"attempt": task["attempt"], "lease_token": task["lease_token"]}
