"""``manage.py ensure_user``: make a user who can sign in, or bring it to a password and role."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from pixtasks.accounts.services.users import ensure_user
from pixtasks.common.errors import PixtasksError
from pixtasks.settings import env


class Command(BaseCommand):
    """Idempotent, so that installations can run it at every start."""

    help = "Make a user who can sign in, or bring it to this password and role. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--email", required=True, help="The address that signs in.")
        parser.add_argument(
            "--password",
            help="The password; - reads it from standard input. Without it PIXTASKS_PASSWORD (or "
            "PIXTASKS_PASSWORD_FILE) is used; for an existing user it may be left out.",
        )
        parser.add_argument("--staff", action="store_true", help="The user sees everybody's objects and the console.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command.

        Raises:
            CommandError: the address or the password is not acceptable.
        """
        password = options["password"] or env.text("PIXTASKS_PASSWORD") or None
        if options["password"] == "-":  # noqa: S105 -- the sign for standard input
            password = sys.stdin.readline().rstrip("\r\n")
        try:
            user, outcome = ensure_user(
                email=options["email"], password=password, is_staff=True if options["staff"] else None
            )
        except PixtasksError as error:
            raise CommandError(error.message) from error
        role = "staff" if user.is_staff else "user"
        self.stdout.write(f"{user.email}: {outcome} ({role})")
