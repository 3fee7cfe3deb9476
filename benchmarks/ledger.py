"""The ledger at a thousand rows and at a million: lists, filters, claims and statistics must not notice.

    DATABASE_URL=postgresql://… python -m benchmarks.ledger [--large 1000000]

Fills a database of its own on that server (PostgreSQL) or in a temporary file (SQLite), measures the same questions at
both sizes in one run, and prints the 25th percentile of many rounds (machines are shared: the slower ones measure
their other users) and the ratio. Nothing of what is on the server is touched.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from rich.console import Console
from rich.table import Table

SMALL = 1_000
ROUNDS = 60
OWNERS = 5
TYPES = 8
_CHUNK = 50_000
_PAGES = 100


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--large", type=int, default=1_000_000)
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="pixtasks-bench-") as folder, _own_database(Path(folder)):
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        console.print(f"filling {SMALL:,} rows …")
        _fill(SMALL)
        small = _measure()
        console.print(f"filling {options.large:,} rows …")
        _fill(options.large - SMALL)
        large = _measure()
    table = Table(
        "question", f"{SMALL:,} rows", f"{options.large:,} rows", "ratio", title="milliseconds, 25th percentile"
    )
    for name, before in small.items():
        table.add_row(name, f"{before * 1000:.2f}", f"{large[name] * 1000:.2f}", f"{large[name] / before:.2f}")
    console.print(table)


@contextmanager
def _own_database(folder: Path) -> Iterator[None]:
    os.environ["DJANGO_SETTINGS_MODULE"] = "pixtasks.settings"
    os.environ["PIXTASKS_DATA_DIR"] = str(folder)
    given = os.environ.get("DATABASE_URL", "")
    if not given.startswith("postgres"):
        os.environ.pop("DATABASE_URL", None)
        yield
        return
    import psycopg
    from psycopg import sql

    name = f"pixtasks_bench_{os.getpid()}"
    with psycopg.connect(given, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    os.environ["DATABASE_URL"] = urlunsplit(urlsplit(given)._replace(path=f"/{name}"))
    try:
        yield
    finally:
        if "django" in sys.modules:
            from django.db import connections

            connections.close_all()
        with psycopg.connect(given, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _fill(count: int) -> None:
    """Insert tasks of several owners and types: of each hundred 1 pending, 2 failed, 1 cancelled, 96 completed."""
    from django.db import connection
    from django.utils import timezone

    from pixtasks.accounts.models import User
    from tasktypes.models import Task, TaskType
    from tasktypes.services import tally
    from tasktypes.services.lanes import lane_of
    from tasktypes.states import State

    owners = [User.objects.get_or_create(email=f"owner{number}@example.com")[0] for number in range(OWNERS)]
    types = [TaskType.objects.get_or_create(name=f"type_{number}")[0] for number in range(TYPES)]
    now = timezone.now()
    states = {0: State.PENDING, 1: State.FAILED, 2: State.FAILED, 3: State.CANCELLED}
    for start in range(0, count, _CHUNK):
        rows = []
        for number in range(start, min(start + _CHUNK, count)):
            state = states.get(number % 100, State.COMPLETED)
            kind = types[number % TYPES]
            task = Task(
                type_name=kind.name,
                task_type=kind,
                created_by=owners[number % OWNERS],
                status=state,
                parameters={"number": number},
                created_at=now,
                updated_at=now,
                due_at=now if state == State.PENDING else None,
                started_at=None if state == State.PENDING else now,
                completed_at=None if state == State.PENDING else now,
            )
            task.lane = lane_of(task)
            rows.append(task)
        Task.objects.bulk_create(rows, batch_size=1000)
        tally.record((row.created_by_id, row.type_name, None, State(row.status)) for row in rows)
    tally.fold()
    with connection.cursor() as cursor:
        # What autovacuum does by itself within minutes.
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _measure() -> dict[str, float]:
    from django.db import transaction

    from pixtasks.accounts.models import User
    from pixtasks.common.pagination import PageRequest
    from tasktypes.models import Task
    from tasktypes.services import tally
    from tasktypes.services.claim import claim_outside
    from tasktypes.services.statistics import statistics as figures
    from tasktypes.states import State

    owner = User.objects.get(email="owner1@example.com")
    own = Task.objects.filter(created_by=owner).order_by("-id")
    last = PageRequest(min(_PAGES, tally.counts(owner_id=owner.pk)[State.COMPLETED] // 100 + 1), 100)
    # Where the cursor stands: far from the newest rows, as far as there are so many.
    deep = own.values_list("id", flat=True)[100]

    def claim() -> object:
        with transaction.atomic():
            claimed = claim_outside(worker="bench", limit=1, lease_seconds=60, type_names=None, owner_id=owner.pk)
            transaction.set_rollback(True)
        return claimed

    questions: dict[str, Callable[[], Any]] = {
        "list, first page of 100": lambda: list(own[:100]),
        "list, next page by cursor": lambda: list(own.filter(id__lt=deep)[:100]),
        f"list, last page of {_PAGES} by number": lambda: last.cut(own),
        "list, failed ones": lambda: list(own.filter(status=State.FAILED)[:4]),
        "list of everybody, failed ones": lambda: list(Task.objects.filter(status=State.FAILED).order_by("-id")[:10]),
        "list, one type": lambda: list(own.filter(type_name="type_1")[:20]),
        "total of a list": lambda: tally.counts(owner_id=owner.pk),
        "claim of one task": claim,
        "counts per status and type": lambda: tally.counts_by_type(owner_id=owner.pk),
        "statistics with times": lambda: figures(owner_id=None),
    }
    found = {}
    for name, question in questions.items():
        question()
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            question()
            times.append(time.perf_counter() - began)
        found[name] = sorted(times)[ROUNDS // 4]
    return found


if __name__ == "__main__":
    main()
