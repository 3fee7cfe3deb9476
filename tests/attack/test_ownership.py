"""Who may do what: every route and verb, asked by everybody, against the table in ``ownership.txt``.

A route that is new, gone or answers otherwise fails with the line to put into the table. To write the whole table
anew and read the difference: ``PIXTASKS_TEST_WRITE_TABLE=1 pytest tests/attack/test_ownership.py``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache as shared_cache
from django.db import transaction
from django.test import Client
from django.test.utils import override_settings
from pytest_django import Settings
from rest_framework.test import APIClient

from pixtasks.accounts.models import Scope, User
from pixtasks.accounts.roles import Role
from pixtasks.common.dialects import dialect_of
from tests import factories
from tests.accounts.factories import bearer, make_key, sign_in
from tests.document import many_requests
from tests.ledger import live_worker

from .routes import CONSOLE, VERBS, Route, console_patterns, operations, routes
from .world import MARK, World, build, snapshot

pytestmark = pytest.mark.django_db

TABLE = Path(__file__).with_name("ownership.txt")
HEAD = """\
# Who may do what. The path is about things of the owner; a cell is the status that this caller gets.
# nobody: no credentials, the anonymous API off (production); open: no credentials, the anonymous API on (development)
# other: another user; viewer, staff, admin: staff with the role viewer, operator, administrator
# key: an API key of the owner; key:<scope>: with that scope (worker is granted to staff's keys)
"""
# Callers who must see nothing of the owner's, and change nothing that is there.
STRANGERS = ("nobody", "other")
# Callers who must change nothing at all.
HARMLESS = ("nobody", "viewer", "key:read")
# What a viewer may write, too: it is about his own account.
OWN_ACCOUNT = ("/api/v1/auth/logout", "/api/v1/api-keys")
# Open to all by design: what they need is the credential in the body.
SIGN_IN = "/api/v1/auth/"


@pytest.fixture(autouse=True)
def _surroundings(settings: Settings, tmp_path: Path) -> Any:
    settings.STATIC_ROOT = tmp_path
    settings.PIXTASKS_ANONYMOUS_API = False
    with many_requests(settings):
        yield


@pytest.fixture
def world() -> World:
    return build()


def callers(owner: User) -> dict[str, dict[str, str]]:
    """Return the headers of every caller, in the order of the table's columns."""
    other, staff = factories.user(), factories.user(is_staff=True)
    viewer = factories.user(is_staff=True, role=Role.VIEWER)
    administrator = factories.user(is_staff=True, role=Role.ADMINISTRATOR)
    found = {
        "nobody": {},
        "open": {},
        "other": bearer(sign_in(other)["access_token"]),
        "owner": bearer(sign_in(owner)["access_token"]),
        "viewer": bearer(sign_in(viewer)["access_token"]),
        "staff": bearer(sign_in(staff)["access_token"]),
        "admin": bearer(sign_in(administrator)["access_token"]),
        "key": {"x-api-key": make_key(owner)[1]},
    }
    for scope in Scope.values:
        holder = staff if scope == Scope.WORKER else owner
        found[f"key:{scope}"] = {"x-api-key": make_key(holder, scope)[1]}
    return found


def address(route: Route, world: World) -> str:
    path = route.path
    for name in route.parameters:
        path = path.replace(f"{{{name}}}", str(world.value(route.path, name)))
    return path


def ask(world: World, route: Route, verb: str, headers: dict[str, str]) -> Any:
    client = shared_client()
    body = None if verb == "GET" else world.bodies.get(f"{verb} {route.path}", {})
    given: dict[str, Any] = {} if verb == "GET" else {"format": "json"}
    return getattr(client, verb.lower())(address(route, world), body, headers=headers, **given)


@cache
def shared_client() -> APIClient:
    """Return one client for all: each loads the middleware anew, and that is what costs."""
    return APIClient(raise_request_exception=False)


