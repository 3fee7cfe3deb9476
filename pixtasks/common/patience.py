"""How long a request waits for a lock of the database: a caller who gets no answer knows less than one who gets 503.

Workers, dispatcher and migrations wait as long as it takes.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.signals import connection_created


def bound_lock_waits() -> None:
    """Let every connection that this process opens from now on give up a lock after PIXTASKS_LOCK_WAIT_SECONDS.

    PostgreSQL only; SQLite has the ``timeout`` of its connections.
    """
    connection_created.connect(_bound, dispatch_uid="pixtasks.patience")


def _bound(connection: Any, **_: Any) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            milliseconds = int(settings.PIXTASKS_LOCK_WAIT_SECONDS * 1000)
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [f"{milliseconds}ms"])
