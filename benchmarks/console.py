"""Every page of the console at a million tasks and a million images: none may take 300 ms (``make bench-console``).

    DATABASE_URL=postgresql://… python -m benchmarks.console [--rows 1000000] [--keep NAME] [--only jobs,tasks]

Makes a database of its own on that server, fills it (``console_rows.py``), signs in as staff and as an owner, and asks
for every list (bare, with each filter, searched, sorted, its second page), a row's page of every model, and the pages
that are no model's. Prints median, 95th percentile, queries and bytes; exit code 1 where a median exceeds the limit.
With ``--keep`` the database stays, and the next run with the same name finds it filled.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from rich.console import Console
from rich.table import Table

LIMIT = 0.3
"""Seconds that the median of a page may take."""
ROUNDS = 7
_MARK = "filled by benchmarks.console with {rows} rows"


@dataclass
class Page:
    """One page, and what was seen of it.

    Attributes:
        group: whose page it is; the table has a section per group.
        name: what is asked of it.
        path: path and query.
        seconds: one per round.
        cpu: processor time of a round, this process's and that of its PostgreSQL backend where both are here. Seconds.
        queries: how many the last round made.
        size: bytes of the answer.
        status: HTTP status of the answer.
    """

    group: str
    name: str
    path: str
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    queries: int = 0
    size: int = 0
    status: int = 0

    @property
    def median(self) -> float:
        """The median. Seconds."""
        return statistics.median(self.seconds)

    @property
    def p95(self) -> float:
        """The 95th percentile; of few rounds the slowest. Seconds."""
        return sorted(self.seconds)[min(len(self.seconds) - 1, int(len(self.seconds) * 0.95))]


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--keep", metavar="NAME", default="", help="name of the database, which then stays")
    parser.add_argument("--only", default="", help="comma-separated parts of paths; console, web")
    parser.add_argument("--slow", action="store_true", help="print the pages over the limit alone")
    parser.add_argument("--statements", action="store_true", help="print the slowest statements of slow pages")
    options = parser.parse_args()
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        parser.error("set DATABASE_URL: this is a benchmark of PostgreSQL")
    console = Console(width=None if sys.stdout.isatty() else 150)
    with tempfile.TemporaryDirectory(prefix="pixtasks-bench-") as folder, _database(options.keep) as mark:
        _prepare(Path(folder), console, options.rows, mark)
        from benchmarks.console_pages import pages, visitors

        wanted = [part for part in options.only.split(",") if part]
        clients = visitors()
        measured = []
        for page, client in pages(clients, wanted):
            _measure(page, client, options.rounds, options.statements, console)
            measured.append(page)
    failed = report(measured, console, slow_only=options.slow)
    return 1 if failed else 0


def report(pages: list[Page], console: Console, *, slow_only: bool = False) -> int:
    """Print the table; return how many pages failed: too slow, or not answered with 200."""
    table = Table("page", "asked", "median ms", "p95 ms", "CPU ms", "queries", "kB", title="every page of the console")
    failed = 0
    for page in pages:
        wrong = page.median > LIMIT or page.status != 200
        failed += wrong
        if slow_only and not wrong:
            continue
        median = f"{page.median * 1000:.0f}" if page.status == 200 else f"HTTP {page.status}"
        style = "red" if wrong else None
        table.add_row(
            page.group, page.name, f"{median} ✗" if wrong else median, f"{page.p95 * 1000:.0f}",
            f"{statistics.median(page.cpu) * 1000:.0f}" if page.cpu else "–", str(page.queries),
            f"{page.size / 1000:.0f}", style=style,
        )  # fmt: skip
    console.print(table)
    answered = sorted((page.median, page.path) for page in pages if page.status == 200)
    if answered:
        middle = statistics.median(seconds for seconds, _ in answered)
        console.print(
            f"{len(pages)} pages, {failed} over {LIMIT * 1000:.0f} ms or not answered; of the medians the middle one "
            f"is {middle * 1000:.0f} ms, the slowest {answered[-1][0] * 1000:.0f} ms ({answered[-1][1]}); "
            f"load average {os.getloadavg()[0]:.1f}"
        )
    return failed


def _measure(page: Page, client: object, rounds: int, statements: bool, console: Console) -> None:
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    assert isinstance(client, Client)
    began, worked = time.perf_counter(), _processor_time()
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(page.path)
        page.size = len(b"".join(answer) if answer.streaming else answer.content)
    asked = captured.captured_queries  # The next request empties the log.
    page.status, page.queries = answer.status_code, len(asked)
    if not rounds:  # A first look, with what the first request of a process pays.
        page.seconds, page.cpu = [time.perf_counter() - began], [(_processor_time() or 0.0) - (worked or 0.0)]
    for _ in range(rounds):
        began, worked = time.perf_counter(), _processor_time()
        client.get(page.path)
        page.seconds.append(time.perf_counter() - began)
        if worked is not None:
            page.cpu.append((_processor_time() or worked) - worked)
        if sum(page.seconds) > 6:
            break  # It is slow, whatever the other rounds would say.
    if statements and statistics.median(page.cpu or page.seconds) > LIMIT / 2:
        spent = min(page.cpu) * 1000 if page.cpu else 0
        console.print(f"[red]{page.path}[/red] {page.median * 1000:.0f} ms, CPU {spent:.0f}", soft_wrap=True)
        for query in sorted(asked, key=lambda query: -float(query["time"]))[:2]:
            line = f"   {float(query['time']) * 1000:.0f} ms  {query['sql'][:1500]}"
            console.print(line, soft_wrap=True, markup=False, highlight=False)


def _processor_time() -> float | None:
    """Return the seconds this process and its backend have computed; None where the server is somewhere else."""
    from django.db import connection

    try:
        spent = Path(f"/proc/{connection.connection.info.backend_pid}/schedstat").read_text().split()[0]
    except (OSError, AttributeError):
        return None
    return time.process_time() + int(spent) / 1e9


def _prepare(folder: Path, console: Console, rows: int, mark: str) -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "pixtasks.settings"
    os.environ.setdefault("PIXTASKS_DATA_DIR", str(folder))
    os.environ.setdefault("PIXTASKS_SECRET_KEY", "a benchmark signs in again and again with this key")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    logging.disable(logging.CRITICAL)  # A page that fails is named in the table.
    call_command("migrate", verbosity=0)
    if mark:
        console.print(f"the database is there: {mark}")
        return
    from benchmarks.console_rows import fill

    console.print(f"filling {rows:,} rows …")
    fill(rows, console.print)
    with connection.cursor() as cursor:
        name = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
        cursor.execute(f"COMMENT ON DATABASE {name} IS '{_MARK.format(rows=rows)}'")


@contextmanager
def _database(keep: str) -> Iterator[str]:
    """Make a database and name it in DATABASE_URL; yield what an earlier run says of it.

    Raises:
        SystemExit: there is a database of that name which is no benchmark's.
    """
    import psycopg
    from psycopg import sql

    given = os.environ["DATABASE_URL"]
    name = keep or f"pixtasks_bench_{os.getpid()}"
    mark = ""
    with psycopg.connect(given, autocommit=True) as server:
        found = server.execute(
            "SELECT coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
        if found is None:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        elif not found[0].startswith(_MARK.split("{", maxsplit=1)[0]):
            raise SystemExit(f"there is a database {name} which this benchmark has not filled: name another one")
        else:
            mark = found[0]
    os.environ["DATABASE_URL"] = urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
    try:
        yield mark
    finally:
        if "django" in sys.modules:
            from django.db import connections

            connections.close_all()
        if not keep:
            with psycopg.connect(given, autocommit=True) as server:
                server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    sys.exit(main())
