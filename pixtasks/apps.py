"""The composition root as a Django application."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class PixtasksConfig(AppConfig):
    """Registers what concerns the whole product and no single app."""

    name = "pixtasks"
    label = "pixtasks"
    verbose_name = "pixtasks"

    def ready(self) -> None:
        """Register the system checks, and how the OpenAPI document is made."""
        import_module("pixtasks.checks")
        import_module("pixtasks.openapi")
