"""Fixtures of the tier that starts the product's real processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.processes.stack import Stack, running_stack

StartStack = Callable[..., Stack]


@pytest.fixture
def start_stack(tmp_path: Path) -> Iterator[StartStack]:
    """A function that serves an installation of its own; all of them end with the test."""
    with ExitStack() as stacks:
        number = 0

        def start(
            environment: Mapping[str, str] | None = None, arguments: Sequence[str] = (), *, start: bool = True
        ) -> Stack:
            nonlocal number
            number += 1
            folder = tmp_path / f"stack{number}"
            folder.mkdir()
            return stacks.enter_context(running_stack(folder, environment, arguments, start=start))

        yield start


@pytest.fixture
def stack(start_stack: StartStack) -> Stack:
    """An installation of its own with its usual settings, served and ready."""
    return start_stack()
