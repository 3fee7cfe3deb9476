"""Configuration of the accounts application."""

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Users, API keys, audit entries and the authentication classes."""

    name = "pixtasks.accounts"
    label = "accounts"
    verbose_name = "Accounts"
