"""What the tests of incoming progress share: a secret, bodies, signatures, tasks of each kind."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from pixtasks.accounts.models import User
from pixtasks.common.signing import sign
from tasktypes.handlers import handlers
from tasktypes.models import Task, TaskType
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.task_types import register_type
from tests import factories
from tests.tasktypes.conftest import Echo

URL = "/api/webhooks/automated-gather-progress"
ALIAS = "/api/v1/webhooks/automated-gather-progress"
SECRET = "the-secret-of-these-tests"
PREVIOUS = "the-secret-before-that-one"


@pytest.fixture(autouse=True)
def _secrets(settings: Settings, tmp_path: Path) -> None:
    """One secret; and the static files' middleware warns where the folder of collected files is missing."""
    settings.STATIC_ROOT = tmp_path
    settings.WEBHOOK_SECRET = SECRET
    settings.WEBHOOK_SECRET_PREVIOUS = ""
    settings.WEBSOCKET_SERVER_URL = ""


@pytest.fixture(autouse=True)
def echo() -> Iterator[Echo]:
    """The handler ``tests.echo``."""
    with handlers.temporarily(Echo()) as handler:
        yield handler  # type: ignore[misc]


@pytest.fixture
def ann(db: None) -> User:
    return factories.user()


@pytest.fixture
def outside(ann: User) -> Task:
    """A task that an outside worker is to run."""
    return submit([NewTask(type_name="render", task_type=declared(ann), parameters={})], owner_id=ann.pk)[0]


@pytest.fixture
def handled(ann: User) -> Task:
    """A task that a handler is to run."""
    return submit([NewTask(type_name="tests.echo", parameters={"message": "hello"})], owner_id=ann.pk)[0]


def declared(creator: User) -> TaskType:
    """Return the declared type ``render``."""
    return TaskType.objects.filter(name="render").first() or register_type(creator=creator, name="render")


def document(
    task_id: str = "abc123-def456", event: str = "progress", iteration: int = 5, **fields: Any
) -> dict[str, Any]:
    """Return the documented body, changed as told; a field that is None is left out."""
    body = {
        "taskId": task_id,
        "event": event,
        "data": {
            "currentIteration": iteration,
            "totalIterations": 10,
            "percentage": 10 * iteration,
            "message": f"Processing iteration {iteration} of 10",
        },
        "timestamp": "2025-10-04T12:00:00Z",
        "signature": "hmac-signature",
        **fields,
    }
    return {name: value for name, value in body.items() if value is not None}


def raw(body: Any) -> bytes:
    """Return bytes as they are; anything else as JSON."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def post(body: Any, *, url: str = URL, content_type: str = "application/json", **headers: str) -> Any:
    """Send a body without any credential but the headers given (``x_webhook_signature`` and so on)."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client().post(url, raw(body), content_type=content_type, headers=named)


def deliver(body: Any, *, secret: str = SECRET, age: float | None = None, **options: Any) -> Any:
    """Send a body with its signature in the header; ``age`` adds a timestamp of so many seconds ago."""
    if age is None:
        return post(body, x_webhook_signature=sign(secret, raw(body)), **options)
    timestamp = str(int(time.time() - age))
    signature = sign(secret, raw(body), timestamp)
    return post(body, x_webhook_signature=signature, x_webhook_timestamp=timestamp, **options)


def signed_within(body: dict[str, Any], secret: str = SECRET, *, escaped: bool = False) -> dict[str, Any]:
    """Return a body that carries its own signature."""
    rest = {name: value for name, value in body.items() if name != "signature"}
    canonical = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=escaped).encode()
    return {**rest, "signature": sign(secret, canonical)}
