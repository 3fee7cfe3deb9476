"""The console shows every engine, and an operator pauses and resumes one."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from jobs.models import EngineState
from jobs.services import engine_state
from jobs.services.engine_state import gate
from pixtasks.accounts.models import AuditEntry
from pixtasks.accounts.roles import Role
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/jobs/enginestate/"


@pytest.fixture(autouse=True)
def _surroundings(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path


def console(role: Role) -> Client:
    client = Client()
    client.force_login(factories.user(is_staff=True, role=role))
    return client


def test_all_engines_are_listed_with_their_state(settings: Settings) -> None:
    settings.PIXTASKS_SAMPLES = False
    settings.PIXTASKS_ENGINE_FAILURES = 1
    engine_state.failed(gate("openverse"), "openverse is not available <status 503>")
    page = console(Role.VIEWER).get(LIST).content.decode()
    assert "openverse is not available &lt;status 503&gt;" in page
    assert "PIXTASKS_SAMPLES" in page
    assert ">failing<" in page
    assert 'href="/admin/jobs/enginestate/wikimedia/change/"' in page


def test_an_operator_pauses_and_resumes_after_a_question() -> None:
    operator = console(Role.OPERATOR)
    assert "Pause…" in operator.get(f"{LIST}openverse/change/").content.decode()
    assert operator.get(f"{LIST}openverse/pause/").status_code == 200
    assert not EngineState.objects.exists(), "nothing happens by a click alone"
    operator.post(f"{LIST}openverse/pause/", {"confirmed": "yes"})
    assert gate("openverse").seconds > 0
    assert "Nobody asks it until it is resumed" in operator.get(f"{LIST}openverse/change/").content.decode()
    operator.post(f"{LIST}openverse/resume/", {"confirmed": "yes"})
    assert gate("openverse").seconds == 0
    assert list(AuditEntry.objects.filter(object_type="engine").order_by("pk").values_list("action", "origin")) == [
        ("engine.paused", "console"), ("engine.resumed", "console"),
    ]  # fmt: skip


def test_a_viewer_looks_and_pauses_nothing() -> None:
    viewer = console(Role.VIEWER)
    assert "Pause…" not in viewer.get(f"{LIST}openverse/change/").content.decode()
    assert viewer.post(f"{LIST}openverse/pause/", {"confirmed": "yes"}).status_code == 403
    assert not EngineState.objects.exists()


def test_what_is_left_of_an_engine_that_is_gone_is_shown_and_an_unknown_one_is_not() -> None:
    EngineState.objects.create(name="gone", last_error="long ago")
    viewer = console(Role.VIEWER)
    assert "long ago" in viewer.get(f"{LIST}gone/change/").content.decode()
    assert viewer.get(f"{LIST}nothing/change/").status_code == 404
