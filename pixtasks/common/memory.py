"""How much memory a process and those that it started hold, where the system tells (Linux)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PROCESSES = Path("/proc")


def memory_of(pid: int) -> int | None:
    """Return the bytes that a process and its descendants hold in memory; None where the system does not tell.

    Pages that several of them share count once where the kernel says so (``Pss``), else for each (``RSS``).
    """
    sizes = [_size(one) for one in _family(pid)]
    known = [size for size in sizes if size is not None]
    return sum(known) if known else None


def _family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants; those that end meanwhile are left out."""
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        try:
            children = list((_PROCESSES / str(one) / "task").glob("*/children"))
        except OSError:  # No descriptor is left to look with.
            continue
        for path in children:
            try:
                waiting += map(int, path.read_text().split())
            except OSError:
                continue


def _size(pid: int) -> int | None:
    folder = _PROCESSES / str(pid)
    try:
        for line in (folder / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:  # Hidden from us, or an old kernel.
        pass
    try:
        return int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return None
