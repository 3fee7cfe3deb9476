"""``manage.py retry_failures``: try failed candidates of a job again, by class, host or time."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from rich.text import Text

from jobs.management.base import JobsCommand, job_by_id
from jobs.management.workers import somebody_works
from jobs.models import CrawlJob
from jobs.services.failures import FailureFilter, failed_classes
from jobs.services.meanings import outcome_meaning
from jobs.services.progress import job_progress
from jobs.services.refetch import StartedRefetch, start_refetch
from jobs.services.refetch_plan import plan_refetch
from jobs.terminal.tables import class_table
from pixtasks.common.errors import InvalidInput, RuleViolation
from pixtasks.common.screen import as_json, counted, plain


class Command(JobsCommand):
    """Leaves the fetching to the workers; finished chunks are not touched."""

    writes = True
    help = "Try failed candidates of an ended job again, by class, host or time; without any of these, show them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        add = parser.add_argument
        add("id", metavar="JOB", help="the job's id")
        add(
            "--outcome", "--class", dest="outcomes", metavar="CLASS", action="append", default=[],
            help='a class of failure, such as "dns" or "http_429"; may be repeated. Without it, every transient class',
        )  # fmt: skip
        add("--host", metavar="HOST", help="only addresses of this host")
        add("--from", dest="failed_from", metavar="TIME", help='only what failed since: "12:04", or an ISO time')
        add("--until", dest="failed_until", metavar="TIME", help="only what failed before")
        add("--eligible-only", action="store_true", help="only what may be tried again by now")
        add("--transient", action="store_true", help="every class that may succeed later")
        add("--dry-run", action="store_true", help="say how many it would be, and do nothing")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Start the run, or show what could be retried; return the exit code."""
        job = job_by_id(options["id"])
        wanted = _wanted(options)
        asked = bool(wanted.outcomes or wanted.facts or options["transient"] or options["dry_run"])
        if not asked:
            return self._show(failed_classes(job_progress(job).outcomes), job.pk, as_object=options["json"])
        if options["dry_run"]:
            return self._count(job, wanted, as_object=options["json"])
        started = start_refetch(job, wanted, None)
        if options["json"]:
            self.stdout.write(as_json(_facts(job, started)))
        else:
            self._tell(job, started)
        return 0

    def _tell(self, job: CrawlJob, started: StartedRefetch) -> None:
        meaning = outcome_meaning(started.run.outcome)
        self.console.print(
            Text(
                f"{counted(started.run.failures_count, 'candidate')} of job {job.pk} that ended as "
                f"{plain(started.run.what)} {'is' if started.run.failures_count == 1 else 'are'} tried again"
                + (f" ({meaning.rstrip('.')})." if meaning else ".")
            ),
            soft_wrap=True,
        )
        if not somebody_works():
            self.console.print(
                Text('No worker was heard of lately: it is done as soon as "manage.py up" (make run) runs.', "yellow"),
                soft_wrap=True,
            )

    def _count(self, job: CrawlJob, wanted: FailureFilter, *, as_object: bool) -> int:
        plan = plan_refetch(job, wanted)
        left = {"full_chunks": plan.full, "being_tried": plan.being_tried}
        if as_object:
            facts = {"job": job.pk, "candidates": plan.candidates, "classes": dict(plan.classes), **left}
            self.stdout.write(as_json(facts))
            return 0
        if plan.candidates:
            self.console.print(class_table(dict(plan.classes)))
        said = f"{counted(plan.candidates, 'candidate')} of job {job.pk} would be tried again."
        if plan.full:
            said += f" {plan.full:,} stay out: their chunks have the images that they were asked for."
        if plan.being_tried:
            said += f" {plan.being_tried:,} are being tried again already."
        self.console.print(Text(said), soft_wrap=True)
        return 0

    def _show(self, failed: dict[str, int], job_id: int, *, as_object: bool) -> int:
        if as_object:
            self.stdout.write(as_json({"job": job_id, "failures": failed}))
            return 0
        if not failed:
            raise RuleViolation(f"No candidate of job {job_id} failed; there is nothing to retry")
        self.console.print(class_table(failed))
        first = next(iter(failed))
        self.console.print(
            Text(f'Retry a class: "manage.py retry_failures {job_id} --outcome {first}".'), soft_wrap=True
        )
        return 0


def _facts(job: CrawlJob, started: StartedRefetch) -> dict[str, Any]:
    return {
        "job": job.pk,
        "run": started.run.pk,
        "class": started.run.outcome,
        "classes": started.classes,
        "candidates": started.run.failures_count,
        "task_ids": started.task_ids,
    }


def _wanted(options: dict[str, Any]) -> FailureFilter:
    now = timezone.localtime()
    wanted = FailureFilter(
        outcomes=tuple(options["outcomes"]),
        host=options["host"] or "",
        failed_from=_moment("--from", options["failed_from"], now),
        failed_until=_moment("--until", options["failed_until"], now),
        eligible_only=options["eligible_only"],
    )
    try:
        wanted.check()
    except InvalidInput:
        raise CommandError("--until must be later than --from.") from None
    return wanted


def _moment(option: str, text: str | None, now: datetime) -> datetime | None:
    """Return the moment that was written; a time of day alone is the last such one, in the installation's zone."""
    if text is None:
        return None
    clock: time | None
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        clock = None
    try:
        if clock is not None:
            zone = clock.tzinfo or now.tzinfo
            today = datetime.combine(now.astimezone(zone).date(), clock.replace(tzinfo=None), zone)
            return today if today <= now else today - timedelta(days=1)
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError):
        raise CommandError(
            f'{option} {plain(text)}: give a time of day such as "12:04", or a date and time such as '
            f'"{now:%Y-%m-%dT%H:%M}".'
        ) from None
