"""Connections of the web process: each request has a thread of its own, and with it a connection of its own."""

from __future__ import annotations

from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished
from django.db import connections


def close_after_requests() -> None:
    """Close the connection of a request with it.

    Its thread ends then, and nobody can use the connection again. Kept for CONN_MAX_AGE, it would take one of the
    server's places until Python collects its garbage: a gallery that is scrolled fast used up all hundred.
    """
    request_finished.connect(_close, sender=ASGIHandler, dispatch_uid="pixtasks.connections")


def _close(**_: Any) -> None:
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
