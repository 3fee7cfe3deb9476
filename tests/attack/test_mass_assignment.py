"""What a caller may not set, no body sets: every field of every table is tried in every body, and the rows are read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache as shared_cache
from django.db import transaction
from pytest_django import Settings
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tests import factories
from tests.accounts.factories import bearer, sign_in
from tests.document import many_requests

from .routes import Route, body_schema, operations, routes
from .world import OWN_APPS, World, build, snapshot

pytestmark = pytest.mark.django_db

# Names that frameworks or other products take, beside the columns of every table.
OTHERS = (
    "owner owner_id user user_id created_by is_staff is_superuser is_active role groups permissions pk id public_id "
    "created_at updated_at started_at completed_at deleted_at status state progress attempt retries lease_token "
    "lease_expires_at downloaded_images valid_images total_chunks secret previous_secret hashed_key prefix revoked "
    "last_used_at scopes celery_id worker carrier lane group group_id __class__ _state __proto__"
)


def columns() -> list[str]:
    """Return every column of every table of the product, and the other names."""
    named = {
        name
        for label in OWN_APPS
        for model in apps.get_app_config(label).get_models()
        for field in model._meta.concrete_fields
        for name in (field.name, field.attname)
    }
    return sorted(named | set(OTHERS.split()))


@pytest.fixture
def world(settings: Settings, tmp_path: Path) -> Iterator[World]:
    settings.STATIC_ROOT = tmp_path
    made = build()
    with many_requests(settings):
        yield made


def writable() -> list[tuple[str, Route, set[str], bool]]:
    """Return every operation with a body of named fields: its own fields, and whether it forbids others."""
    found = []
    for route in routes():
        for verb in route.verbs:
            schema = body_schema(operations().get((verb, route.path.rstrip("/")), {}))
            if schema is not None and "properties" in schema:
                closed = schema.get("additionalProperties") is False
                found.append((verb, route, set(schema["properties"]), closed))
    return found


def evil(name: str, other: User) -> Any:
    """Return a value that would do harm."""
    if name.endswith("_at") or "expires" in name:
        return datetime(2001, 1, 1, tzinfo=UTC).isoformat()
    if "owner" in name or "user" in name or name in {"created_by", "creator", "creator_id", "actor"}:
        return other.pk
    if name.startswith("is_"):
        return True
    if name in {"status", "state"}:
        return "completed"
    return 1


def test_most_bodies_say_that_they_take_nothing_else() -> None:
    found = writable()
    assert len(found) >= 15
    # Signing in reads what it needs: nothing of its body reaches a row. What comes in signed is somebody else's.
    open_to_more = {route.path for _, route, _, closed in found if not closed}
    allowed = ("/api/v1/auth/", "/api/webhooks/automated-gather", "/api/v1/webhooks/automated-gather")
    assert [path for path in open_to_more if not path.startswith(allowed)] == GATHER_READS_MORE


# The document of dialect G lets callers send fields that it does not name; they are dropped (checked below).
GATHER_READS_MORE: list[str] = []


def test_no_field_that_is_not_its_own_reaches_a_row(world: World) -> None:
    """Each foreign field is refused by its name, or has no effect at all."""
    other = factories.user(is_staff=True)
    own_headers = bearer(sign_in(world.owner)["access_token"])
    staff_headers = bearer(sign_in(other)["access_token"])
    client = APIClient()
    asked = refused = 0
    for verb, route, own, closed in writable():
        good = world.bodies.get(f"{verb} {route.path}", {})
        # The opt-out list is for staff alone; all others write what is their own.
        headers = staff_headers if "/opt-outs" in route.path else own_headers
        if not isinstance(good, dict) or "automated-gather-progress" in route.path:
            continue  # The latter reads nothing without a signature; tests/gather_incoming has its bodies.
        path = route.path
        for parameter in route.parameters:
            path = path.replace(f"{{{parameter}}}", str(world.value(route.path, parameter)))
        foreign = {name: evil(name, other) for name in columns() if name not in own}
        before, mark = snapshot(), transaction.savepoint()
        where = f"{verb} {route.path}"
        asked += len(foreign)
        if closed:
            # In parts, because only the first hundred faults of a body are told; each field has to be among them.
            for start in range(0, len(foreign), 80):
                part = dict(list(foreign.items())[start : start + 80])
                shared_cache.clear()
                body = _json({**good, **part})
                response = client.generic(verb, path, body, content_type="application/json", headers=headers)
                assert response.status_code in {400, 422}, where
                told = response.json()
                faults = told.get("detail", told.get("details"))
                assert set(part) <= {fault["loc"][-1] for fault in faults}, f"{where}: {str(told)[:300]}"
            assert snapshot() == before, where
            refused += 1
        else:
            shared_cache.clear()
            body = _json({**good, **foreign})
            response = client.generic(verb, path, body, content_type="application/json", headers=headers)
            assert response.status_code < 500, where
            for label, rows in snapshot().items():
                for key, row in rows.items():
                    if before[label].get(key) != row:
                        taken = {name for name in row if str(row[name]).startswith("2001-01-01")}
                        assert not taken, f"{where} wrote {taken} of {label}"
                        assert row.get("owner_id", world.owner.pk) == world.owner.pk, where
        transaction.savepoint_rollback(mark)
    assert asked > 1_500
    assert refused >= 12


def test_what_is_made_is_the_callers_and_begins_at_the_beginning(world: World) -> None:
    """Of what is made with a good body: owner, counters and times are the product's, whatever other rows hold."""
    headers = bearer(sign_in(world.owner)["access_token"])
    client = APIClient()
    made = 0
    for verb, route, _, _ in writable():
        if verb != "POST" or "{" in route.path or route.path.startswith("/api/v1/auth/"):
            continue
        before, mark = snapshot(), transaction.savepoint()
        body = world.bodies.get(f"{verb} {route.path}", {})
        response = client.generic(verb, route.path, _json(body), content_type="application/json", headers=headers)
        if response.status_code in {200, 201, 202}:
            for label, rows in snapshot().items():
                for key in rows.keys() - before[label].keys():
                    row = rows[key]
                    assert row.get("owner_id", world.owner.pk) in {world.owner.pk, None}, (route.path, label)
                    assert not row.get("completed_at") and not row.get("attempt"), (route.path, label)
                    made += 1
        transaction.savepoint_rollback(mark)
    assert made > 5


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()
