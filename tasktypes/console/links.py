"""What a task belongs to above the ledger: apps above this one say where its pages are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tasktypes.models import Task


@dataclass(frozen=True, slots=True)
class Link:
    """A page about what a task belongs to.

    Attributes:
        name: what it is: "Crawl job".
        text: which one.
        url: its page.
    """

    name: str
    text: str
    url: str


Finder = Callable[[Task], Iterable[Link]]
_FINDERS: list[Finder] = []


def register_links(finder: Finder) -> Finder:
    """Let an app tell what a task belongs to (decorator); it may use two queries."""
    _FINDERS.append(finder)
    return finder


def links_of(task: Task) -> list[Link]:
    """Return the pages about what a task belongs to."""
    return [link for finder in _FINDERS for link in finder(task)]
