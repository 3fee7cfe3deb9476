"""``manage.py ensure_user``: make a user who can sign in, or bring it to a password and role."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from pixtasks.accounts.roles import Role, role_of
from pixtasks.accounts.services.users import ensure_user
from pixtasks.common.commands import acting, add_as
from pixtasks.common.errors import PixtasksError
from pixtasks.common.origin import from_command
from pixtasks.settings import env

NO_ROLE = "none"


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
        rights = parser.add_mutually_exclusive_group()
        rights.add_argument(
            "--staff", action="store_true", help="A superuser: may do everything, and give others every role."
        )
        rights.add_argument(
            "--role",
            choices=[*Role.values, NO_ROLE],
            help="viewer: sees everything, changes nothing. operator: runs and changes everybody's work. "
            "administrator: also users, groups and API keys. none: a user with his own projects alone.",
        )
        add_as(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command.

        Raises:
            CommandError: the address or the password is not acceptable.
        """
        password = options["password"] or env.text("PIXTASKS_PASSWORD") or None
        if options["password"] == "-":  # noqa: S105 -- the sign for standard input
            password = sys.stdin.readline().rstrip("\r\n")
        wanted = options["role"]
        role = Role(wanted) if wanted not in (None, NO_ROLE) else None
        is_staff = True if options["staff"] or role is not None else False if wanted == NO_ROLE else None
        try:
            with from_command(__name__, actor=acting(options)):
                user, outcome = ensure_user(email=options["email"], password=password, is_staff=is_staff, role=role)
        except PixtasksError as error:
            raise CommandError(error.message) from error
        kind = role_of(user) if not user.is_superuser else None
        said = kind.value if kind is not None and user.is_staff else "staff" if user.is_staff else "user"
        self.stdout.write(f"{user.email}: {outcome} ({said})")
