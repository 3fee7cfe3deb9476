"""Locks between the processes of one machine, kept by the kernel: they end with the process, however it ends."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PAUSE = 0.05  # Seconds.


class LockHeld(Exception):
    """Another process holds the lock."""


@contextmanager
def file_lock(path: Path, *, wait: float) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is made where it is missing and never removed.

    Removing it would let a third process lock a new file of that name while the second holds the old one.

    Args:
        path: the file, in a folder that exists.
        wait: seconds to wait for another holder.

    Raises:
        LockHeld: another process held the lock all that time.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + wait
        while not _try(descriptor):
            if time.monotonic() >= deadline:
                raise LockHeld(str(path))
            time.sleep(_PAUSE)
        yield
    finally:
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Return whether some process holds the lock on that file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return not _try(descriptor)
    finally:
        os.close(descriptor)


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
