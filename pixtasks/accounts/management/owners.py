"""Whose things a command makes."""

from __future__ import annotations

from django.conf import settings
from django.core.management.base import CommandError

from pixtasks.accounts.models import User, normalise_email
from pixtasks.accounts.services.users import local_user
from pixtasks.common.screen import plain


def owner_by_email(email: str | None) -> User:
    """Return whom something new belongs to: the given user, or in development the built-in one.

    Raises:
        CommandError: there is no such user, or none was given where there is no built-in one.
    """
    if email is None:
        if settings.PIXTASKS_PROFILE != "development":
            raise CommandError("Say whose it is: --user EMAIL.")
        return local_user()
    user = User.objects.filter(email=normalise_email(email), is_active=True).first()
    if user is None:
        raise CommandError(
            f"There is no active user {plain(email)}. Make one: manage.py ensure_user --email {plain(email)} "
            "--password …"
        )
    return user
