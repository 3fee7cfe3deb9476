"""``manage.py import_prismq_db [path]``: take over the tasks of the older system (CONTRACT R25)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from pixtasks.accounts.models import LOCAL_EMAIL, User, normalise_email
from pixtasks.accounts.services.users import local_user
from pixtasks.common.commands import acting, add_as
from pixtasks.common.errors import PixtasksError
from pixtasks.common.origin import from_command
from tasktypes.services.import_prismq import import_file

DEFAULT_PATH = "/tmp/prismq/api/api.db"  # noqa: S108 -- where the older system keeps it


class Command(BaseCommand):
    """Copies task types and tasks of an SQLite file; what is there already is left alone."""

    help = "Import the task types and tasks of the older system's SQLite file. Running it again adds nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("path", nargs="?", default=DEFAULT_PATH, help=f"the file (default {DEFAULT_PATH})")
        parser.add_argument("--owner", help="address of the user whose they become (default: the user local)")
        add_as(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Import and say what came of it; rows that were left out are named, and the exit code is 1."""
        try:
            with from_command(__name__, actor=acting(options)):
                outcome = import_file(Path(options["path"]), owner=_owner(options["owner"]))
        except PixtasksError as error:
            raise CommandError(error.message) from error
        for kind in ("types", "tasks"):
            created, present, refused = (
                getattr(outcome, f"{kind}_{word}") for word in ("created", "present", "refused")
            )
            self.stdout.write(f"{kind}: {created} imported, {present} already there, {refused} refused")
        for reason in outcome.reasons:
            self.stderr.write(f"refused {reason}")
        refused = outcome.types_refused + outcome.tasks_refused
        if refused > len(outcome.reasons):
            self.stderr.write(f"… and {refused - len(outcome.reasons)} more")
        if refused:
            raise CommandError(f"{refused} rows were not imported; correct them in a copy and run the command again")


def _owner(address: str | None) -> User:
    if address is None:
        if not settings.PIXTASKS_ANONYMOUS_API:
            raise CommandError("Nobody can call as the user local here; name the owner with --owner ADDRESS")
        return local_user()
    if normalise_email(address) == LOCAL_EMAIL:
        return local_user()
    user = User.objects.filter(email=normalise_email(address)).first()
    if user is None:
        raise CommandError(f"There is no user {address}; make one with: manage.py ensure_user")
    return user
