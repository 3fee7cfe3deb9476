"""The databases of fault tests: made once with all tables, copied for every scenario, read without the product."""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit


class Database:
    """Reads what the product has written, in plain SQL, so that an error of its models cannot hide one of its rows.

    Args:
        url: of a PostgreSQL database; empty for SQLite.
        path: of the SQLite file.
    """

    def __init__(self, url: str, path: Path) -> None:
        self.url = url
        self.path = path

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query."""
        if self.url:
            import psycopg

            with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
                return connection.execute(sql.encode()).fetchall()
        with closing(sqlite3.connect(self.path, timeout=60)) as connection:
            return connection.execute(sql).fetchall()

    def value(self, sql: str) -> Any:
        """Return the first column of the first row."""
        return self.rows(sql)[0][0]


def seconds(value: Any) -> float:
    """Return a timestamp of either database as seconds since 1970."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return float(value.timestamp())


def _named(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


class Templates:
    """Makes databases that have all tables by copying one.

    Args:
        folder: where the SQLite template lies.
        url: of a PostgreSQL server whose role may create databases; empty for SQLite.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.name = f"pixtasks_faults_{secrets.token_hex(4)}"
        self._made = 0

    @contextmanager
    def ready(self, migrate: Any) -> Iterator[None]:
        """Make the template with ``migrate(database_url, data_folder)``, and drop it at the end."""
        data = self.folder / "template"
        data.mkdir(parents=True)
        if not self.url:
            migrate("", data)
            with closing(sqlite3.connect(data / "pixtasks.sqlite3")) as connection:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            yield
            return
        self._admin(f"CREATE DATABASE {self.name}")
        try:
            migrate(_named(self.url, self.name), data)
            yield
        finally:
            self._admin(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    @contextmanager
    def copy(self, data: Path) -> Iterator[Database]:
        """Lend a copy for the length of a ``with`` block."""
        path = data / "pixtasks.sqlite3"
        if not self.url:
            shutil.copy(self.folder / "template" / "pixtasks.sqlite3", path)
            yield Database("", path)
            return
        self._made += 1
        name = f"{self.name}_{self._made}"
        self._admin(f"CREATE DATABASE {name} TEMPLATE {self.name}")
        try:
            yield Database(_named(self.url, name), path)
        finally:
            self._admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _admin(self, statement: str) -> None:
        import psycopg

        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())
