"""Servers that a test starts for itself, on free ports, below its own folder; they end with it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.faults.tied import tied
from tests.processes.tree import wait_for


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class OwnRedis:
    """A Redis with the persistence that docs/reliability.md asks for (append-only file, written each second)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def available() -> bool:
        return shutil.which("redis-server") is not None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                tied([
                    "redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
                    "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
                    "--maxmemory-policy", "noeviction",
                ]),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )  # fmt: skip
        wait_for(self._answers, "Redis answers")

    def stop(self) -> None:
        """Stop it in an orderly way."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            self.process.wait(timeout=30)

    def wipe(self) -> None:
        """Take everything away that it holds."""
        import redis

        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self) -> bool:
        import redis

        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


class OwnPostgres:
    """A PostgreSQL of its own. As root it runs as the user ``nobody``: the server refuses to run as root."""

    def __init__(self) -> None:
        # A folder of its own right below the temporary one: the server's user must be able to reach it.
        self.folder = Path(tempfile.mkdtemp(prefix="pixtasks-postgres-"))
        self.data = self.folder / "data"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def binaries() -> Path | None:
        """Return the folder of the newest installed server's programs, or None."""
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
        if found:
            return found[-1].parent
        which = shutil.which("postgres")
        return Path(which).parent if which else None

    @property
    def url(self) -> str:
        return f"postgresql://owner@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make the cluster."""
        if os.getuid() == 0:
            shutil.chown(self.folder, "nobody")
        subprocess.run(
            self._as_user([str(self._bin("initdb")), "-D", str(self.data), "-U", "owner", "-A", "trust", "-N"]),
            check=True,
            capture_output=True,
            cwd="/",
        )

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "postgres.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._as_user(
                    [
                        str(self._bin("postgres")), "-D", str(self.data), "-p", str(self.port),
                        "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=",
                    ]
                ),
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )  # fmt: skip
        wait_for(self._answers, "PostgreSQL answers")

    def stop(self) -> None:
        """Stop it at once, as a crash of the machine would: its clients see their connections break."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(timeout=30)

    def close(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _bin(self, name: str) -> Path:
        folder = self.binaries()
        assert folder is not None
        return folder / name

    @staticmethod
    def _as_user(command: list[str]) -> list[str]:
        # setpriv becomes the command, so signals reach the server itself.
        if os.getuid() != 0:
            return tied(command)
        nobody = pwd.getpwnam("nobody")
        who = ["--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid), "--clear-groups"]
        return ["setpriv", *who, "--pdeathsig", "QUIT", *command]

    def _answers(self) -> bool:
        import psycopg

        try:
            with psycopg.connect(self.url, connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True
