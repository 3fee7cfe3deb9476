"""Every page of the console that changes something leaves an entry: who, what, and from where."""

from __future__ import annotations

import re

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext

from pixtasks.accounts.models import AuditEntry, Origin, User
from tests.accounts.factories import make_user
from tests.attack.routes import console_patterns
from tests.attack.test_ownership import rolled_back
from tests.attack.world import build

pytestmark = pytest.mark.django_db

ADDRESS = "192.0.2.44"
# What every form of the console asks for, in one: each takes what it knows.
FORM = {
    "confirmed": "yes", "_form_submitted": "True", "post": "yes", "verb": "cancel", "priority": "7", "level": "fast",
    "class": "http_404", "name": "Another name", "description": "Changed.", "standing": "viewer", "is_active": "on",
    "email": "changed@example.com", "max_images": "3", "keywords": "heron", "engines": "sample", "project": "herons",
    "url": "https://hooks.example.com/changed", "cron": "0 4 * * *", "timezone": "UTC", "count": "2",
    "save_interval": "1", "events": "task.completed",
}  # fmt: skip
_PLACE = re.compile(r"\{\w+\}|<[^>]*>|\(\?P<\w+>[^)]*\)")
_WRITES = re.compile(r'(?:INSERT INTO|UPDATE|DELETE FROM) "(\w+)"')
_MOST = 3
"""Rows of a model that are tried: one of them is in the state that an action wants."""
OWN = {
    model._meta.db_table: model
    for label in ("accounts", "jobs", "tasktypes", "gather", "auth", "django_celery_beat")
    for model in apps.get_app_config(label).get_models()
}


def model_of(name: str) -> type[Model] | None:
    """Return the model that a route of the console is about: they are named ``app_model_verb``."""
    for model in OWN.values():
        if name.startswith(f"{model._meta.app_label}_{model._meta.model_name}_"):
            return model
    return None


def places(path: str, name: str) -> list[str]:
    """Return the addresses of a route: one per row that it can be about."""
    if not _PLACE.search(path):
        return [path]
    model = model_of(name)
    if model is None:
        return []
    rows = model._default_manager.order_by("-pk").values_list("pk", flat=True)[:_MOST]
    return [_PLACE.sub(str(pk), path, count=1) for pk in rows]


def rows(tables: set[str]) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of these tables."""
    return {table: sorted(OWN[table]._default_manager.values_list(), key=repr) for table in tables}


def test_every_page_of_the_console_that_changes_something_leaves_an_entry_with_who_and_from_where() -> None:
    build()
    boss = make_user(is_staff=True, is_superuser=True)
    silent, heard = [], set()

    def ask(place: str) -> tuple[int, set[str], list[AuditEntry]]:
        client = Client(REMOTE_ADDR=ADDRESS)
        client.force_login(User.objects.get(pk=boss.pk))
        last = AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        with CaptureQueriesContext(connection) as captured:
            status = client.post(place, FORM).status_code
        tables = {found[1] for each in captured if (found := _WRITES.match(each["sql"])) and found[1] in OWN}
        return status, tables, list(AuditEntry.objects.filter(pk__gt=last))

    def changes(place: str, tables: set[str]) -> bool:
        before = rows(tables)
        ask(place)
        return rows(tables) != before

    for path, pattern in console_patterns():
        if pattern.name in {"login", "logout", "jsi18n"}:
            continue
        for place in places(path.rstrip("$").removesuffix("\\Z"), pattern.name or ""):
            status, tables, entries = rolled_back(lambda: ask(place))  # noqa: B023
            assert status < 500, place
            assert all((one.origin, one.address) == (Origin.CONSOLE, ADDRESS) for one in entries), place
            assert all(one.actor_id == boss.pk for one in entries), place
            heard |= {one.action for one in entries}
            # A guarded UPDATE that found nothing to change has done nothing.
            if tables and not entries and rolled_back(lambda: changes(place, tables)):  # noqa: B023
                silent.append((place, sorted(tables)))
    assert silent == []
    assert len(heard) > 12, sorted(heard)
