"""How a worker's pool children hear that it has been told to stop.

Celery lets running tasks finish for ``worker_soft_shutdown_timeout`` seconds and kills them then; their rows would have
to wait for the end of a lease. One shared number tells the children in time, so that long tasks give their rows back at
a safe place instead, and a deploy costs neither a retry nor a wait.
"""

from __future__ import annotations

import mmap
import struct
import time

GRACE_SECONDS = 8.0
"""A task that is still running this long after the worker was told to stop gives its row back."""

_NEVER = 0.0


class StopNotice:
    """When the worker was told to stop: written by its main process, read by the children that it forks later."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8)

    def give(self) -> None:
        """Note that the worker has been told to stop, once."""
        if not self.given:
            self._shared[:8] = struct.pack("d", time.monotonic())

    def withdraw(self) -> None:
        """Forget it."""
        self._shared[:8] = struct.pack("d", _NEVER)

    @property
    def given(self) -> bool:
        """Whether the worker has been told to stop."""
        return self._since() != _NEVER

    @property
    def overdue(self) -> bool:
        """Whether tasks that still run have had their grace."""
        since = self._since()
        return since != _NEVER and time.monotonic() - since >= GRACE_SECONDS

    def _since(self) -> float:
        return float(struct.unpack("d", self._shared[:8])[0])


stop_notice = StopNotice()
