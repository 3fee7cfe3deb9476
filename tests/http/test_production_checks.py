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

from pixtasks.checks import production_is_safe, progress_can_be_signed, refuse_unsafe_start, sites_are_heard

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
    settings.TASKS_API_URL = "https://tasks.example.com"
    settings.TASK_API_KEY = "prefix.secret"
    settings.NEXT_PUBLIC_APP_URL = "https://app.example.com"
    settings.WEBHOOK_SECRET = SECRET
    settings.PIXTASKS_USER_AGENT_CONTACT = "https://tasks.example.com/about"
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
        ("PIXTASKS_USER_AGENT_CONTACT", "https://example.com/contact", "W003"),
        ("PIXTASKS_USER_AGENT_CONTACT", " ", "W003"),
        ("CELERY", {"broker_url": "filesystem://"}, "E006"),
        ("PIXTASKS_BASE_URL", "", "E007"),
        ("PIXTASKS_BASE_URL", "tasks.example.com", "E007"),
        ("TASKS_API_URL", "", "E010"),
        ("TASKS_API_URL", "tasks:8001", "E010"),
        ("TASKS_API_URL", "http://tasks:port", "E010"),
        ("TASK_API_KEY", "", "E011"),
        ("NEXT_PUBLIC_APP_URL", "", "E012"),
        ("NEXT_PUBLIC_APP_URL", "app.example.com", "E012"),
    ],
)
def test_an_unsafe_setting_is_named(production: Settings, name: str, value: object, identity: str) -> None:
    setattr(production, name, value)
    assert _ids() == [f"pixtasks.{identity}"]
    assert all(message.hint for message in production_is_safe())


def test_each_address_and_secret_that_is_missing_is_named(production: Settings) -> None:
    for name in ("TASKS_API_URL", "TASK_API_KEY", "NEXT_PUBLIC_APP_URL"):
        setattr(production, name, "")
    with pytest.raises(ImproperlyConfigured, match=r"(?s)TASKS_API_URL.*TASK_API_KEY.*NEXT_PUBLIC_APP_URL"):
        refuse_unsafe_start()


def test_another_websocket_server_needs_an_address_and_a_secret(production: Settings) -> None:
    production.WEBSOCKET_SERVER_URL = "http://websocket:3001"
    assert _ids() == ["pixtasks.E015"]
    production.INTERNAL_API_SECRET = SECRET
    assert _ids() == []
    production.WEBSOCKET_SERVER_URL = "ws://websocket:3001"
    assert _ids() == ["pixtasks.E014"]


def test_without_a_secret_for_progress_the_product_starts_and_the_deployment_check_says_what_is_missing(
    production: Settings,
) -> None:
    assert progress_can_be_signed() == []
    production.WEBHOOK_SECRET = ""
    refuse_unsafe_start()
    assert [message.id for message in progress_can_be_signed()] == ["pixtasks.E013"]
    production.WEBHOOK_SECRET, production.WEBHOOK_SECRET_PREVIOUS = "short", "short"
    assert [message.id for message in progress_can_be_signed()] == ["pixtasks.W002", "pixtasks.W002"]
    production.PIXTASKS_PROFILE = "development"
    assert progress_can_be_signed() == []


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


def _secret_file(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_text(f"{SECRET}-{name}\n")
    return path


def test_proper_production_settings_pass_djangos_deployment_check(tmp_path: Path) -> None:
    done = _check(
        tmp_path,
        PIXTASKS_SECRET_KEY=SECRET,
        PIXTASKS_ALLOWED_HOSTS="tasks.example.com",
        PIXTASKS_BASE_URL="https://tasks.example.com",
        PIXTASKS_USER_AGENT_CONTACT="https://tasks.example.com/about",
        TASKS_API_URL="https://tasks.example.com",
        TASK_API_KEY_FILE=str(_secret_file(tmp_path, "key")),
        NEXT_PUBLIC_APP_URL="https://app.example.com",
        WEBHOOK_SECRET_FILE=str(_secret_file(tmp_path, "webhook")),
        WEBSOCKET_SERVER_URL="http://websocket:3001",
        INTERNAL_API_SECRET_FILE=str(_secret_file(tmp_path, "internal")),
    )
    assert (done.returncode, "no issues" in done.stdout + done.stderr) == (0, True), done.stderr


def test_an_empty_environment_is_refused_with_every_reason(tmp_path: Path) -> None:
    done = _check(tmp_path)
    assert done.returncode != 0
    for name in (
        "PIXTASKS_SECRET_KEY",
        "PIXTASKS_ALLOWED_HOSTS",
        "PIXTASKS_BASE_URL",
        "TASKS_API_URL",
        "TASK_API_KEY",
        "NEXT_PUBLIC_APP_URL",
    ):
        assert name in done.stderr


def test_ignoring_what_sites_ask_for_is_said_in_every_profile(settings: Settings) -> None:
    assert sites_are_heard() == []
    settings.PIXTASKS_ROBOTS = "ignore"
    settings.PIXTASKS_TDM_RESERVATION = False
    assert [(message.id, message.msg.partition(":")[0]) for message in sites_are_heard()] == [
        ("pixtasks.W004", "PIXTASKS_ROBOTS=ignore"),
        ("pixtasks.W004", "PIXTASKS_TDM_RESERVATION=false"),
    ]
    settings.PIXTASKS_ROBOTS = "obey"
    settings.PIXTASKS_TDM_RESERVATION = True
    settings.PIXTASKS_TDM_FILE = False
    assert [message.msg.partition(":")[0] for message in sites_are_heard()] == ["PIXTASKS_TDM_FILE=false"]
