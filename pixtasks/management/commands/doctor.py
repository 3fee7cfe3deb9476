"""``manage.py doctor``: is this installation well?"""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from rich import box
from rich.table import Table
from rich.text import Text

from pixtasks.common.checkup import Level
from pixtasks.common.commands import ShowingCommand
from pixtasks.common.screen import as_json, counted, plain
from pixtasks.doctor.examination import Report, examine

_SIGNS = {Level.OK: ("✓", "green"), Level.WARNING: ("!", "yellow"), Level.ERROR: ("✗", "bold red")}


class Command(ShowingCommand):
    """Looks; with ``--fix`` it mends what is safe to mend."""

    writes = True
    help = (
        "Check database, broker, processes, storage, clock, leases, counters and files. "
        "Exit code 0: all is well, 1: there are warnings, 2: there are errors."
    )
    # Faulty settings are a finding, with exit code 2, and not the end of the command.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--fix", action="store_true", help="mend what is safe to mend; no row is ever deleted")
        parser.add_argument("--deep", action="store_true", help="look at everything, and read every image file")
        parser.add_argument(
            "--at-rest", action="store_true", help="nothing is served now: do not ask for workers and schedulers"
        )
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Examine, show, and return the exit code."""
        with self.console.status("Looking …") as status:

            def progress(title: str, done: int, total: int) -> None:
                status.update(Text(f"{title} ({done + 1}/{total}) …"))

            report = examine(fix=options["fix"], deep=options["deep"], at_rest=options["at_rest"], progress=progress)
        if options["json"]:
            self.stdout.write(as_json(report.as_dict()))
        else:
            self.console.print(report_table(report))
            self.console.print(_summary(report))
        return int(report.level)


def report_table(report: Report) -> Table:
    """Return the checks for people."""
    table = Table(box=box.HORIZONTALS, border_style="bright_black", header_style="bold", padding=(0, 1, 0, 0))
    table.add_column("", no_wrap=True)
    table.add_column("Check", no_wrap=True)
    table.add_column("What was found", overflow="fold")
    for one in report.checks:
        sign, style = _SIGNS[one.finding.level]
        text = Text(plain(one.finding.message), "" if one.finding.level == Level.OK else style)
        for sentence in one.mended:
            text.append(f"\nmended: {plain(sentence)}", "green")
        table.add_row(Text(sign, style), Text(one.check.title), text)
    return table


def _summary(report: Report) -> Text:
    levels = [one.finding.level for one in report.checks]
    errors, warnings = levels.count(Level.ERROR), levels.count(Level.WARNING)
    mended = sum(len(one.mended) for one in report.checks)
    if not errors and not warnings:
        text = Text(f" All is well: {counted(len(levels), 'check')}.", "bold green")
    else:
        text = Text(f" {counted(errors, 'error')}, {counted(warnings, 'warning')}.", _SIGNS[report.level][1])
    if mended:
        text.append(f" {counted(mended, 'thing')} mended.", "green")
    return text
