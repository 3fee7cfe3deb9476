"""The production profile refuses an unsafe start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as live
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from pixtasks.checks import production_is_safe, refuse_unsafe_start

pytestmark = pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")

SECRET = "a-long-random-text-0123456789-abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def production(settings: Settings, tmp_path: Path) -> Settings:
    tmp_path.chmod(0o700)
    settings.PIXTASKS_PROFILE = "production"
    settings.SECRET_KEY = SECRET
    settings.SIMPLE_JWT = {**settings.SIMPLE_JWT, "SIGNING_KEY": SECRET}
    settings.ALLOWED_HOSTS = ["tasks.example.com"]
    settings.PIXTASKS_ANONYMOUS_API = False
    settings.DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}
    settings.CELERY = {"broker_url": "redis://redis:6379/0"}
    settings.PIXTASKS_BASE_URL = "https://tasks.example.com"
    settings.DATA_DIR = tmp_path
    return settings


def _ids() -> list[str | None]:
    return [message.id for message in production_is_safe()]


def test_safe_settings_have_no_fault(production: Settings) -> None:
    assert _ids() == []


def test_development_is_not_checked(settings: Settings) -> None:
    assert settings.PIXTASKS_ANONYMOUS_API
    assert _ids() == []


@pytest.mark.parametrize(
    ("name", "value", "identity"),
    [
        ("SECRET_KEY", "", "E001"),
        ("SECRET_KEY", "short", "E001"),
        ("SECRET_KEY", "x" * 60, "E001"),
        ("SIMPLE_JWT", {"SIGNING_KEY": "short"}, "E002"),
        ("ALLOWED_HOSTS", [], "E003"),
        ("ALLOWED_HOSTS", ["*"], "W001"),
        ("PIXTASKS_ANONYMOUS_API", True, "E004"),
        ("CELERY", {"broker_url": "filesystem://"}, "E006"),
        ("PIXTASKS_BASE_URL", "", "E007"),
        ("PIXTASKS_BASE_URL", "tasks.example.com", "E007"),
    ],
)
def test_an_unsafe_setting_is_named(production: Settings, name: str, value: object, identity: str) -> None:
    setattr(production, name, value)
    assert _ids() == [f"pixtasks.{identity}"]
    assert all(message.hint for message in production_is_safe())


def test_sqlite_is_refused(production: Settings) -> None:
    production.DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3"}}
    assert _ids() == ["pixtasks.E005"]


def test_a_data_folder_that_others_can_read_is_refused(production: Settings, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    assert _ids() == ["pixtasks.E008"]


def test_a_web_server_does_not_start_with_a_fault(production: Settings) -> None:
    refuse_unsafe_start()
    production.ALLOWED_HOSTS = ["*"]
    refuse_unsafe_start()
    production.PIXTASKS_ANONYMOUS_API = True
    production.PIXTASKS_BASE_URL = ""
    with pytest.raises(ImproperlyConfigured, match=r"(?s)ANONYMOUS_API.*PIXTASKS_BASE_URL"):
        refuse_unsafe_start()


def _check(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    tmp_path.chmod(0o700)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=live.BASE_DIR,
        env={**kept, "PIXTASKS_PROFILE": "production", "PIXTASKS_DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_proper_production_settings_pass_djangos_deployment_check(tmp_path: Path) -> None:
    done = _check(
        tmp_path,
        PIXTASKS_SECRET_KEY=SECRET,
        PIXTASKS_ALLOWED_HOSTS="tasks.example.com",
        PIXTASKS_BASE_URL="https://tasks.example.com",
    )
    assert (done.returncode, "no issues" in done.stdout + done.stderr) == (0, True), done.stderr


def test_an_empty_environment_is_refused_with_every_reason(tmp_path: Path) -> None:
    done = _check(tmp_path)
    assert done.returncode != 0
    for name in ("PIXTASKS_SECRET_KEY", "PIXTASKS_ALLOWED_HOSTS", "PIXTASKS_BASE_URL"):
        assert name in done.stderr
