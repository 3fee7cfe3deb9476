"""``manage.py demo``: real files over real HTTP by real workers, and the proof that they are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from jobs.engines import resolve
from jobs.management.base import JobsCommand
from jobs.management.flow import Finished, run_crawl
from jobs.management.requests import CrawlRequest
from jobs.management.workers import Workers
from jobs.models import JobStatus, Level
from jobs.terminal.figures import JobFigures
from jobs.terminal.live import make_display
from jobs.terminal.picture import save_picture
from jobs.terminal.proof import Check, example_keys, images_folder, prove
from jobs.terminal.tables import job_summary
from pixtasks.common.errors import PixtasksError
from pixtasks.common.screen import as_json, counted, shown_path, size
from pixtasks.common.stop_signals import INTERRUPTED, StopSignals
from tasktypes.states import State

KEYWORDS = ("red fox", "lighthouse", "sunflower")
OFFLINE = "sample"
ALIASES = ("google", "bing")
IMAGES = 40
PROJECT = "demo"
SERVED = "http://127.0.0.1:8000"


class Command(JobsCommand):
    """Crawls and validates without the internet, then checks every promise on what lies on the disk."""

    help = (
        "Crawl and validate some pictures without the internet, show what came of it, and check that everything is "
        "really there. Ends with 0 only if it is. The data stays in the project demo."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--svg", metavar="FILE", help="also save what is shown as an SVG picture")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Crawl, validate, check; return the exit code."""
        if settings.PIXTASKS_PROFILE != "development":
            raise CommandError("The demo is for the development profile; use manage.py crawl here.")
        picture = None if options["svg"] is None else Path(options["svg"])
        if picture is not None and not picture.parent.is_dir():
            raise CommandError(f"--svg {picture}: the folder {picture.parent} does not exist.")
        request = CrawlRequest(
            keywords=list(KEYWORDS),
            engines=demo_engines(),
            max_images=IMAGES,
            options={},
            name="demo",
            project=PROJECT,
            level=Level.SLOW,
        )
        with StopSignals() as stop, make_display(self.console) as display, Workers(stop, display.wait) as workers:
            finished = run_crawl(request, display, stop, workers.keep)
            # The services take some seconds to stop: the summary does not wait for that.
            workers.release()
            display.close()
            checks = [] if finished.interrupted else prove_all(finished)
            shown = _shown(finished, checks, url="" if workers.own else workers.url)
            self.console.print(shown)
            if options["json"]:
                self.stdout.write(as_json(_as_dict(finished, checks)))
            if picture is not None:
                save_picture(picture, "make demo", shown)
        if finished.interrupted:
            return INTERRUPTED
        return 0 if all(check.ok for check in checks) else 1


def demo_engines() -> list[str]:
    """Return the offline engine and those of the documented names that it answers for: nothing asks the internet."""
    return [OFFLINE, *(name for name in ALIASES if _backend(name) == OFFLINE)]


def prove_all(finished: Finished) -> list[Check]:
    """Check everything the demo promises; the first check is the job itself."""
    figures = finished.figures
    unfinished = [chunk for chunk in figures.chunks if chunk.status != State.COMPLETED or not chunk.stored]
    if figures.status != JobStatus.COMPLETED or unfinished or finished.faults:
        reasons = [*finished.faults, *dict.fromkeys(chunk.error for chunk in unfinished if chunk.error)]
        why = f": {'; '.join(reasons)}" if reasons else ""
        first = Check(False, f"{counted(len(unfinished), 'chunk')} brought nothing or did not complete{why}")
    else:
        first = Check(True, f"all {counted(len(figures.chunks), 'chunk')} completed: real workers, real HTTP")
    return [first, *prove(figures)]


def _backend(name: str) -> str:
    try:
        return resolve(name).name
    except PixtasksError:
        return ""


def _as_dict(finished: Finished, checks: list[Check]) -> dict[str, Any]:
    folder = images_folder()
    return finished.figures.as_dict() | {
        "files": {"folder": None if folder is None else str(folder), "examples": example_keys(finished.figures)},
        "checks": [check.as_dict() for check in checks],
        "faults": list(finished.faults),
    }


def _shown(finished: Finished, checks: list[Check], *, url: str) -> RenderableType:
    figures = finished.figures
    end: RenderableType = _next_steps(figures, url)
    if finished.interrupted:
        end = Text(f" Interrupted. What was stored is kept in job {figures.job.pk}.", "yellow")
    return Group(Text(), job_summary(figures), Text(), *_proof(checks), *_files(figures), end)


def _proof(checks: list[Check]) -> Iterator[RenderableType]:
    for check in checks:
        sign = ("✓", "bold green") if check.ok else ("✗", "bold red")
        yield Padding(Text.assemble(sign, " ", (check.sentence, "" if check.ok else "red")), (0, 1))


def _files(figures: JobFigures) -> Iterator[RenderableType]:
    folder = images_folder()
    where = "the storage of the images" if folder is None else shown_path(folder)
    amount = f"{counted(figures.rows, 'file')}, {size(figures.bytes)}"
    if figures.shared:
        amount += f"; {figures.shared:,} of them belong to other jobs as well and are stored once"
    facts = _facts()
    facts.add_row(" Files", Text.assemble(where, (f"  {amount}", "dim")))
    for key in example_keys(figures, 2):
        facts.add_row("", Text(key, "dim"))
    yield Text()
    yield facts


def _next_steps(figures: JobFigures, url: str) -> RenderableType:
    served = url or SERVED
    steps = [
        ("make run", f"serves {SERVED} and prints how to sign in"),
        (f"{served}/docs", "the HTTP API, to be tried in the browser"),
        ('manage.py crawl --keywords "…"', "your own job, with bars that move"),
    ]
    if url:
        steps[0] = (f"{served}/admin/", "the console of what runs now")
    width = max(len(command) for command, _ in steps)
    facts = _facts()
    for number, (command, what) in enumerate(steps):
        line = Text.assemble((command.ljust(width), "cyan"), "  ", (what, "dim"))
        facts.add_row(" Next" if number == 0 else "", line)
    curl = f'curl -H "Authorization: Bearer $TOKEN" {served}/api/v1/jobs/{figures.job.pk}/images'
    facts.add_row("", Text(curl, "cyan"))
    return Group(Text(), facts)


def _facts() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    return table
