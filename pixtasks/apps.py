"""The composition root as a Django application."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.contrib.admin.apps import SimpleAdminConfig


class ConsoleConfig(SimpleAdminConfig):
    """The admin, whose pages are imported with the routes: dispatcher, workers and beat serve none and start sooner."""

    def ready(self) -> None:
        """Register the admin's checks, which need the pages."""
        from django.contrib import admin
        from django.contrib.admin.checks import check_admin_app, check_dependencies
        from django.core import checks

        def check_pages(app_configs: Any, **kwargs: Any) -> list[Any]:
            admin.autodiscover()
            return list(check_admin_app(app_configs, **kwargs))

        checks.register(check_dependencies, checks.Tags.admin)
        checks.register(check_pages, checks.Tags.admin)


class PixtasksConfig(AppConfig):
    """Registers what concerns the whole product and no single app."""

    default = True
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
        """Make our Celery application the one that everybody rings with; register checks, document and doctor."""
        import_module("pixtasks.celery")
        import_module("pixtasks.checks")
        import_module("pixtasks.openapi")
        for module in ("database", "processes", "ledger", "pictures", "handler"):
            import_module(f"pixtasks.doctor.{module}")
