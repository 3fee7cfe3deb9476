"""The composition root as a Django application."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class PixtasksConfig(AppConfig):
    """Registers what concerns the whole product and no single app."""

    name = "pixtasks"
    label = "pixtasks"
    verbose_name = "pixtasks"

    def import_models(self) -> None:
        """Name every fault of the environment before a library asks for the empty secret and names only that."""
        super().import_models()
        from django.conf import settings
        from django.core.exceptions import ImproperlyConfigured

        try:
            assert settings.SECRET_KEY
        except ImproperlyConfigured:
            from pixtasks.checks import refuse_unsafe_start

            refuse_unsafe_start()
            raise

    def ready(self) -> None:
        """Make our Celery application the one that everybody rings with; register checks and the OpenAPI document."""
        import_module("pixtasks.celery")
        import_module("pixtasks.checks")
        import_module("pixtasks.openapi")
