"""The composition root as a Django application: it registers the system checks."""

from __future__ import annotations

from django.apps import AppConfig


class PixtasksConfig(AppConfig):
    """Registers what concerns the whole product and no single app."""

    name = "pixtasks"
    label = "pixtasks"
    verbose_name = "pixtasks"
