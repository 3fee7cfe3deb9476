"""The long form: ``python -m tests.faults`` runs the scenarios in the numbers asked for and prints one table.

    python -m tests.faults --faults T1,T7 --kills 1000 --write

It stands on SQLite and the filesystem broker, or on the servers that DATABASE_URL and REDIS_URL name, where it makes
databases and keys of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.faults import report
from tests.faults.outcome import Outcome
from tests.faults.scenarios import broker, cancels, crashes, kills, limits, outages, stops
from tests.faults.servers import OwnPostgres, OwnRedis
from tests.faults.site import QUICK, Ground, ground

Run = Callable[[Ground], Outcome]


def plan(kills_wanted: int, seed: int, settings: Mapping[str, str]) -> dict[str, Run]:
    """Return every row of the table; its numbers follow from the number of kills, 1,000 by default."""
    n = kills_wanted

    def of(scenario: Callable[..., Outcome], **numbers: Any) -> Run:
        return partial(scenario, settings=settings, **numbers)

    def most(number: int, least: int = 1) -> int:
        return max(least, number)

    return {
        "T1": of(kills.random_kills, kills=n, tasks=60, items=20, seed=seed, slots=4),
        "T1 idle": partial(kills.idle_kills, rounds=most(n // 50)),
        "T1 control": partial(kills.naive_control, tasks=40, kills=most(n // 100, 3), items=20, seed=seed),
        "T2": of(crashes.crash_points, rounds=most(n // 50), together=1),
        "T3": of(broker.wiped, times=most(n // 100), tasks=40, slots=8),
        "T4": of(broker.restarted, times=3, tasks=60),
        "T5": of(stops.stopped_workers, times=most(n // 20), seed=seed),
        "T6": of(broker.repeated, tasks=60, seconds_each=35, visibility=10),
        "T7": of(cancels.cancels_under_kills, cancels=most(n // 4, 2), kills=most(2 * n // 5), seed=seed),
        "T8": of(
            limits.limits_under_kills,
            starts=20,
            window=60 if n >= 1000 else 10,
            tasks=most(n if n < 1000 else n // 5, 40),
            kills=most(n // 10),
            denied=500,
            seed=seed,
        ),
        "T9": of(crashes.poison, each=most(n // 200), others=200),
        "T10": of(stops.hangs, each=most(n // 6), slots=8),
        "T11": of(stops.terminations, times=most(n // 50, 4), pause=30 if n >= 1000 else 5, seed=seed),
        "T12 database": of(outages.database_down, times=1, down=30, tasks=40),
        "T12 disk": of(outages.disk_full, pictures=60),
        "T12 receiver": of(outages.receiver_down, down=600 if n >= 1000 else 60, tasks=40),
    }


def missing(name: str) -> str:
    """Return what a scenario needs and this machine has not."""
    if name == "T4" and not OwnRedis.available():
        return "needs redis-server"
    if name == "T12 database" and OwnPostgres.binaries() is None:
        return "needs PostgreSQL's programs"
    return ""


def chosen(names: list[str], wanted: str) -> list[str]:
    """Return the rows that a list such as ``T1,T12`` names; all where it is empty."""
    asked = [name.strip() for name in wanted.split(",") if name.strip()]
    return [name for name in names if not asked or name in asked or name.split()[0] in asked]


def main() -> int:
    """Run, print, write; return 1 where a bound is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Run the long forms.")
    parser.add_argument("--faults", default="", help="such as T1,T7 (default: all)")
    parser.add_argument("--kills", type=int, default=1000, help="of T1; the other numbers follow (default 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lease", type=float, default=30, help="seconds (default 30, the product's own)")
    parser.add_argument("--write", action="store_true", help="write the rows into docs/reliability.md")
    options = parser.parse_args()
    settings: dict[str, str] = {"PIXTASKS_LEASE_SECONDS": f"{options.lease:g}"}
    if options.lease < 10:
        settings = {**QUICK, **settings}
    rows = plan(options.kills, options.seed, settings)
    names = chosen(list(rows), options.faults)
    if not names:
        parser.error(f"there is no test named {options.faults}; there are {', '.join(rows)}")
    console = Console(width=max(Console().width, 140))
    results: list[report.Row] = []
    with ground() as made:
        for name in names:
            if reason := missing(name):
                console.print(f"{name}: left out, {reason}")
                continue
            if name == "T4" and not made.redis_url:
                continue
            console.print(f"{name} …")
            began = time.monotonic()
            try:
                outcome = rows[name](made)
            except AssertionError as error:
                outcome = Outcome(done="broken off", broken=[str(error)])
            results.append(report.Row(name, made.form, outcome, time.monotonic() - began))
            for problem in outcome.broken[:20]:
                console.print(f"[red]  {problem}[/red]")
            for problem in outcome.slow:
                console.print(f"[yellow]  {problem}[/yellow]")
            if options.write:
                report.write(results[-1:])
    console.print(_table(results))
    return 1 if any(row.outcome.broken or row.outcome.slow for row in results) else 0


def _table(rows: list[report.Row]) -> Table:
    table = Table(*report.COLUMNS, title=f"Fault tests, {report.machine()}")
    for row in rows:
        style = "red" if row.outcome.broken else "yellow" if row.outcome.slow else ""
        table.add_row(*row.cells(), style=style)
    return table


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.faults.work.settings")
    sys.exit(main())
