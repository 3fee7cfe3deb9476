"""What the tests of live progress share: a server, and tasks that report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from pixtasks.accounts.models import User
from pixtasks.accounts.tokens import RefreshToken
from tasktypes.models import Task
from tasktypes.services.claim import claim
from tasktypes.services.context import LeasedContext
from tasktypes.services.submit import NewTask, submit
from tests import factories
from tests.realtime.server import Server

Report = Callable[..., LeasedContext]


@pytest.fixture
def server(transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server on the test's database that reads often, and keeps no connection that the next test would find."""
    settings.PIXTASKS_REALTIME_POLL_SECONDS = 0.02
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    running = Server()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def ann(transactional_db: None) -> User:
    return factories.user(email="ann@example.com")


@pytest.fixture
def ben(transactional_db: None) -> User:
    return factories.user(email="ben@example.com")


@pytest.fixture
def staff(transactional_db: None) -> User:
    return factories.user(email="staff@example.com", is_staff=True)


def token_of(user: User) -> str:
    return str(RefreshToken.begin(user).access_token)


def as_user(user: User) -> str:
    """Return the query that signs in."""
    return f"?token={token_of(user)}"


class Work:
    """A running task of somebody; its history begins with submitted and started."""

    def __init__(self, owner: User | None) -> None:
        new = NewTask(type_name="jobs.sweep_files")
        (self.task,) = submit([new], owner_id=owner.pk if owner else None)
        claimed = claim(self.task.pk, 0, worker="tests", carrier=f"realtime-{self.task.pk}")
        assert claimed is not None
        self.context = LeasedContext(claimed, time_limit=600)
        self.channel = f"task:{self.task.public_id}"

    def report(self, *numbers: int, **more: Any) -> None:
        """Write one line of progress for each number."""
        for number in numbers:
            self.context.checkpoint(progress={"n": number, **more})

    @property
    def seq(self) -> int:
        return Task.objects.values_list("event_seq", flat=True).get(pk=self.task.pk)


def numbers(frames: list[Any]) -> list[int]:
    """Return the numbers of progress frames."""
    return [frame["data"]["data"]["n"] for frame in frames]


def later(read: Callable[[], Any], after: int, count: int = 1) -> list[int]:
    """Read until so many numbers above one have come, and return these.

    A resume repeats what is not final yet, and on a PostgreSQL server with other writers that can be much.
    """
    found: list[int] = []
    for _ in range(200):
        number = read()["data"]["data"].get("n", 0)
        if number > after:
            found.append(number)
        if len(found) == count:
            return found
    raise AssertionError(f"only {found} of {count} numbers above {after}")


def seqs(frames: list[Any]) -> list[int]:
    return [frame["seq"] for frame in frames]
