"""``manage.py create_api_key``: make a key for scripts; the key alone goes to standard output."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from pixtasks.accounts.management.owners import owner_by_email
from pixtasks.accounts.models import Scope
from pixtasks.accounts.services.api_keys import LONGEST_NAME, check_expiry, check_scopes
from pixtasks.accounts.services.users import create_api_key
from pixtasks.common.commands import acting, add_as, sentence
from pixtasks.common.errors import PixtasksError
from pixtasks.common.origin import from_command
from pixtasks.common.screen import plain
from pixtasks.common.times import parse_time, wire_time

_LIFE = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


class Command(BaseCommand):
    """Prints the key alone on stdout, so that ``KEY=$(manage.py create_api_key …)`` works; facts go to stderr."""

    help = "Make an API key. The key is printed this once, alone on standard output; only its hash is stored."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--email", required=True, help="Whom the key acts as: the address of an active user.")
        parser.add_argument("--name", required=True, help="What it is for; shown in lists.")
        parser.add_argument(
            "--scope",
            nargs="+",
            action="extend",
            default=[],
            choices=Scope.values,
            help="read: it may only look. worker: it may claim everybody's tasks. Without: what its owner may.",
        )
        parser.add_argument(
            "--expires",
            metavar="WHEN",
            help="2027-01-01 (midnight UTC), 2027-01-01T12:00:00Z, or 12h, 30d, 8w from now.",
        )
        add_as(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the key.

        Raises:
            CommandError: the user, the name, the scopes or the end are not acceptable.
        """
        owner = owner_by_email(options["email"])
        name = " ".join(options["name"].split())
        if not 1 <= len(name) <= LONGEST_NAME or "\0" in name:
            raise CommandError(f"--name: give 1 to {LONGEST_NAME} characters.")
        expires_at = _moment(options["expires"])
        try:
            check_scopes(options["scope"], granted_by_operator=True)  # Whoever runs commands here administers it.
            check_expiry(expires_at)
            with from_command(__name__, actor=acting(options)):
                key, text = create_api_key(owner=owner, name=name, scopes=options["scope"], expires_at=expires_at)
        except PixtasksError as error:
            raise CommandError(sentence(error)) from error
        self.stdout.write(text)
        scopes = ", ".join(key.scopes) or "none: it may do what its owner may"
        end = f"expires {wire_time(expires_at)}" if expires_at else "does not expire"
        self.stderr.write(
            f"Key {key.pk} ({plain(key.name)}, prefix {key.prefix}) of {plain(owner.email)}; scopes {scopes}; {end}. "
            "It is not shown again."
        )


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    life = _LIFE.fullmatch(text)
    try:
        return timezone.now() + timedelta(**{_UNITS[life[2]]: int(life[1])}) if life else parse_time(text)
    except (ValueError, OverflowError):
        raise CommandError(
            f"--expires: {plain(text)!r} is no time; use 2027-01-01, 2027-01-01T12:00:00Z, or 12h, 30d or 8w."
        ) from None
