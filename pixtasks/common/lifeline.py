"""Ties processes to the life of the one that started them, so that even ``kill -9`` of it leaves no orphan.

Run as a script, with nothing but the standard library (a start costs about 15 ms)::

    python -I -S lifeline.py exec PARENT_PID COMMAND…   become COMMAND, which the kernel kills when PARENT_PID dies
    python -I -S lifeline.py guard                      read "+PGID" and "-PGID" lines; at the end of the input kill
                                                        every process group that is still registered

``exec`` covers the process itself: the setting survives ``execve``. It is not inherited by ``fork``, so ``guard``
covers what the process starts in turn (Celery's pool): the supervisor holds the other end of its pipe, and the kernel
closes that however the supervisor ends. Setting the signal here and not in a ``preexec_fn`` keeps Python code out of
the fork of a process that may have threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable

PR_SET_PDEATHSIG = 1  # prctl(2)
_LOOK_SECONDS = 0.5


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process with SIGKILL when its parent dies (Linux; elsewhere nothing happens).

    Args:
        parent: the parent's process id. Where it is gone already, this process ends at once.
    """
    _set_death_signal(signal.SIGKILL)
    # The parent may have died before the setting took effect: no signal comes any more.
    if os.getppid() != parent:
        os._exit(1)


def _set_death_signal(number: int) -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def follow_parent() -> None:
    """End this process soon after its parent process is gone, whichever of the parent's threads had forked it.

    For Celery's pool. Celery asks the kernel for SIGKILL at the parent's death, but the kernel means the *thread*
    that forked: a pool process that replaced another one comes from a thread that ends when a warm shutdown begins,
    so it was killed in the middle of its task. Here the question is taken back, and a thread looks instead.
    """
    _set_death_signal(0)
    parent = os.getppid()

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_SECONDS)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=look, name="follow-parent", daemon=True).start()


def kill_group(group: int) -> bool:
    """Kill a process group with SIGKILL; return whether it had a member."""
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def guard(lines: Iterable[str]) -> None:
    """Keep the set of registered process groups, and kill them when the input ends.

    Args:
        lines: "+PGID" registers a process group, "-PGID" forgets it.
    """
    groups: set[int] = set()
    for line in lines:
        sign, group = line[:1], int(line[1:])
        (groups.add if sign == "+" else groups.discard)(group)
    for group in groups:
        kill_group(group)


def main(arguments: list[str]) -> None:
    """Carry out ``exec PARENT_PID COMMAND…`` or ``guard``."""
    if arguments[0] == "exec":
        die_with_parent(int(arguments[1]))
        command = arguments[2:]
        try:
            os.execvp(command[0], command)  # noqa: S606 - no shell is the point
        except OSError as error:
            sys.exit(f"cannot start {command[0]}: {error.strerror}")
    # The guard ends by the end of its input alone.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    guard(sys.stdin)


if __name__ == "__main__":
    main(sys.argv[1:])
