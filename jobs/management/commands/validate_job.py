"""``manage.py validate_job``: look at a job's images and say what is wrong with them."""

from __future__ import annotations

from argparse import BooleanOptionalAction
from typing import Any

from django.core.management.base import CommandParser
from rich.text import Text

from jobs.management.base import JobsCommand, job_by_id, level_named
from jobs.management.flow import validate
from jobs.management.workers import Workers, somebody_works
from jobs.models import CrawlJob, Image, Level
from jobs.services.validation import start_validation
from jobs.terminal.figures import read_job
from jobs.terminal.live import make_display
from jobs.terminal.tables import issue_table, verdict_line
from pixtasks.common.errors import NotFound
from pixtasks.common.screen import as_json, counted
from pixtasks.common.stop_signals import INTERRUPTED, Interrupted, StopSignals


class Command(JobsCommand):
    """Waits for the verdicts where somebody works, else leaves the tasks to the workers to come."""

    writes = True
    help = "Validate all images of a job and show what was found, by issue."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("id", metavar="ID", help="the job's id")
        parser.add_argument(
            "--level", default=Level.MEDIUM.value, help="how thoroughly: fast, medium or slow (default medium)"
        )
        parser.add_argument(
            "--wait",
            action=BooleanOptionalAction,
            default=None,
            help="wait for the verdicts, with services of its own where none run (default: wait where workers are "
            "alive); Ctrl-C cancels what is left",
        )
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Validate; return the exit code."""
        level = level_named(options["level"])
        job = job_by_id(options["id"])
        if not Image.objects.filter(job=job).exists():
            raise NotFound(f"Job {job.pk} has no images to validate.")
        wait = somebody_works() if options["wait"] is None else options["wait"]
        if not wait:
            return self._leave(job, level, as_object=options["json"])
        interrupted = False
        faults: tuple[str, ...] = ()
        with StopSignals() as stop, make_display(self.console) as display, Workers(stop, display.wait) as workers:
            try:
                faults = validate(job, level, None, display, stop, workers.keep)
            except Interrupted:
                interrupted = True
            workers.release()
            display.close()
            self._report(job, faults, as_object=options["json"])
        if interrupted:
            return INTERRUPTED
        return 1 if faults else 0

    def _leave(self, job: CrawlJob, level: Level, *, as_object: bool) -> int:
        started = start_validation(job, level, None)
        if as_object:
            self.stdout.write(
                as_json(
                    {
                        "job": job.pk,
                        "level": level.value,
                        "images": started.run.images_count,
                        "task_ids": started.task_ids,
                    }
                )
            )
            return 0
        first, last = started.task_ids[0], started.task_ids[-1]
        self.console.print(
            Text(
                f"Validation ({level.value}) of {counted(started.run.images_count, 'image')} is under way as "
                f"{first if first == last else f'{first} to {last}'}."
            ),
            soft_wrap=True,
        )
        if not somebody_works():
            self.console.print(
                Text('No worker was heard of lately: it is done as soon as "manage.py up" (make run) runs.', "yellow"),
                soft_wrap=True,
            )
        return 0

    def _report(self, job: CrawlJob, faults: tuple[str, ...], *, as_object: bool) -> None:
        figures = read_job(job.pk)
        if as_object:
            self.stdout.write(as_json(figures.as_dict() | {"faults": list(faults)}))
            return
        if figures.validation is not None:
            if figures.validation.issues:
                self.console.print(issue_table(figures.validation))
            self.console.print(verdict_line(figures.validation))
        for fault in faults:
            self.console.print(Text(fault, "red"))