def content(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def rolled_back(do: Callable[[], Any]) -> Any:
    """Return what is done, and undo it: the next caller finds the same world."""
    shared_cache.clear()
    shared_client().cookies.clear()
    mark = transaction.savepoint()
    live_worker()  # Again, because a slow machine may outlive the last sign of life.
    try:
        return do()
    finally:
        transaction.savepoint_rollback(mark)


def lines(world: World) -> tuple[dict[str, str], list[str]]:
    """Return a line of the table per route and verb, and what callers saw or changed that they must not."""
    who = callers(world.owner)
    before = snapshot()
    table = {"VERB": "".join(["VERB   ", "path".ljust(58), *(name.rjust(11) for name in who)])}
    faults: list[str] = []

    def cell(route: Route, verb: str, name: str) -> str:
        with override_settings(PIXTASKS_ANONYMOUS_API=name == "open"):
            response = ask(world, route, verb, who[name])
        where = f"{name}: {verb} {route.path} answers {response.status_code}"
        said = content(response)
        if name in STRANGERS and MARK.encode() in said and not route.path.startswith(SIGN_IN):
            faults.append(f"{where} and shows what is the owner's: {said[:300]!r}")
        his_own = name == "viewer" and route.path in OWN_ACCOUNT
        if name in STRANGERS + HARMLESS and not his_own and not route.path.startswith(SIGN_IN):
            after = snapshot()
            faults.extend(f"{where} and {what}" for what in changes(before, after, new=name not in HARMLESS))
        if response.status_code >= 500 and (verb, route.path) not in UNAVAILABLE_HERE:
            faults.append(f"{where}: {said[:300]!r}")
        return str(response.status_code)

    for route in routes():
        for verb in route.verbs:
            cells = [rolled_back(lambda name=name: cell(route, verb, name)).rjust(11) for name in who]  # noqa: B023
            table[f"{verb} {route.path}"] = "".join([verb.ljust(7), route.path.ljust(58), *cells])
    return table, faults


# Streams need an ASGI server, and say so.
UNAVAILABLE_HERE = {("GET", "/api/v1/events")}


def changes(before: dict[str, Any], after: dict[str, Any], *, new: bool) -> list[str]:
    """Return what is not as it was; new rows only where those count."""
    found = []
    for label, rows in before.items():
        found += [f"changed {label} {pk}" for pk, row in rows.items() if after[label].get(pk) != row]
        if not new:
            found += [f"inserted {label} {pk}" for pk in after[label].keys() - rows.keys()]
    return found


def key_of(line: str) -> str:
    return " ".join(line.split()[:2]) if not line.startswith("VERB") else "VERB"


def test_every_answer_is_the_one_in_the_table(world: World) -> None:
    found, faults = lines(world)
    assert faults == []
    if os.environ.get("PIXTASKS_TEST_WRITE_TABLE"):
        TABLE.write_text(HEAD + "\n".join(line.rstrip() for line in found.values()) + "\n")
    text = TABLE.read_text() if TABLE.exists() else ""
    known = {key_of(line): line for line in text.splitlines() if line and not line.startswith("#")}
    wrong = [line for key, line in found.items() if known.get(key, "").split() != line.split()]
    gone = sorted(known.keys() - found.keys())
    said = "\n".join(["these lines belong into tests/attack/ownership.txt:", *wrong, "and these do not:", *gone])
    assert not wrong and not gone, said


def test_the_table_keeps_the_rules(world: World) -> None:
    """Whatever the table says, it says nothing of these: they hold for every route that is not open to all."""
    rows = [line.split() for line in TABLE.read_text().splitlines() if line and not line.startswith("#")]
    names = rows[0][2:]
    for verb, path, *cells in rows[1:]:
        status = dict(zip(names, map(int, cells), strict=True))
        if path.endswith("/webhooks/automated-gather-progress"):
            assert set(status.values()) == {401}, "its signature is the only credential (CONTRACT X46)"
            continue
        signed = path.startswith(("/api/v1/", "/api/", "/tasks")) and not path.startswith(SIGN_IN)
        if signed:
            assert status["nobody"] == 401, path
        if "{" in path and signed and status["nobody"] == 401:
            shared = "/task-types/" in path or "{task_name}" in path or "/engines/" in path
            # Types and engines are everybody's to read; what a name submits is the caller's own.
            no_such_thing = {code for name, code in status.items() if name not in HARMLESS} == {422}
            assert status["other"] in {403, 404} or shared or no_such_thing, path
        if signed and "key:read" in status and verb != "GET" and status["nobody"] == 401:
            assert status["key:read"] == 403, path
            assert status["viewer"] == 403 or path in OWN_ACCOUNT, path


def test_the_document_and_the_resolver_name_the_same_operations() -> None:
    served = {(verb, route.path.rstrip("/")) for route in routes() for verb in route.verbs}
    documented = set(operations())
    assert documented - served == set()
    plain = {"/openapi.json", "/healthz", "/readyz"}
    # What has no dialect is a page for people.
    hidden = {(verb, path) for verb, path in served - documented if path not in plain and dialect_of(path) is not None}
    assert hidden <= ALIASES


# Served under two names and documented under one; what is a whole number is an id there, and nothing else is.
ALIASES = {
    ("POST", "/api/v1/webhooks/automated-gather-progress"),
    ("POST", "/tasks/{task_id}"),
    ("GET", "/tasks/{task_name}"),
    ("DELETE", "/tasks/{task_name}"),
}


def test_a_verb_that_a_route_does_not_have_does_nothing(world: World) -> None:
    staff = bearer(sign_in(factories.user(is_staff=True))["access_token"])
    before = snapshot()
    asked = 0
    for route in routes():
        for verb in {*VERBS, "TRACE"} - set(route.verbs):
            response = rolled_back(lambda: shared_client().generic(verb, address(route, world), headers=staff))  # noqa: B023
            assert response.status_code == 405, f"{verb} {route.path}"
            asked += 1
    assert asked > 150
    assert changes(before, snapshot(), new=False) == []


def test_options_tell_nothing_of_the_owners(world: World) -> None:
    who = callers(world.owner)
    for route in routes():
        for name in STRANGERS:
            response = shared_client().options(address(route, world), headers=who[name])
            assert response.status_code < 500, route.path
            assert MARK.encode() not in content(response), route.path


def test_nobody_but_staff_gets_into_the_console() -> None:
    """Every route of the console, whatever its parameters: anonymous and plain users are led to the sign-in page."""
    plain = Client()
    plain.force_login(factories.user())
    open_to_all = {"login", "jsi18n"}
    asked = 0
    for path, pattern in console_patterns():
        place = re.sub(r"\{\w+\}|\(\?P<\w+>[^)]*\)|\(\?:[^)]*\)|\\Z|\$", "1", path)
        if pattern.name in open_to_all or not place.startswith(CONSOLE):
            continue
        for client in (Client(), plain):
            for verb in ("get", "post"):
                response = getattr(client, verb)(place)
                assert response.status_code in {302, 403, 404, 405}, f"{verb} {place}"
                if response.status_code == 302:
                    assert "/admin/" in response["Location"], place
                assert MARK.encode() not in content(response)
                asked += 1
    assert asked > 300
