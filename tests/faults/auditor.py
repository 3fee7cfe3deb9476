"""The independent auditor: reads tables and files, asks nothing of the product, and says what is wrong."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.faults.database import seconds
from tests.faults.site import Site

_FINAL = ("completed", "failed", "cancelled")


@dataclass
class Findings:
    """What an audit found.

    Attributes:
        lost: what was accepted and is not there as it should be, one sentence each.
        duplicated: what is there twice.
        wrong: any other contradiction.
        tasks: how many tasks there are.
        items: items that tasks have stored.
        worked: items that were worked on, stored or not.
        recovery: for each attempt that was lost, the seconds from its last sign of life until it could run again.
    """

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    tasks: int = 0
    items: int = 0
    worked: int = 0
    recovery: list[float] = field(default_factory=list)

    @property
    def redone(self) -> float:
        """Share of the work that was done more than once."""
        return (self.worked - self.items) / self.items if self.items else 0.0

    @property
    def faults(self) -> list[str]:
        return self.lost + self.duplicated + self.wrong


def audit(site: Site, *, accepted: Iterable[int] = (), fails: Iterable[int] = (), unfinished: bool = False) -> Findings:
    """Compare everything that the ledger says with everything else.

    Args:
        accepted: tasks that the product has promised to run.
        fails: tasks that must fail; every other one must not.
        unfinished: tasks may still be open.
    """
    found = Findings()
    _tasks(site, found, set(accepted), set(fails), unfinished)
    _effects(site, found)
    _groups(site, found)
    _tallies(site, found)
    _events(site, found)
    _hooks(site, found)
    _files(site, found)
    return found


def _tasks(site: Site, found: Findings, accepted: set[int], fails: set[int], unfinished: bool) -> None:
    states = dict(site.database.rows("SELECT id, status FROM task_list"))
    found.tasks = len(states)
    found.lost += [f"task {pk} was accepted and is not there" for pk in sorted(accepted - set(states))]
    for pk, status in states.items():
        if status not in _FINAL and not unfinished:
            found.lost.append(f"task {pk} has not ended: {status}")
        elif (status == "failed") != (pk in fails) and status in _FINAL:
            message = site.database.value(f"SELECT error_message FROM task_list WHERE id = {pk}")
            found.wrong.append(f"task {pk} ended as {status}: {message}")


def _effects(site: Site, found: Findings) -> None:
    """Every item of every completed task is there once, and none was stored by an attempt that had been replaced."""
    stored: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for task_id, item, attempt in site.database.rows("SELECT task_id, item, attempt FROM faults_effect ORDER BY id"):
        stored[task_id].append((item, attempt))
    wanted = _wanted_items(site)
    for task_id, rows in stored.items():
        items = Counter(item for item, _ in rows)
        found.items += len(items)
        found.duplicated += [f"task {task_id}: item {item} {n} times" for item, n in items.items() if n > 1]
        attempts = [attempt for _, attempt in rows]
        if attempts != sorted(attempts):
            found.wrong.append(f"task {task_id}: an attempt stored after it had been replaced: {attempts}")
    for task_id, (status, count) in wanted.items():
        if status == "completed" and {item for item, _ in stored.get(task_id, [])} != set(range(count)):
            found.lost.append(f"task {task_id}: {len(stored.get(task_id, []))} of {count} items")
    found.worked = len(site.log_lines("work.log"))


def _wanted_items(site: Site) -> dict[int, tuple[str, int]]:
    import json

    rows = site.database.rows(
        "SELECT id, status, parameters FROM task_list WHERE type_name IN ('faults.count', 'faults.limited')"
    )
    return {
        pk: (status, (json.loads(parameters) if isinstance(parameters, str) else parameters)["items"])
        for pk, status, parameters in rows
    }


def _groups(site: Site, found: Findings) -> None:
    sums: dict[int, Counter[str]] = defaultdict(Counter)
    for group, status, n in site.database.rows(
        "SELECT group_id, status, count(*) FROM task_list WHERE group_id IS NOT NULL GROUP BY group_id, status"
    ):
        sums[group][status] = n
    for group, total, completed, failed, cancelled, settled in site.database.rows(
        "SELECT id, total, completed, failed, cancelled, settled_at FROM tasktypes_taskgroup"
    ):
        there = sums[group]
        counted = {"completed": completed, "failed": failed, "cancelled": cancelled}
        if total != there.total() or any(there[name] != n for name, n in counted.items()):
            found.wrong.append(f"group {group}: counted {total}, {counted}; there are {dict(there)}")
        if (settled is not None) != (completed + failed + cancelled == total):
            found.wrong.append(f"group {group}: settled {settled} at {counted} of {total}")


def _tallies(site: Site, found: Findings) -> None:
    there = {
        (name, status): n
        for name, status, n in site.database.rows("SELECT type_name, status, count(*) FROM task_list GROUP BY 1, 2")
    }
    counted = {
        (name, status): int(n)
        for name, status, n in site.database.rows(
            "SELECT type_name, status, sum(delta) FROM tasktypes_tallydelta GROUP BY 1, 2"
        )
        if n
    }
    if there != counted:
        found.wrong.append(f"totals: counted {counted}; there are {there}")


def _events(site: Site, found: Findings) -> None:
    """A task's history has no gap and one end; from it follows how long lost attempts were missed."""
    last_sequence = dict(site.database.rows("SELECT id, event_seq FROM task_list"))
    states = dict(site.database.rows("SELECT id, status FROM task_list"))
    per_task: dict[int, list[tuple[int, str, float]]] = defaultdict(list)
    for task_id, sequence, kind, at in site.database.rows(
        "SELECT task_id, seq, type, created_at FROM tasktypes_taskevent ORDER BY task_id, seq"
    ):
        per_task[task_id].append((sequence, kind, seconds(at)))
    for task_id, last in last_sequence.items():
        events = per_task[task_id]
        if [sequence for sequence, _, _ in events] != list(range(1, last + 1)):
            found.wrong.append(f"task {task_id}: its history has gaps")
        ends = [kind for _, kind, _ in events if kind in _FINAL]
        if ends != ([states[task_id]] if states[task_id] in _FINAL else []):
            (found.duplicated if len(ends) > 1 else found.wrong).append(f"task {task_id}: its ends are {ends}")
        alive = 0.0
        for _, kind, at in events:
            if kind == "lost":
                found.recovery.append(at - alive)
            if kind in ("started", "progress"):
                alive = at


