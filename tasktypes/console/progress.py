"""How far a task is, read from what its handler reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.safestring import SafeString

from pixtasks.common.markup import bar

_PAIRS: Final = (
    ("done", "target"),
    ("currentIteration", "totalIterations"),
    ("images", "target"),
    ("done", "total"),
    ("current", "total"),
    ("processed", "total"),
    ("completed", "total"),
)
"""What handlers of the product and of others call the units that are done, and those in all."""
_SHARES: Final = ("percent", "percentage", "progress")


def progress_of(progress: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """Return the units that are done and those in all; None where the report names none."""
    if not isinstance(progress, Mapping):
        return None
    for done_name, total_name in _PAIRS:
        done, total = _number(progress, done_name), _number(progress, total_name)
        if done is not None and total:
            return max(0, min(done, total)), total
    for name in _SHARES:
        if (percent := _number(progress, name)) is not None:
            return max(0, min(percent, 100)), 100
    return None


def progress_bar(progress: Mapping[str, Any] | None) -> SafeString | None:
    """Return it as a bar; None where the report names no units."""
    found = progress_of(progress)
    return bar(*found) if found else None


def _number(progress: Mapping[str, Any], name: str) -> int | None:
    value = progress.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return int(value) if abs(value) < 2**53 else None
