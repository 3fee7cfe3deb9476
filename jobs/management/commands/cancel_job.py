"""``manage.py cancel_job``: stop a job and keep what it has stored."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from rich.text import Text

from jobs.management.base import JobsCommand, job_by_id
from jobs.services.crawl_jobs import cancel_job
from jobs.terminal.figures import read_job
from pixtasks.common.screen import as_json, counted


class Command(JobsCommand):
    """Cancels at once; running chunks store what they have fetched and end a moment later."""

    writes = True
    help = "Cancel a pending or running job. What it has stored is kept."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("id", metavar="ID", help="the job's id")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Cancel; return the exit code."""
        job = job_by_id(options["id"])
        revoked = cancel_job(job)
        figures = read_job(job.pk)
        if options["json"]:
            self.stdout.write(as_json(figures.as_dict() | {"revoked_tasks": revoked}))
            return 0
        still = figures.job.group is not None and figures.job.group.settled_at is None
        self.console.print(
            Text.assemble(
                f"Job {job.pk} is ",
                ("cancelled", "bold yellow"),
                f": {counted(revoked, 'task')} revoked, {counted(figures.rows, 'image')} kept"
                + (", and running chunks still store what they have fetched." if still else "."),
            ),
            soft_wrap=True,
        )
        return 0
