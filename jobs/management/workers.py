"""Somebody who does the work of a command: the ``manage.py up`` that runs, or one of the command's own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO

from django.conf import settings

from pixtasks.common import lifeline
from pixtasks.common.errors import Unavailable
from pixtasks.common.running import running_up
from pixtasks.common.screen import shown_path
from pixtasks.common.stop_signals import StopSignals
from tasktypes.services.inspect import live_workers

START_SECONDS = 120.0
STOP_SECONDS = 45.0  # More than the longest grace of a child of "up".
_LOOK_SECONDS = 1.0
_MOST_STARTS = 3
_LAST_LINES = 12
_ALREADY = b"already runs on the data folder"


class NoWorkers(Unavailable):
    """Nobody is there who would do the work, and nobody could be started."""


def somebody_works() -> bool:
    """Return whether workers are alive: those of the data folder's ``up``, or services of their own."""
    # A worker that was killed is believed for some seconds more; the lock of an "up" ends with it.
    if settings.PIXTASKS_PROFILE == "development" and not settings.REDIS_URL:
        return running_up() is not None
    return bool(live_workers())


class Workers:
    """Whoever works while a command runs; a context manager.

    In development that is the ``manage.py up`` of the same data folder, where one runs; else one is started on a free
    port and stopped at the end. What it prints goes into a log file in the data folder, which is removed when all went
    well and named when something did not. Even ``kill -9`` of the command leaves nothing behind. In production workers
    are services of their own, and none is ever started here.

    Args:
        stop: notices that the command shall end.
        say: tells the user what is being waited for.
    """

    def __init__(self, stop: StopSignals, say: Callable[[str], None]) -> None:
        self._stop = stop
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._log = Path(settings.DATA_DIR) / "logs" / f"services-{os.getpid()}.log"
        self._ready = self._log.with_suffix(".ready")
        self._looked = 0.0
        self._starts = 0
        self.url = ""
        self.own = False

    def __enter__(self) -> Workers:
        try:
            self._find_or_start()
        except BaseException:
            self.close(keep_log=True)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(keep_log=kind is not None)

    def keep(self) -> None:
        """See to it, about once a second, that somebody still works.

        Raises:
            NoWorkers: nobody does, and starting somebody failed.
            Interrupted: the command was asked to stop meanwhile.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        if settings.PIXTASKS_PROFILE == "development" and not self._works():
            self._say("The services have ended before the job did; starting them again …")
            self._find_or_start()

    def release(self) -> None:
        """Ask the command's own services to stop, without waiting for it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def close(self, *, keep_log: bool) -> None:
        """Stop the command's own services and wait until they are gone.

        Args:
            keep_log: leave the log where it is.
        """
        self.release()
        if self._process is not None:
            try:
                self._process.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()  # Its guard takes the children along.
                self._process.wait()
            self._process = None
        self._ready.unlink(missing_ok=True)
        if not keep_log:
            self._log.unlink(missing_ok=True)

    def _works(self) -> bool:
        return self._process.poll() is None if self._process is not None else running_up() is not None

    def _find_or_start(self) -> None:
        if settings.PIXTASKS_PROFILE != "development":
            self._need_live_workers()
            return
        found = running_up()
        if found is not None:
            self._process, self.own, self.url = None, False, found.url
            return
        self._starts += 1
        if self._starts > _MOST_STARTS:
            raise NoWorkers(f"The services ended {_MOST_STARTS} times. {self._what_they_said()}")
        self._say("Starting web server, dispatcher and workers …")
        self._start()
        self._wait_until_ready()

    def _need_live_workers(self) -> None:
        if not live_workers():
            raise NoWorkers(
                'No worker was heard of lately. Start the worker and dispatcher services, or "manage.py up".'
            )
        self.url = str(settings.PIXTASKS_BASE_URL)

    def _start(self) -> None:
        self._log.parent.mkdir(mode=0o700, exist_ok=True)
        self._ready.unlink(missing_ok=True)
        with self._private_log() as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-I", "-S", lifeline.__file__, "exec", str(os.getpid()),
                    sys.executable, str(Path(settings.BASE_DIR) / "manage.py"),
                    "up", "--port", "0", "--no-beat", "--ready-file", str(self._ready),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PIXTASKS_DATA_DIR": str(settings.DATA_DIR)},
                # The terminal's Ctrl-C is for the command alone, which stops the services in its own time.
                start_new_session=True,
            )  # fmt: skip
        self.own = True

    def _private_log(self) -> IO[bytes]:
        """Open the log for its owner alone: the first sign-in is in it."""
        return os.fdopen(os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        end = time.monotonic() + START_SECONDS
        while not self._ready.exists():
            if self._process.poll() is not None:
                if self._another_was_first(end):
                    return
                raise NoWorkers(f"The services ended before they were ready. {self._what_they_said()}")
            if time.monotonic() >= end:
                raise NoWorkers(f"The services were not ready within {START_SECONDS:g} s. {self._what_they_said()}")
            self._stop.pause(0.1)
        self.url = self._ready.read_text().strip()

    def _another_was_first(self, end: float) -> bool:
        """Tell whether somebody else's ``up`` had just begun; then wait for its address and work with it."""
        if _ALREADY not in self._log.read_bytes():
            return False
        while time.monotonic() < end:
            found = running_up()
            if found is not None:
                self._process, self.own, self.url = None, False, found.url
                return True
            self._stop.pause(0.2)
        return False

    def _what_they_said(self) -> str:
        try:
            lines = self._log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
        except OSError:
            lines = []
        last = "".join(f"\n  {line}" for line in lines)
        return f"What they printed is in {shown_path(self._log)}; its last lines:{last or ' none'}"
