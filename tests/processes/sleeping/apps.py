"""The app."""

from __future__ import annotations

from django.apps import AppConfig


class SleepingConfig(AppConfig):
    """Registers its handler."""

    name = "tests.processes.sleeping"

    def ready(self) -> None:
        from tests.processes.sleeping import handlers

        assert handlers.Sleep.name
