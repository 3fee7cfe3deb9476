"""The ground that the short forms stand on: one migrated database, copied for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.site import Ground, ground


@pytest.fixture(scope="session")
def fault_ground() -> Iterator[Ground]:
    """Given servers where the run has them, else SQLite and files."""
    with ground() as made:
        yield made
