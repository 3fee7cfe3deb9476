"""Following work of the ledger from a terminal: a job, a validation run, and how both are called off."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from jobs.management.requests import CrawlRequest
from jobs.models import CrawlJob, JobStatus, Level, ValidationRun
from jobs.services.cassettes import record_job, replay_job
from jobs.services.crawl_jobs import cancel_job, create_job, start_job
from jobs.services.projects import project_by_slug
from jobs.services.templates import size_of
from jobs.services.validation import start_validation
from jobs.terminal.figures import JobFigures, failed_tasks, read_chunks, read_job, read_run
from jobs.terminal.live import Display
from pixtasks.accounts.management.owners import owner_by_email
from pixtasks.accounts.models import User
from pixtasks.common.errors import NotFound, RuleViolation
from pixtasks.common.screen import counted, plain
from pixtasks.common.stop_signals import Interrupted, StopSignals
from tasktypes.services.cancel import cancel_group

LOOK_SECONDS = 0.25
SETTLE_SECONDS = 40.0  # More than a lease: until then a lost worker's task has been taken back, too.


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a followed job ended.

    Attributes:
        interrupted: somebody stopped the command, and what was left has been cancelled.
        faults: what went wrong besides the job's own status, in sentences.
    """

    figures: JobFigures
    interrupted: bool = False
    faults: tuple[str, ...] = ()


def run_crawl(request: CrawlRequest, display: Display, stop: StopSignals, keep: Callable[[], None]) -> Finished:
    """Make a job, start it, follow it, validate what it brought; cancel all of that where somebody interrupts.

    Args:
        keep: called again and again, to see to it that somebody works.

    Raises:
        PixtasksError: the job could not be made or started.
    """
    owner = owner_by_email(request.user)
    project = project_by_slug(owner=owner, slug=request.project)
    job = create_job(
        project=project,
        name=request.name,
        keywords=request.keywords,
        engines=request.engines,
        max_images=request.max_images,
        options=request.options,
        keyword_templates=request.keyword_templates,
        rebalance=request.rebalance,
    )
    if request.record is not None:
        record_job(job, request.record)
    if request.replay is not None:
        replay_job(job, request.replay)
    job = start_job(job).job
    display.say(
        f"Job {job.pk} in project {project.slug}: {size_of(job)}, up to {counted(job.max_images, 'new image')} each"
    )
    try:
        follow_job(job, display, stop, keep)
    except Interrupted:
        return Finished(figures=_call_off_job(job, display, stop, keep), interrupted=True)
    faults: tuple[str, ...] = ()
    if request.level is not None and read_job(job.pk).status == JobStatus.COMPLETED:
        try:
            faults = validate(job, request.level, owner, display, stop, keep)
        except Interrupted:
            return Finished(figures=read_job(job.pk), interrupted=True)
    return Finished(figures=read_job(job.pk), faults=faults)


def follow_job(job: CrawlJob, display: Display, stop: StopSignals, keep: Callable[[], None]) -> None:
    """Show how far a job is until its last task has ended.

    Raises:
        Interrupted: somebody asked to stop; the job goes on.
        NotFound: the job was deleted.
    """
    while True:
        settled = CrawlJob.objects.filter(pk=job.pk).values_list("group__settled_at", flat=True)
        if not settled:
            raise NotFound(f"Job {job.pk} was deleted")
        display.crawl(read_chunks(job.pk))
        if settled[0] is not None:
            return
        stop.pause(LOOK_SECONDS)
        keep()


def validate(
    job: CrawlJob, level: Level, user: User | None, display: Display, stop: StopSignals, keep: Callable[[], None]
) -> tuple[str, ...]:
    """Validate a job's images and follow that; an interrupt calls it off, and the verdicts that are there stay.

    Returns:
        What went wrong, in sentences.

    Raises:
        Interrupted: somebody asked to stop; the run has been cancelled.
    """
    try:
        run = start_validation(job, level, user).run
    except NotFound:
        return ()  # There is no image, and the summary says so.
    try:
        follow_run(run, display, stop, keep)
    except Interrupted:
        cancel_group(run.group_id)
        _wait_until(lambda: read_run(run)[0].settled_at is not None, stop, keep)
        raise
    group, _ = read_run(run)
    if not group.failed and not group.cancelled:
        return ()
    reasons = "; ".join(dict.fromkeys(plain(reason) for reason in failed_tasks(run.group_id)))
    fault = (
        f"Validation is not complete: of {group.total:,} tasks {group.failed:,} failed, {group.cancelled:,} cancelled"
    )
    return (f"{fault} ({reasons})" if reasons else fault,)


def follow_run(run: ValidationRun, display: Display, stop: StopSignals, keep: Callable[[], None]) -> None:
    """Show how far a validation run is until its last task has ended.

    Raises:
        Interrupted: somebody asked to stop; the run goes on.
    """
    while True:
        group, done = read_run(run)
        display.validation(run.level, done, run.images_count)
        if group.settled_at is not None:
            return
        stop.pause(LOOK_SECONDS)
        keep()


def _call_off_job(job: CrawlJob, display: Display, stop: StopSignals, keep: Callable[[], None]) -> JobFigures:
    """Cancel a job, and wait until its running chunks have stored what they had."""
    try:
        revoked = cancel_job(job)
    except RuleViolation:
        return read_job(job.pk)  # It ended in the same moment.
    display.wait(f"Cancelling job {job.pk}: {counted(revoked, 'task')} revoked, waiting for what is being stored …")

    def settled() -> bool:
        display.crawl(read_chunks(job.pk))
        return CrawlJob.objects.filter(pk=job.pk, group__settled_at__isnull=False).exists()

    if not _wait_until(settled, stop, keep):
        display.say("The last tasks have not closed yet; the dispatcher closes them as soon as one runs.")
    return read_job(job.pk)


def _wait_until(question: Callable[[], bool], stop: StopSignals, keep: Callable[[], None]) -> bool:
    """Ask until the answer is yes, for a bounded time and in spite of the first interrupt."""
    stop.forget()
    end = time.monotonic() + SETTLE_SECONDS
    while not (answer := question()) and time.monotonic() < end:
        stop.pause(LOOK_SECONDS)
        keep()
    return answer
