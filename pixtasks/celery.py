"""The Celery application: ``celery -A pixtasks …`` finds it here.

Importing this module starts nothing and reads no setting (CONTRACT D14). The first look at the configuration reads
``settings.CELERY`` and lets the ledger declare its queues and one task per handler.
"""

from __future__ import annotations

import os
from typing import Any

from celery import Celery, signals

from pixtasks.common.lifeline import follow_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pixtasks.settings")


def _settings() -> dict[str, Any]:
    from django.conf import settings

    configuration: dict[str, Any] = settings.CELERY
    return configuration


def _register_tasks(sender: Celery, **_: Any) -> None:
    """Register the handlers; a ``celery`` command has not set Django up at this point, a web process has."""
    import django
    from django.apps import apps

    if not apps.ready:
        django.setup()
    from tasktypes.tasks import register

    register(sender)


@signals.worker_process_init.connect
def _tie_pool_to_worker(**_: Any) -> None:
    """Let the processes of a pool end with the worker, and not with one of its threads."""
    follow_parent()


@signals.worker_init.connect
def _make_pool_sturdy(**_: Any) -> None:
    """Let the death of one pool process stop no other."""
    from pixtasks.common.pool import use_sturdy_pool

    use_sturdy_pool()


_WRITING = {
    "socket_timeout": 1,
    "socket_connect_timeout": 1,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
}
"""Seconds and tries of a connection to Redis that only sends: what waits for it is a request, or all other work. The
connection that consumes may wait longer; were it bounded so, a busy moment of the server would cut it."""


class LedgerCelery(Celery):
    """Celery that gives up soon on a broker that does not take a message: the ledger rings again."""

    def connection_for_write(self, url: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """Return a connection for sending, bounded in time."""
        if str(url or self.conf.broker_url).startswith("redis"):
            kwargs["transport_options"] = {**_WRITING, **(kwargs.get("transport_options") or {})}
        return super().connection_for_write(url, *args, **kwargs)


app = LedgerCelery("pixtasks", set_as_current=True)
app.add_defaults(_settings)
app.on_after_configure.connect(_register_tasks)
