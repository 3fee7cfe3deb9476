"""What the tests of dialect J share: two users, and a client for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tests import factories


@pytest.fixture(autouse=True)
def _static_folder(settings: Settings, tmp_path: Path) -> None:
    """The static files' middleware warns where the folder of collected files is missing, and warnings are errors."""
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def owner(db: None) -> User:
    """The user whom the test's objects belong to."""
    return factories.user()


@pytest.fixture
def client(owner: User) -> APIClient:
    """A client that sends the owner's bearer token."""
    return factories.client_of(owner)


@pytest.fixture
def stranger(db: None) -> APIClient:
    """A client of somebody else."""
    return factories.client_of(factories.user())


@pytest.fixture
def staff(db: None) -> APIClient:
    """A client of somebody who sees everything."""
    return factories.client_of(factories.user(is_staff=True))