def _hooks(site: Site, found: Findings) -> None:
    """Each end was told once: of a task to its handler, of a group to its owner."""
    for what, table, column, ended in (
        (
            "task",
            "faults_task_finish",
            "task_id",
            "SELECT id FROM task_list WHERE type_name LIKE 'faults.%' AND completed_at IS NOT NULL",
        ),
        (
            "group",
            "faults_group_finish",
            "group_id",
            "SELECT id FROM tasktypes_taskgroup WHERE kind = 'faults' AND settled_at IS NOT NULL",
        ),
    ):
        told = Counter(row[0] for row in site.database.rows(f"SELECT {column} FROM {table}"))
        expected = {row[0] for row in site.database.rows(ended)}
        found.duplicated += [f"{what} {pk}: its end was told {n} times" for pk, n in told.items() if n > 1]
        found.lost += [f"{what} {pk}: its end was not told" for pk in sorted(expected - set(told))]
        found.wrong += [f"{what} {pk}: its end was told, but it has not ended" for pk in sorted(set(told) - expected)]


def _files(site: Site, found: Findings) -> None:
    """Every image row has its file, whole, under its sha256; a job has no picture twice."""
    rows = site.database.rows("SELECT job_id, sha256 FROM jobs_image")
    found.duplicated += [f"image {key} {n} times" for key, n in Counter(rows).items() if n > 1]
    files = {path.name: path for path in (site.data / "images").glob("??/??/*")}
    for digest in sorted({digest for _, digest in rows}):
        if digest not in files:
            found.lost.append(f"image {digest} has no file")
    for name, path in files.items():
        if hashlib.sha256(path.read_bytes()).hexdigest() != name:
            found.wrong.append(f"file {name} is not whole")
    # Pictures are counted where their chunk reports them.
    counted = site.database.rows(
        "SELECT c.id, count(i.id) FROM jobs_chunk c LEFT JOIN jobs_image i ON i.chunk_id = c.id GROUP BY c.id"
    )
    reported = dict(_reported_images(site))
    found.wrong += [f"chunk {pk}: {n} images, {reported[pk]} reported" for pk, n in counted if reported[pk] != n]


def _reported_images(site: Site) -> list[tuple[int, int]]:
    import json

    found = []
    for pk, progress in site.database.rows(
        "SELECT c.id, t.progress FROM jobs_chunk c JOIN task_list t ON t.id = c.task_id"
    ):
        value = json.loads(progress) if isinstance(progress, str) else progress
        found.append((pk, int((value or {}).get("images", 0))))
    return found
