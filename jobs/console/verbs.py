"""What an operator does to a job: one word each, with what it says before and after."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from jobs.models import CrawlJob, JobStatus, Level
from jobs.services.crawl_jobs import cancel_job, retry_job, start_job
from jobs.services.validation import start_validation
from pixtasks.accounts.console.pages import Actor
from pixtasks.common.screen import counted

ENDED: Final = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED})


class Verb(StrEnum):
    """What can be done to one job or to some."""

    START = "start"
    CANCEL = "cancel"
    RETRY = "retry"
    VALIDATE = "validate"


@dataclass(frozen=True, slots=True)
class Words:
    """How the pages speak of a verb.

    Attributes:
        button: the word on the button.
        text: what is going to happen.
        states: of jobs that it can be done to.
    """

    button: str
    text: str
    states: frozenset[JobStatus]


WORDS: Final = {
    Verb.START: Words(
        "Start", "Every keyword is crawled at every engine; each pair is a task.", frozenset({JobStatus.PENDING})
    ),
    Verb.CANCEL: Words(
        "Cancel",
        "Waiting chunks end at once, running ones store what they have fetched and stop. Stored images stay, "
        "and the job can be retried.",
        frozenset({JobStatus.PENDING, JobStatus.RUNNING}),
    ),
    Verb.RETRY: Words(
        "Retry", "Failed and cancelled chunks run again, from what they have stored. Completed ones stay.", ENDED
    ),
    Verb.VALIDATE: Words(
        "Validate",
        "All images that the job has now are looked at. Fast reads headers, medium decodes each image, "
        "slow also judges its looks and finds near-duplicates.",
        frozenset(JobStatus) - {JobStatus.PENDING},
    ),
}


def act(verb: Verb, job: CrawlJob, *, level: Level | None, who: Actor) -> str:
    """Do it, and return the sentence that says what was done.

    Args:
        level: of a validation.

    Raises:
        PixtasksError: the job's state does not allow it; the message says why.
    """
    match verb:
        case Verb.START:
            return f"started {counted(len(start_job(job, **who).task_ids), 'chunk')}"
        case Verb.CANCEL:
            return f"cancelled, {counted(cancel_job(job, **who), 'task')} revoked"
        case Verb.RETRY:
            number = retry_job(job, **who)
            return f"{counted(number, 'chunk')} will run again" if number else "it is pending again and can be started"
        case Verb.VALIDATE:
            started = start_validation(job, level or Level.MEDIUM, who["actor"], address=who["address"])
            return f"validating {counted(started.run.images_count, 'image')} at level {started.run.level}"
