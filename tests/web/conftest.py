"""Somebody who is not staff, signed in at the pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from pixtasks.accounts.models import User
from tests import factories
from tests.ledger import live_worker


@pytest.fixture(autouse=True)
def _surroundings(settings: Settings, tmp_path: Path, db: None) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.PIXTASKS_ANONYMOUS_API = False
    live_worker()


@pytest.fixture
def ann() -> User:
    return factories.user(email="ann@example.com")


@pytest.fixture
def client(ann: User) -> Client:
    """A browser in which Ann is signed in."""
    browser = Client()
    browser.force_login(ann)
    return browser


@pytest.fixture
def nobody() -> Client:
    """A browser in which nobody is signed in."""
    return Client()
