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


app = Celery("pixtasks", set_as_current=True)
app.add_defaults(_settings)
app.on_after_configure.connect(_register_tasks)
