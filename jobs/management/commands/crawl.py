"""``manage.py crawl``: make a job, run it, show how far it is and what it brought."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from django.core.management.base import CommandParser
from django.db import DatabaseError
from rich.text import Text

from jobs.management.base import JobsCommand
from jobs.management.flow import Finished, run_crawl
from jobs.management.requests import DEFAULT_IMAGES, CrawlRequest, read_request
from jobs.management.workers import Workers
from jobs.models import JobStatus, Project
from jobs.services.dataset import images_of
from jobs.services.manifest import manifest_hash
from jobs.services.planner import plan
from jobs.terminal.live import make_display
from jobs.terminal.plan import plan_object, plan_table
from jobs.terminal.tables import job_summary
from pixtasks.accounts.management.owners import owner_by_email
from pixtasks.common.screen import as_json, counted
from pixtasks.common.stop_signals import INTERRUPTED, StopSignals


class Command(JobsCommand):
    """Uses the ``manage.py up`` that runs, or starts what it needs for its own duration."""

    writes = True
    help = (
        "Crawl images and show what came of it. Ends with 0 when the job completed, 1 when it failed, 130 when it was "
        "interrupted; Ctrl-C cancels the job and keeps what it has stored."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        add = parser.add_argument
        add("--keywords", help='what to look for, separated by commas: "red fox,lighthouse"')
        add(
            "--template", dest="templates", metavar="TEXT", action="append", default=[],
            help='what engines are asked: "close-up of {keyword}"; may be repeated (default "{keyword}")',
        )  # fmt: skip
        add("--engines", help="where to look, separated by commas (default: PIXTASKS_DEFAULT_ENGINES)")
        add("--max-images", help=f"new images to store for each keyword at each engine (default {DEFAULT_IMAGES})")
        add("--rebalance", action="store_true", help="ask productive chunks for what dry ones cannot bring")
        add("--validate", metavar="LEVEL", help="validate the images afterwards: fast, medium or slow")
        add("--project", metavar="SLUG", default="crawls", help="project, made where it is missing (default crawls)")
        add("--name", help="name of the job (default: its keywords)")
        add("--options", metavar="JSON", help='options by engine as JSON, or @file: {"site": {"url": "…"}}')
        add("--urls-file", metavar="FILE", help="crawl the addresses in this file (engine urls)")
        add("--site", metavar="URL", help="crawl the images of this page, sitemap or feed (engine site)")
        add("--directory", metavar="FOLDER", help="take the images in this folder (engine directory)")
        add("--dry-run", action="store_true", help="show what it would cost in requests, disk, time; make no job")
        add("--record", metavar="DIR", help="keep every answer of the sources and every image in this new folder")
        add("--replay", metavar="DIR", help="repeat what was recorded in this folder, without the network")
        add("--user", metavar="EMAIL", help="whose job it is (default in development: the built-in user local)")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Crawl; return the exit code."""
        request = read_request(options)
        _check_owner(request.user)
        if options["dry_run"]:
            return self.plan(request, as_object=options["json"])
        with StopSignals() as stop, make_display(self.console) as display, Workers(stop, display.wait) as workers:
            finished = run_crawl(request, display, stop, workers.keep)
            # The services take some seconds to stop: the summary does not wait for that.
            workers.release()
            display.close()
            return self.report(finished, as_object=options["json"])

    def plan(self, request: CrawlRequest, *, as_object: bool) -> int:
        """Show what the job would cost, and make none."""
        project = Project.objects.filter(slug=request.project).first()
        made = plan(
            request.keywords,
            request.engines,
            request.max_images,
            project=project,
            templates=len(request.keyword_templates),
            rebalance=request.rebalance,
        )
        if as_object:
            self.stdout.write(as_json(plan_object(made)))
        else:
            self.console.print(plan_table(made))
        return 0

    def report(self, finished: Finished, *, as_object: bool) -> int:
        """Show the end of a job; return the exit code."""
        figures = finished.figures
        if as_object:
            facts = {"faults": list(finished.faults), "manifest_sha256": manifest_hash(images_of(figures.job))}
            self.stdout.write(as_json(figures.as_dict() | facts))
        else:
            self.console.print(job_summary(figures))
            if figures.job.cassette:
                self.console.print(Text(f"Manifest sha256 {manifest_hash(images_of(figures.job))}", "dim"))
            for fault in finished.faults:
                self.console.print(Text(fault, "red"))
            if finished.interrupted and figures.status == JobStatus.CANCELLED:
                kept = counted(figures.rows, "image")
                self.console.print(
                    Text(f"Cancelled. What was stored is kept: {kept} in job {figures.job.pk}.", "yellow")
                )
        if finished.interrupted:
            return INTERRUPTED
        return 0 if figures.status == JobStatus.COMPLETED and not finished.faults else 1


def _check_owner(email: str | None) -> None:
    """Refuse an unknown owner before anything starts, where the database can be asked already."""
    if email is not None:
        with suppress(DatabaseError):
            owner_by_email(email)
