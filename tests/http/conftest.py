"""What tests over HTTP share."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _static_folder(settings: Settings, tmp_path: Path) -> None:
    """The static files' middleware warns where the folder of collected files is missing, and warnings are errors."""
    settings.STATIC_ROOT = tmp_path
