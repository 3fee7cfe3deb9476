"""What ``manage.py doctor`` looks at: small checks that every app may contribute.

A check is a class with a name, a title and :meth:`Check.examine`; decorate it with ``@checkup.register`` (through
:func:`register`) in a module that the app imports when it is ready, and the command, the hourly run and the documents
know it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar, TypeVar

from .registry import Registry


class Level(IntEnum):
    """How bad it is; also the exit code that monitoring sees."""

    OK = 0
    WARNING = 1
    ERROR = 2

    @property
    def word(self) -> str:
        """The level in JSON and on screen."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Args:
        level: how bad it is.
        message: a sentence that says what is so and, where it is not ok, what to do.
        facts: the numbers behind it, for JSON.
    """

    level: Level
    message: str
    facts: dict[str, Any] = field(default_factory=dict)


def ok(message: str, **facts: Any) -> Finding:
    """Return a finding that asks for nothing."""
    return Finding(Level.OK, message, facts)


def warning(message: str, **facts: Any) -> Finding:
    """Return a finding that somebody should look at."""
    return Finding(Level.WARNING, message, facts)


def error(message: str, **facts: Any) -> Finding:
    """Return a finding that somebody must mend."""
    return Finding(Level.ERROR, message, facts)


class Check(ABC):
    """Looks at one thing and changes nothing.

    Attributes:
        name: permanent, for JSON; words and underscores.
        title: what people read.
        place: where it stands in the list; lower comes first.
        needs_database: it is left out while the database cannot be used.
        needs_processes: only an installation that is being served can pass it.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    place: ClassVar[int]
    needs_database: ClassVar[bool] = True
    needs_processes: ClassVar[bool] = False

    @abstractmethod
    def examine(self, *, deep: bool) -> Finding:
        """Look.

        Args:
            deep: look at everything, however long that takes.
        """

    def mend(self, *, deep: bool) -> list[str]:
        """Mend what is safe to mend; return a sentence about each thing that was mended, for people and the audit log.

        It never deletes a row. The default mends nothing.
        """
        return []


CheckClass = TypeVar("CheckClass", bound=type[Check])

checkup: Registry[Check] = Registry("check", required=("name", "title", "place"))


def register(cls: CheckClass) -> CheckClass:
    """Add a check (decorator for classes)."""
    checkup.register(cls())
    return cls


def in_order() -> list[Check]:
    """Return all checks in the order in which they are shown."""
    return sorted(checkup, key=lambda check: (check.place, check.name))


Progress = Callable[[str, int, int], None]
"""Hears which check comes next: its title, how many are done, of how many."""
