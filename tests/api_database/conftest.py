"""What the tests of dialect D share: a caller without credentials, users with a token, and handlers to run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from pytest_django import Settings
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tasktypes.handlers import Context, Handler, PermanentFailure, handlers
from tests import factories

PAYLOAD = {"message": "this", "count": 1}


class FussyPayload(BaseModel):
    """Says how it shall end."""

    fail: bool = False
    note: str = ""


class Fussy(Handler[FussyPayload]):
    """Fails for good where it is told to."""

    name = "tests.fussy"
    Params = FussyPayload
    failing = True

    def run(self, params: FussyPayload, context: Context) -> dict[str, Any]:
        if params.fail and self.failing:
            raise PermanentFailure("it was told to fail")
        return {"note": params.note}


@pytest.fixture(autouse=True)
def _static_folder(settings: Settings, tmp_path: Path) -> None:
    """The static files' middleware warns where the folder of collected files is missing, and warnings are errors."""
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def fussy() -> Iterator[Fussy]:
    """The handler ``tests.fussy``."""
    with handlers.temporarily(Fussy()) as handler:
        yield handler  # type: ignore[misc]


@pytest.fixture
def api(db: None) -> APIClient:
    """A caller without credentials: ``local`` (CONTRACT X07)."""
    return APIClient()


@pytest.fixture
def owner(db: None) -> User:
    return factories.user()


@pytest.fixture
def client(owner: User) -> APIClient:
    """A client that sends the owner's bearer token."""
    return factories.client_of(owner)


@pytest.fixture
def stranger(db: None) -> APIClient:
    """A client of somebody else."""
    return factories.client_of(factories.user())


def create(client: APIClient, name: str = "ExampleDatabaseTask", **payload: Any) -> Any:
    """Submit a task and return the answer's body."""
    response = client.post(f"/tasks/{name}", {"payload": payload or PAYLOAD}, format="json")
    assert response.status_code in (200, 201), response.content
    return response.json()


def fault(response: Any) -> tuple[list[Any], str, str]:
    """Return the one fault of a 422."""
    assert response.status_code == 422, response.content
    [found] = response.json()["detail"]
    return found["loc"], found["msg"], found["type"]
