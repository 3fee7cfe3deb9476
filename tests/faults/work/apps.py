"""The app."""

from __future__ import annotations

import os

from celery import signals
from django.apps import AppConfig


class WorkConfig(AppConfig):
    """Registers its handlers, and has every message sent several times where ``FAULTS_COPIES`` asks for it."""

    name = "tests.faults.work"
    label = "faults_work"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from tests.faults.work import handlers, naive

        assert handlers.Count.name
        assert naive.NAME  # The task itself is a proxy that would set Celery up too early.
        copies = int(os.environ.get("FAULTS_COPIES", "1"))
        if copies > 1:
            from tasktypes.services import dispatch

            publish = dispatch.publish
            dispatch.publish = lambda rings: publish(rings * copies)
            signals.task_prerun.connect(handlers.note_delivery)
