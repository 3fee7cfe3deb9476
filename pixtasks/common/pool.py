"""A pool whose processes may be killed at any time without stopping the others.

On a transport without an event loop, the filesystem's, Celery's pool processes read their work from one pipe, one at a
time behind a semaphore. The idle process that waits at the pipe holds it, and the semaphore of a killed process is
never given back: the others, and all that replace them, wait for it for ever, while the worker goes on saying that it
is well. The kernel takes record locks back when their process ends, however it ends.
"""

from __future__ import annotations

import fcntl
import tempfile

from billiard.pool import Pool
from celery.concurrency.prefork import TaskPool


class ProcessLock:
    """Excludes other processes, not other threads; made before the fork of those that share it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the lock, and has no name

    def acquire(self) -> None:
        """Wait for the lock and take it."""
        fcntl.lockf(self._file, fcntl.LOCK_EX)

    def release(self) -> None:
        """Give it back."""
        fcntl.lockf(self._file, fcntl.LOCK_UN)

    def __enter__(self) -> ProcessLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class SturdyPool(Pool):
    """Celery's pool for transports without an event loop, with locks that end with their holder."""

    def _setup_queues(self) -> None:
        super()._setup_queues()
        self._inqueue._rlock = ProcessLock()
        self._outqueue._wlock = ProcessLock()


def use_sturdy_pool() -> None:
    """Have Celery's prefork pool made of this class; to be called before the pool starts."""
    TaskPool.BlockingPool = SturdyPool
