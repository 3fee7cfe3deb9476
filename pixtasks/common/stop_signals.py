"""Ctrl-C and SIGTERM as something that a command's loop notices, where it can stop in good order."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOOK_SECONDS = 0.1

INTERRUPTED = 130
"""Exit code of a command that was interrupted (128 + SIGINT, as shells have it)."""


class Interrupted(Exception):
    """Somebody asked the command to stop."""


class StopSignals:
    """Turns the first stop signal into :class:`Interrupted`, raised by ``pause()`` and ``look()`` alone.

    The first one also gives the signals their former meaning back, so that a second one stops at once.
    """

    def __init__(self) -> None:
        self._came = False
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def look(self) -> None:
        """Return where nobody asked to stop.

        Raises:
            Interrupted: somebody did.
        """
        if self._came:
            raise Interrupted

    def pause(self, seconds: float) -> None:
        """Sleep.

        Raises:
            Interrupted: somebody asked to stop, before or meanwhile.
        """
        end = time.monotonic() + seconds
        self.look()
        # Not an Event: setting one from a signal handler can wait for ever on the lock its own waiter holds.
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _LOOK_SECONDS))
            self.look()

    def forget(self) -> None:
        """Count as not asked any more: the stop is under way, and may itself pause."""
        self._came = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._came = True
        self._restore()

    def _restore(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)  # type: ignore[arg-type]
