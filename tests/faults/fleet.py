"""The product's processes, each kept running by a thread of the test: one that dies is started again at once."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.tied import tied
from tests.processes.tree import descendants, kill_all

ROOT = Path(__file__).resolve().parents[2]
MANAGE = str(ROOT / "manage.py")


@dataclass
class _Member:
    """A process that shall run."""

    command: list[str]
    environment: dict[str, str]
    pass_fds: tuple[int, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    ends: list[int] = field(default_factory=list)
    started: float = 0.0


class Fleet:
    """Starts, watches and ends processes; it only ever touches those that it has started, by their ids.

    Args:
        folder: where their output goes, a file per name.
        environment: the whole environment of every process.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self._members: dict[str, _Member] = {}
        self._lock = threading.RLock()
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="fleet-keeper", daemon=True)
        self._socket: socket.socket | None = None
        self._keeper.start()

    # --- who runs -----------------------------------------------------------------------------------------------

    def web(self) -> str:
        """Start a web process on a socket that outlives it; return its address."""
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=256)
        handle = self._socket.fileno()
        self.start(
            "web",
            [
                sys.executable, "-m", "uvicorn", "pixtasks.asgi:application", "--fd", str(handle), "--lifespan", "off",
                "--no-access-log", "--log-level", "warning",
            ],
            pass_fds=(handle,),
        )  # fmt: skip
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def dispatcher(self, name: str = "dispatcher") -> None:
        self.start(name, [sys.executable, MANAGE, "dispatcher"])

    def worker(self, name: str = "worker", *, slots: int = 2, environment: Mapping[str, str] | None = None) -> None:
        self.start(
            name,
            [
                sys.executable, "-m", "celery", "-A", "pixtasks", "worker", "--concurrency", str(slots),
                "--hostname", f"{name}@%h", "--loglevel", "warning",
                "--without-gossip", "--without-mingle", "--without-heartbeat",
            ],
            environment=environment,
        )  # fmt: skip

    def beat(self, name: str = "beat") -> None:
        self.start(
            name,
            [sys.executable, "-m", "celery", "-A", "pixtasks", "beat", "--pidfile", "", "--loglevel", "warning",
             "--max-interval", "1"],
        )  # fmt: skip

    def start(
        self,
        name: str,
        command: list[str],
        *,
        pass_fds: tuple[int, ...] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start a process that shall go on running."""
        with self._lock:
            member = _Member(command, {**self.environment, **(environment or {})}, pass_fds)
            self._members[name] = member
            self._launch(name, member)

    def pid(self, name: str) -> int:
        """Return a member's process id; 0 while it does not run."""
        with self._lock:
            process = self._members[name].process
            return process.pid if process is not None and process.poll() is None else 0

    def pool(self, name: str = "worker") -> list[int]:
        """Return the processes below a worker, each of which runs one message at a time."""
        pid = self.pid(name)
        return sorted(descendants(pid)) if pid else []

    def ends(self, name: str) -> list[int]:
        """Return the exit codes of a member's processes that have ended."""
        return self._members[name].ends

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")

    # --- what happens to them -----------------------------------------------------------------------------------

    def send(self, pid: int, number: int = signal.SIGKILL) -> bool:
        """Send a signal to a process of this fleet; say whether it was there."""
        with self._lock:
            mine = {member.process.pid for member in self._members.values() if member.process is not None}
            mine |= {below for top in mine for below in descendants(top)}
            if pid not in mine:
                return False
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                return False
            return True

    def retire(self, name: str, number: int = signal.SIGTERM, seconds: float = 40) -> int:
        """End a member for good and return its exit code."""
        with self._lock:
            member = self._members.pop(name)
        process = member.process
        assert process is not None
        if process.poll() is None:
            process.send_signal(number)
        code = process.wait(timeout=seconds)
        self._kill_session(process.pid)
        return code

    def close(self) -> None:
        """Kill everything that was ever started here and still runs."""
        self._ended.set()
        self._keeper.join()
        with self._lock:
            tops = [member.process for member in self._members.values() if member.process is not None]
            for process in tops:
                if process.poll() is None:
                    process.kill()
            for process in tops:
                process.wait(timeout=30)
                self._kill_session(process.pid)
        if self._socket is not None:
            self._socket.close()

    def _launch(self, name: str, member: _Member) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            member.process = subprocess.Popen(
                tied(member.command),
                env=member.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=member.pass_fds,
            )
        member.started = time.monotonic()

    def _keep(self) -> None:
        while not self._ended.wait(0.05):
            with self._lock:
                for name, member in self._members.items():
                    process = member.process
                    if process is None or process.poll() is None:
                        continue
                    # As ``up`` does: what it had started goes with it.
                    self._kill_session(process.pid)
                    member.ends.append(process.returncode)
                    self._launch(name, member)

    def _kill_session(self, pid: int) -> None:
        """Kill what is left of the session that a process of ours had led."""
        kill_all(_session(pid))


def _session(leader: int) -> set[int]:
    """Return the processes whose session was begun by ``leader``, which is only ever one that we had started."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[0] not in "ZX" and int(fields[3]) == leader:
            found.add(int(path.parent.name))
    return found
