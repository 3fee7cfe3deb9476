"""Looking at processes by their ids: no name is ever searched for, nothing but given ids is ever killed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def wait_for(question: Callable[[], T | None], what: str, *, seconds: float = 30.0) -> T:
    """Ask until the answer is true, for at most ``seconds``; then fail and say what did not happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"within {seconds:g} s: not {what}")


def parents() -> dict[int, int]:
    """Return the parent of every process that runs (a zombie does not run)."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in parentheses may hold spaces and parentheses itself.
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue
        if state not in "ZX":
            found[int(path.parent.name)] = int(parent)
    return found


def alive(pid: int) -> bool:
    """Return whether a process runs; a zombie that waits for its parent does not."""
    return pid in parents()


def descendants(pid: int) -> set[int]:
    """Return every process below ``pid``."""
    table = parents()
    found: set[int] = set()
    level = {pid}
    while level:
        level = {child for child, parent in table.items() if parent in level} - found
        found |= level
    return found


def command_line(pid: int) -> list[str]:
    """Return the arguments of a process; empty where it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")[:-1]
    except OSError:
        return []


def kill_all(pids: set[int]) -> None:
    """Kill the given processes with SIGKILL."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
