"""Tables and the first sign-in of an installation."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from celery import current_app
from pytest_django import Settings

from pixtasks.accounts.models import LOCAL_EMAIL, User
from pixtasks.celery import app
from pixtasks.installation import FIRST_EMAIL, first_sign_in

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


@pytest.mark.django_db
def test_a_new_installation_gets_a_staff_user_whose_password_only_its_owner_reads(folder: Path) -> None:
    sign_in = first_sign_in()
    assert sign_in is not None
    user = User.objects.get(email=FIRST_EMAIL)
    assert user.is_staff
    assert user.check_password(sign_in.password)
    assert sign_in.password not in user.password
    assert stat.S_IMODE(sign_in.path.stat().st_mode) == 0o600
    assert sign_in.path == folder / "first-sign-in.txt"
    assert first_sign_in() == sign_in


@pytest.mark.django_db
def test_every_installation_has_another_password(folder: Path) -> None:
    first = first_sign_in()
    User.objects.all().delete()
    second = first_sign_in()
    assert first is not None
    assert second is not None
    assert first.password != second.password


@pytest.mark.django_db
def test_a_changed_password_is_never_shown_and_the_old_one_forgotten(folder: Path) -> None:
    assert first_sign_in() is not None
    user = User.objects.get(email=FIRST_EMAIL)
    user.set_password("one of my own")
    user.save()
    assert first_sign_in() is None
    assert not (folder / "first-sign-in.txt").exists()


@pytest.mark.django_db
def test_who_has_staff_already_gets_no_further_user(folder: Path) -> None:
    User.objects.create_user("boss@example.com", "secret", is_staff=True)
    assert first_sign_in() is None
    assert not User.objects.filter(email=FIRST_EMAIL).exists()


@pytest.mark.django_db
def test_the_built_in_user_without_credentials_does_not_count_as_staff(folder: Path) -> None:
    User.objects.update_or_create(email=LOCAL_EMAIL, defaults={"is_staff": True})
    assert first_sign_in() is not None


@pytest.mark.django_db
def test_an_ordinary_account_of_that_name_does_not_become_an_administrators(folder: Path) -> None:
    User.objects.create_user(FIRST_EMAIL, "secret")
    assert first_sign_in() is None
    assert not User.objects.get(email=FIRST_EMAIL).is_staff


@pytest.mark.django_db
def test_production_makes_no_user(folder: Path, settings: Settings) -> None:
    settings.PIXTASKS_PROFILE = "production"
    assert first_sign_in() is None
    assert not User.objects.filter(email=FIRST_EMAIL).exists()


@pytest.mark.process
def test_several_first_starts_at_once_migrate_once(tmp_path: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PIXTASKS_", "DATABASE_URL"))
    }
    environment |= {"DJANGO_SETTINGS_MODULE": "pixtasks.settings", "PIXTASKS_DATA_DIR": str(tmp_path / "data")}
    code = "import django; django.setup(); from pixtasks import installation as i; i.migrate(); i.first_sign_in()"
    processes = [
        subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=environment, stderr=subprocess.PIPE)
        for _ in range(3)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    assert (tmp_path / "data" / "first-sign-in.txt").exists()


def test_whoever_rings_rings_with_our_celery_application() -> None:
    assert current_app.main == "pixtasks"
    assert "default" in app.amqp.queues
    assert "jobs.download_images" in app.tasks
