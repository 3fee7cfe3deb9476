"""``manage.py job_status``: how far a job is, and what it brought."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from django.utils import timezone
from rich.text import Text

from jobs.management.base import JobsCommand, job_by_id
from jobs.management.flow import follow_job
from jobs.management.workers import somebody_works
from jobs.models import CrawlJob, JobStatus
from jobs.services.progress import JobProgress, job_progress
from jobs.terminal.figures import read_job
from jobs.terminal.live import make_display
from jobs.terminal.tables import job_summary
from pixtasks.common.screen import as_json, counted
from pixtasks.common.stop_signals import INTERRUPTED, Interrupted, StopSignals


class Command(JobsCommand):
    """Looks, and changes nothing."""

    help = (
        "Show how far a job is and what it brought. With --watch it ends with 0 when the job completed, 1 when it "
        "failed or was cancelled; Ctrl-C ends the watching and leaves the job alone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("id", metavar="ID", help="the job's id")
        parser.add_argument("--watch", action="store_true", help="follow the job until it has ended")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Show; return the exit code."""
        job = job_by_id(options["id"])
        if options["watch"]:
            with StopSignals() as stop, make_display(self.console) as display:
                if _idle(job):
                    display.say(NOBODY_WORKS)
                try:
                    if job.group_id is not None:
                        follow_job(job, display, stop, lambda: None)
                except Interrupted:
                    return INTERRUPTED
        figures = read_job(job.pk)
        progress = job_progress(figures.job)
        if options["json"]:
            self.stdout.write(as_json(figures.as_dict() | {"progress": _progress(progress)}))
        else:
            if figures.status in (JobStatus.RUNNING, JobStatus.PENDING):
                self.console.print(_progress_line(progress))
                if not options["watch"] and _idle(figures.job):
                    self.console.print(Text(NOBODY_WORKS, "yellow"))
            self.console.print(job_summary(figures))
        return 1 if options["watch"] and figures.status != JobStatus.COMPLETED else 0


NOBODY_WORKS = 'No worker was heard of lately: the job goes on as soon as "manage.py up" (make run) runs.'


def _idle(job: CrawlJob) -> bool:
    return job.status == JobStatus.RUNNING and not somebody_works()


def _progress(progress: JobProgress) -> dict[str, Any]:
    estimated = progress.estimated_completion
    return {
        "percent": progress.progress,
        "total_chunks": progress.total_chunks,
        "active_chunks": progress.active_chunks,
        "completed_chunks": progress.completed_chunks,
        "failed_chunks": progress.failed_chunks,
        "downloaded_images": progress.downloaded_images,
        "estimated_completion": None if estimated is None else estimated.isoformat(),
    }


def _progress_line(progress: JobProgress) -> Text:
    """Return "55 %: 5 of 9 chunks completed, 0 failed, 4 to come; about 12 s to go"."""
    line = Text(f" {progress.progress} %", "bold")
    line.append(
        f": {progress.completed_chunks:,} of {counted(progress.total_chunks, 'chunk')} completed, "
        f"{progress.failed_chunks:,} failed, {progress.active_chunks:,} to come",
        "not bold",
    )
    if progress.estimated_completion is not None:
        left = max(0.0, (progress.estimated_completion - timezone.now()).total_seconds())
        line.append(f"; about {left:,.0f} s to go", "not bold")
    return line
