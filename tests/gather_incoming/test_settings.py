"""The variables that this product shares with its neighbours, as each profile reads them (CONTRACT G33, G34, G42)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as live
from django.test import Client

from pixtasks.settings import env
from tests.gather_incoming.conftest import URL

NAMES = (
    "TASKS_API_URL",
    "TASK_API_KEY",
    "NEXT_PUBLIC_APP_URL",
    "CORS_ALLOWED_ORIGINS",
    "WEBHOOK_SECRET",
    "WEBHOOK_SECRET_PREVIOUS",
    "WEBSOCKET_SERVER_URL",
    "INTERNAL_API_SECRET",
)
APP = "http://localhost:3000"


def _read(folder: Path, **environment: str) -> dict[str, Any]:
    """Return the settings of a process with this environment."""
    program = (
        "import json\nfrom django.conf import settings\n"
        f"print(json.dumps({{name: getattr(settings, name) for name in {NAMES!r}}}))"
    )
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=live.BASE_DIR,
        env={**kept, "DJANGO_SETTINGS_MODULE": "pixtasks.settings", "PIXTASKS_DATA_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_in_development_each_has_a_default(tmp_path: Path) -> None:
    found = _read(tmp_path, PIXTASKS_BASE_URL="http://127.0.0.1:8123/")
    assert len(found.pop("WEBHOOK_SECRET")) >= 50
    assert found == {
        "TASKS_API_URL": "http://127.0.0.1:8123",
        "TASK_API_KEY": "",
        "NEXT_PUBLIC_APP_URL": APP,
        "CORS_ALLOWED_ORIGINS": [APP],
        "WEBHOOK_SECRET_PREVIOUS": "",
        "WEBSOCKET_SERVER_URL": "",
        "INTERNAL_API_SECRET": "",
    }


def test_in_production_none_has(tmp_path: Path) -> None:
    found = _read(tmp_path, PIXTASKS_PROFILE="production", PIXTASKS_SECRET_KEY="s" * 50)
    assert not any(found.values())


@pytest.mark.parametrize("profile", ["development", "production"])
def test_each_may_stand_in_a_file(tmp_path: Path, profile: str) -> None:
    wanted = {name: f"https://{name.lower().replace('_', '-')}.example" for name in NAMES}
    del wanted["CORS_ALLOWED_ORIGINS"]
    files = {}
    for name, value in wanted.items():
        (tmp_path / name).write_text(f"{value}\n")
        files[f"{name}_FILE"] = str(tmp_path / name)
    found = _read(tmp_path / "data", PIXTASKS_PROFILE=profile, PIXTASKS_SECRET_KEY="s" * 50, **files)
    assert found.pop("CORS_ALLOWED_ORIGINS") == [wanted["NEXT_PUBLIC_APP_URL"]]
    assert found == wanted


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://App.example.com/gather/?x=1", "https://app.example.com"),
        ("http://localhost:3000/", APP),
        ("app.example.com", ""),
        ("", ""),
    ],
)
def test_pages_are_known_by_their_origin(url: str, origin: str) -> None:
    assert env.origin(url) == origin


@pytest.mark.django_db
def test_the_applications_pages_may_call_and_others_may_not() -> None:
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-api-key,content-type"}
    for path in ("/api/v1/automated-gather/start", "/tasks/ExampleDatabaseTask", URL):
        allowed = Client().options(path, headers={"origin": APP, **asked})
        assert (allowed.status_code, allowed["Access-Control-Allow-Origin"]) == (200, APP)
        assert "x-api-key" in allowed["Access-Control-Allow-Headers"]
        assert "POST" in allowed["Access-Control-Allow-Methods"]
        refused = Client().options(path, headers={"origin": "https://evil.example", **asked})
        assert "Access-Control-Allow-Origin" not in refused
