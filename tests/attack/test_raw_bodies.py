"""Whatever bytes a body is made of: never a 500, always an error in the words of the route's dialect, never a flood.

The operations are read from the resolver and the OpenAPI document, so that a new one is asked without being named.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache as shared_cache
from django.db import transaction
from pytest_django import Settings
from rest_framework.test import APIClient

from tests.accounts.factories import bearer, sign_in
from tests.document import many_requests

from .raw_bodies import LARGEST, RAW, TYPES, fuzz, variations
from .routes import Route, body_schema, operations, routes
from .world import World, build

pytestmark = pytest.mark.django_db

# The long form (python -m tests.attack) says how many random bodies each operation is sent, and leaves nothing out.
LONG = int(os.environ.get("PIXTASKS_TEST_ATTACK_BODIES", "0"))
SEED = int(os.environ.get("PIXTASKS_TEST_ATTACK_SEED", "1"))
API = ("/api/", "/tasks")
LONGEST_ANSWER = 100_000
"""Characters: what is wrong a hundred thousand times is not told a hundred thousand times."""


@cache
def writers() -> list[tuple[str, Route]]:
    """Return every operation that has or may be sent a body."""
    return [(verb, route) for route in routes() for verb in route.verbs if verb != "GET"]


class Sender:
    """Sends raw bodies as the owner of a world, and judges what is answered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = APIClient(raise_request_exception=False)
        self.headers = bearer(sign_in(world.owner)["access_token"])
        self.statuses: Counter[int] = Counter()
        self.faults: list[str] = []

    def wanted(self, verb: str, route: Route) -> Any:
        return self.world.bodies.get(f"{verb} {route.path}", {})

    def send(self, verb: str, route: Route, name: str, body: bytes, kind: str = "application/json") -> int:
        """Send, judge, and undo."""
        path = route.path
        for parameter in route.parameters:
            path = path.replace(f"{{{parameter}}}", str(self.world.value(route.path, parameter)))
        shared_cache.clear()
        mark = transaction.savepoint()
        try:
            response = self.client.generic(verb, path, body, content_type=kind, headers=self.headers)
        finally:
            transaction.savepoint_rollback(mark)
        self.statuses[response.status_code] += 1
        fault = _fault(response, path)
        if fault:
            self.faults.append(f"{verb} {route.path}, {name}: {response.status_code} {fault}")
        return int(response.status_code)


def _fault(response: Any, path: str) -> str:
    if response.status_code >= 500:
        return f"an error of the server: {response.content[:300]!r}"
    if len(response.content) > LONGEST_ANSWER:
        return f"an answer of {len(response.content)} bytes"
    if response.status_code < 400 or not path.startswith(API):  # Pages answer with pages.
        return ""
    try:
        body = json.loads(response.content)
    except ValueError:
        return f"an error that is not JSON: {response.content[:200]!r}"
    gather = "automated-gather" in path
    keys = {"error", "message", "statusCode"} if gather else {"detail"}
    if not isinstance(body, dict) or set(body) - {"details"} != keys:
        return f"an error of another dialect: {response.content[:200]!r}"
    return ""


@pytest.fixture
def sender(settings: Settings, tmp_path: Path) -> Iterator[Sender]:
    settings.STATIC_ROOT = tmp_path
    made = Sender(build())
    with many_requests(settings):
        yield made


def test_every_documented_body_is_among_what_is_asked() -> None:
    asked = {(verb, route.path.rstrip("/")) for verb, route in writers()}
    documented = {key for key, operation in operations().items() if body_schema(operation) is not None}
    assert documented <= asked
    assert len(documented) >= 20
    assert len(RAW) >= 60


def test_no_raw_body_is_more_than_an_error(sender: Sender) -> None:
    assert run_raw(sender, share=1 if LONG else 8) > 250
    assert sender.faults == []
    assert sender.statuses[422] > 100


def test_no_content_type_is_more_than_an_error(sender: Sender) -> None:
    assert run_types(sender, share=1 if LONG else 3) > 100
    assert sender.faults == []
    assert sender.statuses[415] > 50


def test_no_odd_value_in_any_field_is_more_than_an_error(sender: Sender) -> None:
    assert run_odd(sender, share=1 if LONG else 8) > 200
    assert sender.faults == []


def test_no_bytes_changed_at_random_are_more_than_an_error(sender: Sender) -> None:
    assert run_fuzz(sender, each=LONG or 4, seed=SEED) > 150
    assert sender.faults == []


def test_what_is_wrong_many_times_is_told_a_hundred_times(sender: Sender) -> None:
    """A body of a megabyte was answered with fourteen, after seconds."""
    route = next(route for route in routes() if route.path == "/api/v1/jobs")
    for body in (b'{"engines":[' + b",".join([b"1"] * 5_000) + b"]}", RAW["100,000 keys"], RAW["a key of 100 KB"]):
        assert sender.send("POST", route, "many faults", body) == 422
    assert sender.faults == []


def run_raw(sender: Sender, *, share: int) -> int:
    """Send every operation one of so many bodies of the table, each operation others; return how many were sent."""
    sent = 0
    for number, (verb, route) in enumerate(writers()):
        takes = body_schema(operations().get((verb, route.path.rstrip("/")), {})) is not None
        for name, body in list(RAW.items())[number % share :: share]:
            status = sender.send(verb, route, name, body)
            sent += 1
            # Who may not write to the opt-out list is told that, whatever was sent.
            right = {403, 413} if "/opt-outs" in route.path else {413}
            if takes and len(body) > LARGEST and status not in right:
                sender.faults.append(f"{verb} {route.path}, {name}: {status} for {len(body)} bytes")
    return sent


def run_types(sender: Sender, *, share: int) -> int:
    """Send every operation its own body under wrong content types; return how many were sent."""
    sent = 0
    for number, (verb, route) in enumerate(writers()):
        body = json.dumps(sender.wanted(verb, route)).encode()
        for kind in TYPES[number % share :: share]:
            sender.send(verb, route, f"as {kind[:40]!r}", body, kind)
            sent += 1
    return sent


def run_odd(sender: Sender, *, share: int) -> int:
    """Put odd values into every field of every body; return how many were sent."""
    sent = 0
    for number, (verb, route) in enumerate(writers()):
        schema = body_schema(operations().get((verb, route.path.rstrip("/")), {})) or {}
        bodies = variations(sender.wanted(verb, route), list(schema.get("properties", {})))
        for body in bodies[number % share :: share]:
            sender.send(verb, route, body[:120].decode(), body)
            sent += 1
    return sent


def run_fuzz(sender: Sender, *, each: int, seed: int) -> int:
    """Send every operation so many bodies made of its own and of bad pieces; return how many were sent."""
    rng = random.Random(seed)
    short = [body for body in RAW.values() if len(body) < 5_000]
    sent = 0
    for verb, route in writers():
        good = json.dumps(sender.wanted(verb, route)).encode()
        for number in range(each):
            body = fuzz(rng.choice(short) if rng.random() < 0.2 else good, rng)
            sender.send(verb, route, f"fuzz {seed}.{number} {body[:200]!r}", body)
            sent += 1
    return sent
