"""Named places at which a process can be made to die, for the tests of docs/reliability.md.

They stand before and after every commit and publish. ``PIXTASKS_CRASH_POINT`` arms them: ``name`` or ``name:nth`` ends
the process at the nth time it comes by; ``@FOLDER`` ends it where the folder holds a file of the point's name, which is
taken away first, so that one process dies once. Unset, a point is a call of an empty function.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

VARIABLE = "PIXTASKS_CRASH_POINT"
EXIT_CODE = 70

POINTS = (
    "submit.before_commit",
    "submit.after_commit",
    "dispatch.before_commit",
    "dispatch.before_publish",
    "dispatch.after_publish",
    "claim.before_commit",
    "claim.after_commit",
    "checkpoint.before_commit",
    "checkpoint.after_commit",
    "settle.before_commit",
    "settle.after_commit",
    "download.before_rows",
)
"""All of them, in the order of a task's life."""

_wanted = os.environ.get(VARIABLE, "")
_passed: Counter[str] = Counter()


def crash_point(name: str) -> None:
    """End this process here, without any clean-up, if the environment asks for it.

    Args:
        name: one of :data:`POINTS`.
    """


def crash_after_commit(name: str) -> None:
    """Let the present transaction's commit come by a crash point; inside a transaction."""


def _crash_in_order(name: str) -> None:
    _passed[name] += 1
    wanted, _, nth = _wanted.partition(":")
    if name == wanted and _passed[name] == int(nth or 1):
        os._exit(EXIT_CODE)


def _crash_on_demand(name: str) -> None:
    try:
        Path(_wanted[1:], name).unlink()
    except OSError:
        return
    os._exit(EXIT_CODE)


def armed() -> bool:
    """Return whether this process may be made to die."""
    return bool(_wanted)


def _crash_when_committed(name: str) -> None:
    from django.db import transaction

    transaction.on_commit(lambda: crash_point(name))


if _wanted:
    crash_point = _crash_on_demand if _wanted.startswith("@") else _crash_in_order
    crash_after_commit = _crash_when_committed
