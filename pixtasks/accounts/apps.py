"""Configuration of the accounts application."""

from __future__ import annotations

from django.apps import AppConfig, apps


class AccountsConfig(AppConfig):
    """Users, API keys, audit entries and the authentication classes."""

    name = "pixtasks.accounts"
    label = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        """Complete the ready roles once the last application's permissions are there."""
        from django.db.models.signals import post_migrate

        from pixtasks.accounts.roles import complete_roles

        last = [config for config in apps.get_app_configs() if config.models_module is not None][-1]
        post_migrate.connect(complete_roles, sender=last, dispatch_uid="pixtasks.accounts.roles")
