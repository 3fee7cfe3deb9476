"""What the commands of this app have in common: jobs by id, levels by name."""

from __future__ import annotations

from django.core.management.base import CommandError

from jobs.models import CrawlJob, Level
from pixtasks.common.commands import ShowingCommand
from pixtasks.common.screen import plain

_LARGEST_ID = 2**63 - 1


class JobsCommand(ShowingCommand):
    """A command that works on crawl jobs; subclasses write ``work()``."""


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


def _known_jobs() -> str:
    latest = list(CrawlJob.objects.order_by("-pk").values_list("pk", flat=True)[:5])
    if not latest:
        return 'There is no job yet; "manage.py crawl" starts one.'
    return f"The latest jobs are {', '.join(map(str, reversed(latest)))}."
