"""What runs, what waits, what failed, and who works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count
from django.utils import timezone

from tasktypes.handlers import handlers
from tasktypes.models import Process, Task
from tasktypes.models.process import Role
from tasktypes.services import tally
from tasktypes.services.inspect import known_workers
from tasktypes.services.oldest import oldest_waiting
from tasktypes.services.processes import live_processes
from tasktypes.states import State

DAY: Final = timedelta(days=1)
TYPES_SHOWN: Final = 6
FAILURES_SHOWN: Final = 6
FAILURES_COUNTED: Final = 1000
"""Failures of a day are counted exactly up to so many; an operator who has more does not need the last digit."""
RUNNING_READ: Final = 200
RUNNING_SHOWN: Final = 8
WORKERS_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class TypeFigures:
    """How many tasks of a type run and wait."""

    name: str
    running: int
    pending: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed."""

    id: int
    type_name: str
    about: str
    error: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RunningTask:
    """A task at work; ``done`` and ``total`` are empty where it has not said how far it is."""

    id: int
    type_name: str
    about: str
    worker: str
    started_at: datetime | None
    done: int | None
    total: int | None


@dataclass(slots=True)
class WorkerFigures:
    """A worker: whether it was heard lately, its slots and how many are busy, its memory in bytes."""

    name: str
    alive: bool
    slots: int
    busy: int
    memory: int | None
    heard_at: datetime
    tasks: list[RunningTask] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Work:
    """What the ledger holds now."""

    running: int
    pending: int
    types: list[TypeFigures]
    further_types: int


@dataclass(frozen=True, slots=True)
class Failures:
    """Tasks that failed within a day and have not been retried."""

    number: int
    more: bool
    latest: list[Failure]


@dataclass(frozen=True, slots=True)
class Staff:
    """Who works: workers, processes, and the tasks in hand.

    Attributes:
        outside: tasks that outside workers hold, and how many such workers there are.
    """

    workers: list[WorkerFigures]
    dispatchers: list[Process]
    schedulers: list[Process]
    running: list[RunningTask]
    outside: tuple[int, int]

    @property
    def alive(self) -> list[WorkerFigures]:
        """The workers that were heard lately."""
        return [worker for worker in self.workers if worker.alive]

    @property
    def slots(self) -> int:
        """How many messages they can work on at once."""
        return sum(worker.slots for worker in self.alive)

    @property
    def busy(self) -> int:
        """How many they work on now."""
        return sum(worker.busy for worker in self.alive)


@dataclass(frozen=True, slots=True)
class Waiting:
    """The task that may run and has waited longest."""

    id: int
    type_name: str
    since: datetime


def work() -> Work:
    """Return how many tasks run and wait: sums of the tally, nothing is counted."""
    counts = tally.counts_by_type()
    active = [
        TypeFigures(name, states[State.RUNNING], states[State.PENDING])
        for name, states in counts.items()
        if states[State.RUNNING] or states[State.PENDING]
    ]
    active.sort(key=lambda one: (-one.running, -one.pending, one.name))
    return Work(
        running=sum(one.running for one in active),
        pending=sum(one.pending for one in active),
        types=active[:TYPES_SHOWN],
        further_types=max(0, len(active) - TYPES_SHOWN),
    )


def failures() -> Failures:
    """Return how many tasks failed within a day, and the latest of them."""
    failed = Task.objects.filter(status=State.FAILED, completed_at__gt=timezone.now() - DAY).order_by("-completed_at")
    number = failed.values("completed_at")[:FAILURES_COUNTED].count()
    columns = ("id", "type_name", "parameters", "error_message", "completed_at")
    latest = [
        Failure(pk, type_name, about(parameters), (error or "").strip(), ended_at)
        for pk, type_name, parameters, error, ended_at in failed.values_list(*columns)[:FAILURES_SHOWN]
        if ended_at is not None
    ]
    return Failures(number, number == FAILURES_COUNTED, latest)


def staff() -> Staff:
    """Return who works, and on what."""
    columns = ("id", "type_name", "parameters", "progress", "worker", "carrier", "task_type_id", "started_at")
    rows = list(Task.objects.filter(status=State.RUNNING).order_by("-id").values(*columns)[:RUNNING_READ])
    carriers = (
        Task.objects.filter(status=State.RUNNING, task_type__isnull=True)
        .order_by()
        .values_list("worker")
        .annotate(busy=Count("carrier", distinct=True))
    )
    busy = dict(carriers)
    workers = {
        worker.name: WorkerFigures(
            worker.name, alive, worker.slots, busy.get(worker.name, 0), worker.memory, worker.heartbeat_at
        )
        for worker, alive in known_workers(WORKERS_SHOWN)
    }
    tasks = [_running(row) for row in rows]
    for row, task in zip(rows, tasks, strict=True):
        if row["task_type_id"] is None and row["worker"] in workers:
            workers[row["worker"]].tasks.append(task)
    outside = [row["worker"] for row in rows if row["task_type_id"] is not None]
    return Staff(
        workers=list(workers.values()),
        dispatchers=live_processes(Role.DISPATCHER),
        schedulers=live_processes(Role.SCHEDULER),
        running=sorted(tasks, key=lambda task: (task.done is None, task.id))[:RUNNING_SHOWN],
        outside=(len(outside), len(set(outside))),
    )


def waiting() -> Waiting | None:
    """Return the task that has waited longest."""
    found = oldest_waiting()
    return Waiting(found[0].pk, found[0].type_name, found[1]) if found else None


def about(parameters: Any) -> str:
    """Return what a task is about in a few words: the parameters that a person knows it by."""
    if not isinstance(parameters, Mapping):
        return ""
    if "keyword" in parameters and "engine" in parameters:
        return f"{parameters['keyword']} × {parameters['engine']}"[:120]
    named = [
        f"{name.removesuffix('_id')} {value}"
        for name in ("name", "job_id", "run_id", "message")
        if isinstance(value := parameters.get(name), str | int)
    ]
    return ", ".join(named)[:120]


def says(type_name: str) -> str:
    """Return the sentence that a handler says about itself; empty for declared types."""
    handler = handlers.get(type_name)
    return handler.description if handler is not None else ""


def _running(row: Mapping[str, Any]) -> RunningTask:
    done, total = _share(row["progress"])
    return RunningTask(
        row["id"], row["type_name"], about(row["parameters"]), row["worker"], row["started_at"], done, total
    )


def _share(progress: Any) -> tuple[int | None, int | None]:
    """Return how much of how much a task has done, by what it reported."""
    if not isinstance(progress, Mapping):
        return None, None
    for done, total in (("images", "target"), ("done", "target"), ("done", "total")):
        if _number(progress.get(done)) and _number(progress.get(total)) and progress[total]:
            return min(int(progress[done]), int(progress[total])), int(progress[total])
    if _number(progress.get("percentage")):
        return min(100, int(progress["percentage"])), 100
    return None, None


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 10**12
