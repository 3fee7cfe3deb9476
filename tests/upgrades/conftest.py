"""A database of a test's own, to be migrated forward and back."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import load_backend

from pixtasks.settings import env


@contextmanager
def _own_postgresql(given: str) -> Iterator[dict[str, Any]]:
    """Make a database on the given server and drop it at the end."""
    import psycopg
    from psycopg import sql

    name = f"pixtasks_upgrade_{secrets.token_hex(4)}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield {**env.database(given), "NAME": name}
    finally:
        with psycopg.connect(given, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def _as_default(config: dict[str, Any]) -> Iterator[BaseDatabaseWrapper]:
    """Let this thread's default connection be one to another database."""
    before = connections["default"]
    wrapper = load_backend(str(config["ENGINE"])).DatabaseWrapper({**before.settings_dict, **config}, "default")
    connections["default"] = wrapper
    try:
        yield wrapper
    finally:
        wrapper.close()
        connections["default"] = before


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def database(request: pytest.FixtureRequest, tmp_path: Path, django_db_blocker: Any) -> Iterator[BaseDatabaseWrapper]:
    """The default connection, to an empty database of this test alone."""
    with django_db_blocker.unblock():
        if request.param == "sqlite":
            with _as_default(env.database(f"sqlite:///{tmp_path / 'upgraded.sqlite3'}")) as wrapper:
                yield wrapper
        else:
            with _own_postgresql(os.environ["DATABASE_URL"]) as config, _as_default(config) as wrapper:
                yield wrapper
