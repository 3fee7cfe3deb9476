"""What the tests of dialect C share: two users, clients, and a handler that fails when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field
from pytest_django import Settings
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tasktypes.handlers import Context, Handler, PermanentFailure, handlers
from tests import factories


class GreetParams(BaseModel):
    """Whom to greet."""

    name: str = Field(max_length=20, description="Whom to greet.")
    times: int = Field(default=1, ge=1, le=5, description="How often.")
    fail: bool = False


class Greet(Handler[GreetParams]):
    """Greets."""

    name = "tests.greet_somebody"
    description = "Greet somebody."
    Params = GreetParams

    def run(self, params: GreetParams, context: Context) -> dict[str, Any]:
        if params.fail:
            raise PermanentFailure("nobody is there")
        return {"greeting": " ".join([f"Hello {params.name}"] * params.times)}


@pytest.fixture(autouse=True)
def _static_folder(settings: Settings, tmp_path: Path) -> None:
    """The static files' middleware warns where the folder of collected files is missing, and warnings are errors."""
    settings.STATIC_ROOT = tmp_path


@pytest.fixture(autouse=True)
def greet() -> Iterator[Greet]:
    """The handler ``tests.greet_somebody``."""
    with handlers.temporarily(Greet()) as handler:
        yield handler


@pytest.fixture
def client(db: None) -> APIClient:
    """A client without credentials: the built-in user ``local``."""
    return factories.anonymous()


@pytest.fixture
def ann(db: None) -> User:
    """A user without special rights."""
    return factories.user()


@pytest.fixture
def ann_client(ann: User) -> APIClient:
    """Ann's client."""
    return factories.client_of(ann)


@pytest.fixture
def bob_client(db: None) -> APIClient:
    """The client of another user."""
    return factories.client_of(factories.user())
