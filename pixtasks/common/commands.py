"""What management commands that show things have in common: errors as sentences, ``--json``, quiet libraries."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from rich.console import Console

from .errors import InvalidInput, PixtasksError
from .origin import from_command
from .screen import make_console, plain
from .stop_signals import INTERRUPTED, Interrupted


class ShowingCommand(BaseCommand, ABC):
    """A command that shows what it does; subclasses write ``work()``.

    Attributes:
        writes: whether it changes something, so that it takes ``--as``.
    """

    console: Console
    writes: ClassVar[bool] = False

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return the parser, with ``--as`` where the command changes something."""
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if self.writes:
            add_as(parser)
        return parser

    def add_json(self, parser: CommandParser) -> None:
        """Add ``--json``."""
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the work, and turn what goes wrong into a sentence that says what to do.

        Raises:
            CommandError: it went wrong; exit code 1, or 130 where somebody interrupted it.
            SystemExit: it came to its end, and that was not a good one.
        """
        self.console = self.make_console(options)
        with quiet_logs():
            try:
                with from_command(type(self).__module__, actor=acting(options)):
                    code = self.work(options)
            except PixtasksError as error:
                raise CommandError(sentence(error)) from error
            except DatabaseError as error:
                raise CommandError(
                    f'The database cannot be used: {error}. "manage.py migrate" prepares its tables, and so does '
                    '"manage.py up" at its start.'
                ) from error
            except (Interrupted, KeyboardInterrupt):
                raise CommandError("Stopped.", returncode=INTERRUPTED) from None
        if code:
            raise SystemExit(code)

    def make_console(self, options: dict[str, Any]) -> Console:
        """Return where the command shows things; nothing is shown beside ``--json``."""
        return make_console(self.stdout, quiet=bool(options.get("json")))

    @abstractmethod
    def work(self, options: dict[str, Any]) -> int:
        """Do what the command is for and return its exit code."""


def add_as(parser: CommandParser) -> None:
    """Add ``--as``: in whose name a command that writes does it."""
    parser.add_argument(
        "--as",
        dest="acting",
        metavar="EMAIL",
        help="the user whom the audit log shall name; the account that the command runs under is noted beside it",
    )


def acting(options: dict[str, Any]) -> Any:
    """Return the user whom ``--as`` names; None where nobody is named.

    Raises:
        CommandError: there is no active user with that address.
    """
    email = options.get("acting")
    if email is None:
        return None
    user = get_user_model()._default_manager.filter(email__iexact=email.strip(), is_active=True).first()
    if user is None:
        raise CommandError(f"--as: there is no active user {plain(email)}; name one who can sign in.")
    return user


def sentence(error: PixtasksError) -> str:
    """Return an error for people at a terminal: one line per fault, without the names of HTTP bodies."""
    if not isinstance(error, InvalidInput):
        return plain_lines(error.message)
    lines = []
    for fault in error.errors:
        where = " ".join(str(part) for part in fault.loc if part not in ("body", "query"))
        lines.append(f"{where}: {fault.msg}" if where else fault.msg)
    return plain_lines("\n".join(lines))


def plain_lines(text: str) -> str:
    """Return a text line by line without what a terminal would obey."""
    return "\n".join(plain(line) for line in text.splitlines())


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Keep warnings of libraries off the terminal while a command shows something; errors still come through."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)
