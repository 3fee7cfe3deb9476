"""What the tests of webhooks share: a receiver that may be sent to, a handler to run, two users."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from pixtasks.accounts.models import User
from pixtasks.common.sql import database_now
from tasktypes.handlers import handlers
from tasktypes.models import Task, WebhookDelivery, WebhookEndpoint
from tasktypes.services.submit import NewTask, submit
from tasktypes.webhooks.services.endpoints import create_endpoint
from tests import factories
from tests.ledger import run_all
from tests.tasktypes.conftest import Echo
from tests.webhooks.receiver import Receiver, receiving


@pytest.fixture(autouse=True)
def _static_folder(settings: Settings, tmp_path: Path) -> None:
    """The static files' middleware warns where the folder of collected files is missing, and warnings are errors."""
    settings.STATIC_ROOT = tmp_path


@pytest.fixture
def receiver(settings: Settings) -> Iterator[Receiver]:
    """A receiver whose address is on the allow-list."""
    with receiving() as state:
        settings.PIXTASKS_FETCH_ALLOW = [f"127.0.0.1:{state.port}"]
        yield state


@pytest.fixture(autouse=True)
def echo() -> Iterator[Echo]:
    """The handler ``tests.echo``."""
    with handlers.temporarily(Echo()) as handler:
        yield handler  # type: ignore[misc]


@pytest.fixture
def ann(db: None) -> User:
    return factories.user()


@pytest.fixture
def bob(db: None) -> User:
    return factories.user()


def endpoint_of(owner: User, receiver: Receiver, **wanted: Any) -> tuple[WebhookEndpoint, str]:
    """Have a user's tasks told to the receiver; return the endpoint and its secret."""
    return create_endpoint(owner=owner, url=wanted.pop("url", receiver.url), **wanted)


def put(owner: User, message: str = "hello", *, metadata: dict[str, Any] | None = None, **parameters: Any) -> Task:
    """Submit a task of ``tests.echo``."""
    new = NewTask(type_name="tests.echo", parameters={"message": message, **parameters}, metadata=metadata or {})
    return submit([new], owner_id=owner.pk)[0]


def ran(owner: User, **parameters: Any) -> Task:
    """Submit a task and run everything that may run, deliveries too."""
    task = put(owner, **parameters)
    run_all()
    task.refresh_from_db()
    return task


def retry_now() -> int:
    """Let time pass for whatever waits for another try, and run it; return how many ran."""
    Task.objects.filter(status="pending", due_at__gt=database_now()).update(
        due_at=database_now() - timedelta(seconds=1)
    )
    return run_all()


def delivery() -> WebhookDelivery:
    """Return the only delivery there is."""
    return WebhookDelivery.objects.get()
