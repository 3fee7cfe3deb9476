"""``manage.py task_stats``: what all tasks add up to."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser
from rich.text import Text

from pixtasks.common.screen import as_json, counted, plain
from tasktypes.management.base import TaskCommand, list_table
from tasktypes.services.statistics import Statistics, Times, statistics, statistics_by_type
from tasktypes.states import State

_NUMBERS = ("Tasks", *(state.label for state in State), "Success", "Wait", "Run")


class Command(TaskCommand):
    """Looks, and changes nothing."""

    help = "Show how many tasks of each name are in each status, how many succeed, and how long they wait and run."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--name", metavar="NAME", help="of this handler or declared type only")
        self.add_json(parser)

    def work(self, options: dict[str, Any]) -> int:
        """Show; return the exit code."""
        name = options["name"]
        over_all = statistics(owner_id=None, type_name=name)
        by_name = statistics_by_type(owner_id=None) if name is None else {name: over_all}
        if options["json"]:
            by_type = {key: _as_dict(figures) for key, figures in by_name.items()}
            self.stdout.write(as_json(_as_dict(over_all) | {"by_type": by_type}))
            return 0
        table = list_table("Name", *_NUMBERS, numbers=_NUMBERS)
        for key, figures in by_name.items():
            table.add_row(Text(plain(key)), *_cells(figures))
        if len(by_name) > 1:
            table.add_section()
            table.add_row(Text("All", "bold"), *_cells(over_all))
        self.console.print(table)
        self.console.print(
            Text(
                f" {counted(over_all.total, 'task')}. Wait (median) and run (mean): seconds of the latest 1,000 that "
                "ended. The success rate leaves cancelled ones out.",
                "dim",
            )
        )
        return 0


def _cells(figures: Statistics) -> list[str]:
    rate = "·" if figures.success_rate is None else f"{figures.success_rate:.1%}"
    seconds = [figures.wait.p50, figures.run.mean]
    return [
        f"{figures.total:,}",
        *(f"{figures.counts[state]:,}" for state in State),
        rate,
        *("·" if value is None else f"{value:.2f}" for value in seconds),
    ]


def _as_dict(figures: Statistics) -> dict[str, Any]:
    return {
        "total": figures.total,
        "counts": {state.value: number for state, number in figures.counts.items()},
        "success_rate": figures.success_rate,
        "wait_seconds": _seconds(figures.wait),
        "run_seconds": _seconds(figures.run),
    }


def _seconds(times: Times) -> dict[str, float | None]:
    return {"mean": times.mean, "p50": times.p50, "p95": times.p95}
