"""A small process supervisor: one command that runs several processes and leaves none behind.

Each child runs in a session of its own, so a Ctrl-C in the terminal reaches the supervisor alone, which then stops its
children in order. A child that ends by itself is started again, after 1 s, 2 s, 4 s … 30 s; once it has run for a
while the next end counts as the first again. SIGTERM, SIGINT or SIGHUP stop everything and give each child its grace
(CONTRACT D13); a second signal kills at once. Lines that children write come out with the child's name in front, byte
for byte. ``kill -9`` of the supervisor takes the children and what they started along (lifeline.py).

Everything happens in one thread: the kernel's parent-death signal belongs to the thread that forked.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from pixtasks.common import lifeline
from pixtasks.common.lines import LinePrinter, LineSplitter

_LIFELINE = (sys.executable, "-I", "-S", str(Path(lifeline.__file__).resolve()))
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_READ_SIZE = 65_536
_DRAIN_READS = 16  # More than a pipe holds: an escaped writer cannot hold the supervisor.
_GUARD_PAUSE = 1.0  # Seconds between two starts of the guard.


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """What the supervisor keeps running.

    Args:
        name: one word, shown in front of its lines.
        command: program and arguments.
        env: the whole environment of the process; None = the supervisor's own.
        grace: seconds it may take to end after ``stop_signal``, before it is killed.
        stop_signal: the signal that asks it to end.
        pass_fds: file descriptors it inherits, a listening socket for example.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] | None = None
    grace: float = 10.0
    stop_signal: signal.Signals = signal.SIGTERM
    pass_fds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before a child is started again, in seconds.

    Args:
        first: wait after the first unexpected end; each further one doubles it.
        longest: never wait longer.
        stable: a child that ran for this long starts counting anew.
    """

    first: float = 1.0
    longest: float = 30.0
    stable: float = 30.0

    def wait(self, failures: int) -> float:
        """Return the wait after the ``failures``-th unexpected end in a row (1 = the first)."""
        return min(self.first * 2.0 ** min(failures - 1, 30), self.longest)


@dataclass(slots=True)
class _Slot:
    """A child and its present process."""

    child: Child
    splitter: LineSplitter
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    restart_at: float | None = 0.0
    deadline: float | None = None


class Supervisor:
    """Runs children until a signal or ``stop()`` ends it.

    Args:
        children: what to run, started in this order.
        output: where lines go; standard output by default.
        colour: colour the names; None = when the output is a terminal and NO_COLOR is not set.
        backoff: how long to wait before a restart.
        name: the name in front of the supervisor's own lines.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        output: BinaryIO | None = None,
        colour: bool | None = None,
        backoff: Backoff | None = None,
        name: str = "up",
    ) -> None:
        self._printer = LinePrinter(
            output or sys.stdout.buffer, names=[name, *(child.name for child in children)], colour=colour
        )
        self._name = name
        self._backoff = backoff or Backoff()
        self._slots = [_Slot(child, LineSplitter()) for child in children]
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)
        self._guard: subprocess.Popen[bytes] | None = None
        self._guard_started = float("-inf")
        self._stop_requests = 0
        self._last_signal = signal.SIGTERM
        self._stopping = False

    def say(self, text: str) -> None:
        """Print lines of the supervisor's own; safe from any thread."""
        for line in text.splitlines():
            self._printer.write(self._name, line.encode())

    def stop(self) -> None:
        """Ask the supervisor to end as a SIGTERM does; a second call kills. Safe from any thread."""
        self._stop_requests += 1
        self._wake()

    def pids(self) -> dict[str, int]:
        """Return the process id of every child that runs now, by its name."""
        return {slot.child.name: slot.process.pid for slot in self._slots if slot.process is not None}

    def run(self) -> int:
        """Run until a signal or ``stop()``, then stop every child.

        Returns:
            0 after an orderly stop (also where a child outlived its grace and was killed), 128 + the signal's number
            where a second signal cut it short.

        Raises:
            RuntimeError: called outside the main thread, which alone receives signals.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("the supervisor runs in the main thread only")
        with self._signals():
            self._selector.register(self._wake_read, selectors.EVENT_READ)
            try:
                while not self._finished():
                    self._watch_guard()
                    self._start_what_is_due()
                    self._wait()
                    self._collect_ended()
                    self._follow_stop_requests()
            finally:
                self._stopping = True
                self._kill_all()
                self._close()
        return 0 if self._stop_requests < 2 else 128 + self._last_signal

    # --- signals ------------------------------------------------------------------------------------------------

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Turn signals into bytes in the wake pipe, and give the handlers back at the end."""
        before = {number: signal.signal(number, self._on_stop_signal) for number in _STOP_SIGNALS}
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        wakeup = signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(wakeup)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_stop_signal(self, number: int, _frame: FrameType | None) -> None:
        self._last_signal = signal.Signals(number)
        # A closing terminal sends several SIGHUP: they ask for an orderly stop and never cut it short.
        self._stop_requests = max(1, self._stop_requests) if number == signal.SIGHUP else self._stop_requests + 1

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"\0")
        except (BlockingIOError, OSError):
            pass  # Full: it wakes anyway. Closed: there is nobody to wake.

    # --- one turn of the loop -----------------------------------------------------------------------------------

    def _finished(self) -> bool:
        return self._stopping and all(slot.process is None for slot in self._slots)

    def _watch_guard(self) -> None:
        """Keep the guard running: it kills the children's process groups if this process is killed."""
        if self._guard is not None and self._guard.poll() is None:
            return
        now = time.monotonic()
        if now - self._guard_started < _GUARD_PAUSE:
            return
        self._guard_started = now
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
        self._guard = subprocess.Popen(
            [*_LIFELINE, "guard"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True
        )
        for pid in self.pids().values():
            self._register(f"+{pid}\n")

    def _register(self, line: str) -> None:
        if self._guard is None or self._guard.stdin is None:
            return
        try:
            self._guard.stdin.write(line.encode())
            self._guard.stdin.flush()
        except BrokenPipeError:
            pass  # It was killed; the next turn starts another and registers everything.

    def _start_what_is_due(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.process is None and slot.restart_at is not None and slot.restart_at <= now and not self._stopping:
                self._start(slot)

    def _start(self, slot: _Slot) -> None:
        child = slot.child
        slot.started = time.monotonic()
        slot.restart_at = None
        try:
            slot.process = subprocess.Popen(
                [*_LIFELINE, "exec", str(os.getpid()), *child.command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={"PYTHONUNBUFFERED": "1", **(os.environ if child.env is None else child.env)},
                pass_fds=child.pass_fds,
                start_new_session=True,
            )
        except OSError as error:  # No process or file descriptor left: as good as a crash.
            self._plan_restart(slot, f"could not start: {error.strerror}")
            return
        self._register(f"+{slot.process.pid}\n")
        assert slot.process.stdout is not None
        os.set_blocking(slot.process.stdout.fileno(), False)
        self._selector.register(slot.process.stdout, selectors.EVENT_READ, slot)

    def _wait(self) -> None:
        """Sleep until a child writes or ends, a signal comes, or something is due; pass on what was written."""
        now = time.monotonic()
        due = [slot.restart_at for slot in self._slots if slot.restart_at is not None and not self._stopping]
        due += [slot.deadline for slot in self._slots if slot.deadline is not None]
        # Even without a reason it looks around once a second: a lost SIGCHLD costs no more than that.
        timeout = max(0.0, min([1.0, *(moment - now for moment in due)]))
        for key, _events in self._selector.select(timeout):
            if isinstance(key.data, _Slot):
                self._pass_on(key.data)
            else:
                self._empty_wake_pipe()

    def _empty_wake_pipe(self) -> None:
        try:
            while os.read(self._wake_read, 4096):
                pass
        except BlockingIOError:
            pass

    def _pass_on(self, slot: _Slot) -> bool:
        """Print what a child wrote; return False at the end of its output."""
        if slot.process is None or slot.process.stdout is None or slot.process.stdout.closed:
            return False
        try:
            data = os.read(slot.process.stdout.fileno(), _READ_SIZE)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(slot.process.stdout)
            slot.process.stdout.close()
            return False
        for line in slot.splitter.feed(data):
            self._printer.write(slot.child.name, line)
        return True

    def _collect_ended(self) -> None:
        now = time.monotonic()
        for slot in self._slots:
            if slot.process is None:
                continue
            if slot.deadline is not None and slot.deadline <= now:
                self.say(f"{slot.child.name} did not end within {slot.child.grace:g} s and is killed")
                slot.deadline = None
                lifeline.kill_group(slot.process.pid)
            if self._has_ended(slot.process):
                self._collect(slot)

    @staticmethod
    def _has_ended(process: subprocess.Popen[bytes]) -> bool:
        """Look without reaping: until it is reaped, its process group's number cannot be given to another."""
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _collect(self, slot: _Slot) -> None:
        """Clear up after a child that has ended, and plan its restart."""
        process = slot.process
        assert process is not None
        lifeline.kill_group(process.pid)  # What it had started: Celery's pool does not outlive its main process.
        code = process.wait()
        self._register(f"-{process.pid}\n")
        self._drain(slot)
        slot.process = None
        slot.deadline = None
        if not self._stopping:
            self._plan_restart(slot, _ending(code))

    def _plan_restart(self, slot: _Slot, ending: str) -> None:
        now = time.monotonic()
        slot.failures = 1 if now - slot.started >= self._backoff.stable else slot.failures + 1
        wait = self._backoff.wait(slot.failures)
        slot.restart_at = now + wait
        self.say(f"{slot.child.name} {ending}; it starts again in {wait:g} s")

    def _drain(self, slot: _Slot) -> None:
        """Print the last lines of an ended child, the one without a line end too."""
        for _ in range(_DRAIN_READS):
            if not self._pass_on(slot):
                break
        if slot.process is not None and slot.process.stdout is not None and not slot.process.stdout.closed:
            # Somebody outside its process group still holds the pipe.
            self._selector.unregister(slot.process.stdout)
            slot.process.stdout.close()
        for line in slot.splitter.finish():
            self._printer.write(slot.child.name, line)

    # --- the end ------------------------------------------------------------------------------------------------

    def _follow_stop_requests(self) -> None:
        if self._stop_requests and not self._stopping:
            self._stopping = True
            self.say("stopping; once more to stop at once")
            now = time.monotonic()
            for slot in self._slots:
                if slot.process is not None:
                    slot.deadline = now + slot.child.grace
                    # Not send_signal(), which may reap: the number must stay ours until _collect().
                    os.kill(slot.process.pid, slot.child.stop_signal)
        if self._stop_requests > 1:
            self._kill_all()

    def _kill_all(self) -> None:
        for slot in self._slots:
            if slot.process is not None:
                lifeline.kill_group(slot.process.pid)
                self._collect(slot)

    def _close(self) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()
            self._guard.wait()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)


def _ending(code: int) -> str:
    """Say how a process ended, from the code that Popen gives."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
