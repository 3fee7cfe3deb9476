"""An installation of the embedded profile in a folder, made and looked at by management commands of its own."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.processes.stack import MANAGE


class Installation:
    """A data folder and the commands that work on it.

    Args:
        data: the data folder; it need not exist.
        environment: variables on top of this process's, of which no ``PIXTASKS_…`` is handed on.
    """

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("PIXTASKS_") and name not in ("DATABASE_URL", "REDIS_URL")
        } | {"DJANGO_SETTINGS_MODULE": "pixtasks.settings", "PIXTASKS_DATA_DIR": str(data), **environment}

    def manage(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a management command, whatever comes of it."""
        return subprocess.run(
            [sys.executable, MANAGE, *map(str, arguments)],
            env=self.environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def done(self, *arguments: str | Path) -> str:
        """Run a management command that must end well; return what it printed."""
        result = self.manage(*arguments)
        assert result.returncode == 0, (arguments, result.stdout, result.stderr)
        return result.stdout

    def refused(self, *arguments: str | Path) -> str:
        """Run a management command that must be refused in one sentence; return that."""
        result = self.manage(*arguments)
        assert result.returncode == 1, (arguments, result.stdout, result.stderr)
        assert "Traceback" not in result.stderr
        return result.stderr

    @property
    def images(self) -> list[Path]:
        """The files of its image storage."""
        return sorted((self.data / "images").glob("??/??/*"))


def contents(database: Path) -> dict[str, list[Any]]:
    """Return every row of every table."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
        ).fetchall()
        return {name: connection.execute(f'SELECT * FROM "{name}" ORDER BY 1').fetchall() for (name,) in tables}


def kept(database: Path) -> dict[str, list[Any]]:
    """Return what a restore has to give back: every row but what tells of backups and restores themselves."""
    found = contents(database)
    found["accounts_auditentry"] = [
        row
        for row in found["accounts_auditentry"]
        if not any(isinstance(value, str) and value.startswith("installation.") for value in row)
    ]
    return found


def manifest_of(backup: Path) -> dict[str, Any]:
    """Return a backup's manifest."""
    return dict(json.loads((backup / "manifest.json").read_text()))
