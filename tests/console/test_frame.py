"""Every page of the console begins with a way past the sidebar, and loads what keeps it alive and reachable."""

from __future__ import annotations

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from pixtasks.accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def chief(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("chief@example.com", "a long pass phrase 1"))
    return client


@pytest.mark.parametrize("path", ["/admin/", "/admin/tasktypes/task/", "/admin/accounts/user/add/"])
def test_each_page_has_the_frame(chief: Client, path: str) -> None:
    page = chief.get(path).content.decode()
    assert page.index('href="#content">Skip to the content') < page.index('id="nav-sidebar"')
    for script in ("times.js", "live.js", "reach.js"):
        assert page.count(f'<script type="module" src="/static/pixtasks/{script}"></script>') == 1


def test_the_files_that_the_settings_name_are_there(chief: Client) -> None:
    page = chief.get("/admin/").content.decode()
    for name in ("pixtasks/console.css", "pixtasks/mark-light.svg", "pixtasks/mark-dark.svg"):
        assert f"/static/{name}" in page
        assert finders.find(name)


def test_the_page_says_which_installation_it_belongs_to(chief: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "development" in chief.get("/admin/").content.decode()
    monkeypatch.setenv("PIXTASKS_PROFILE", "production")
    assert "production" in chief.get("/admin/").content.decode()
