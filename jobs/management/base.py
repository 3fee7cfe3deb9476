"""What the commands of this app have in common: errors as sentences, jobs by id, owners by email."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError
from rich.console import Console

from jobs.console.screen import make_console, plain
from jobs.models import CrawlJob, Level
from pixtasks.accounts.models import User, normalise_email
from pixtasks.accounts.services.users import local_user
from pixtasks.common.errors import InvalidInput, PixtasksError
from pixtasks.common.stop_signals import INTERRUPTED, Interrupted

_LARGEST_ID = 2**63 - 1


class JobsCommand(BaseCommand, ABC):
    """A command that works on crawl jobs; subclasses write ``work()``."""

    console: Console

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


def job_by_id(text: str) -> CrawlJob:
    """Return the job of an id as it was typed.

    Raises:
        CommandError: it is no id, or no job has it; the sentence names jobs that there are.
    """
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= _LARGEST_ID):
        raise CommandError(f"{plain(text)!r} is not the id of a job: ids are whole numbers from 1. {_known_jobs()}")
    job = CrawlJob.objects.with_group().filter(pk=int(text)).first()
    if job is None:
        raise CommandError(f"There is no job {int(text)}. {_known_jobs()}")
    return job


def owner_by_email(email: str | None) -> User:
    """Return who a new job belongs to: the given user, or in development the built-in one.

    Raises:
        CommandError: there is no such user, or none was given where there is no built-in one.
    """
    if email is None:
        if settings.PIXTASKS_PROFILE != "development":
            raise CommandError("Say whose job it is: --user EMAIL.")
        return local_user()
    user = User.objects.filter(email=normalise_email(email), is_active=True).first()
    if user is None:
        raise CommandError(
            f"There is no active user {plain(email)}. Make one: manage.py ensure_user --email {plain(email)} "
            "--password …"
        )
    return user


def level_named(text: str) -> Level:
    """Return the validation level of that name.

    Raises:
        CommandError: there is none; the sentence names those that there are.
    """
    try:
        return Level(text.strip().lower())
    except ValueError:
        raise CommandError(
            f"There is no validation level {plain(text)!r}. Choose one of {', '.join(Level.values)}."
        ) from None


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Keep warnings of libraries off the terminal while a command shows something; errors still come through."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)


def _known_jobs() -> str:
    latest = list(CrawlJob.objects.order_by("-pk").values_list("pk", flat=True)[:5])
    if not latest:
        return 'There is no job yet; "manage.py crawl" starts one.'
    return f"The latest jobs are {', '.join(map(str, reversed(latest)))}."
