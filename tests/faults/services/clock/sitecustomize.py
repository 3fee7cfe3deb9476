"""Runs first in processes with a wrong clock: under libfaketime the system call behind ``time.sleep`` is refused."""

import threading
import time


def _sleep(seconds: float) -> None:
    threading.Event().wait(seconds)


time.sleep = _sleep
