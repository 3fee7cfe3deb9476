"""Handlers that the ledger's tests run, registered only while they run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import pytest
from pydantic import BaseModel, Field

from pixtasks.accounts.models import User
from tasktypes.handlers import Context, EndedTask, Handler, PermanentFailure, handlers


class EchoParams(BaseModel):
    """Says something."""

    message: str = Field(max_length=100)
    key: str = ""
    fail_times: int = 0
    permanent: bool = False


class Echo(Handler[EchoParams]):
    """Returns its message; fails as often as it is told to."""

    name = "tests.echo"
    Params = EchoParams
    max_retries = 2
    settled: list[EndedTask]
    reopened: list[EndedTask]
    ran: list[str]

    def __init__(self) -> None:
        self.settled, self.reopened, self.ran = [], [], []

    def rate_key(self, params: EchoParams) -> str:
        return params.key

    def run(self, params: EchoParams, context: Context) -> dict[str, Any]:
        self.ran.append(params.message)
        if params.permanent:
            raise PermanentFailure("this cannot work")
        if context.task.retries < params.fail_times:
            raise RuntimeError(f"failure {context.task.retries + 1}")
        return {"echo": params.message}

    def on_settled(self, tasks: Sequence[EndedTask]) -> None:
        self.settled += tasks

    def on_reopened(self, tasks: Sequence[EndedTask]) -> None:
        self.reopened += tasks


class Brisk(Echo):
    """The same in batches."""

    name = "tests.brisk"
    batch = 50


@pytest.fixture
def echo() -> Iterator[Echo]:
    """The handler ``tests.echo``; ``tests.brisk`` is there beside it."""
    with ExitStack() as stack:
        handler = stack.enter_context(handlers.temporarily(Echo()))
        stack.enter_context(handlers.temporarily(Brisk()))
        yield handler  # type: ignore[misc]


@pytest.fixture
def ann(db: None) -> User:
    return User.objects.create_user("ann@example.com")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob@example.com")
