"""What the tests of the ledger's commands share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pixtasks.accounts.models import User
from tasktypes.handlers import handlers
from tests import factories
from tests.api_database.conftest import Fussy


@pytest.fixture
def fussy() -> Iterator[Fussy]:
    """The handler ``tests.fussy``."""
    with handlers.temporarily(Fussy()) as handler:
        yield handler  # type: ignore[misc]


@pytest.fixture
def owner(db: None) -> User:
    return factories.user(email="ann@example.com")
