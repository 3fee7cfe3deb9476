"""What the Celery workers do now: asked of them within a second in total, completed by what the ledger knows (C06)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from celery import current_app
from django.db.models import QuerySet
from django.db.models.functions import Now

from pixtasks.accounts.models import User
from pixtasks.common.broker import check_broker
from pixtasks.common.errors import Unavailable
from tasktypes.handlers import handlers
from tasktypes.models import Task, Worker
from tasktypes.services.access import tasks_of
from tasktypes.services.inspect import live_workers
from tasktypes.services.lanes import owner_of, waiting_lanes
from tasktypes.states import State

logger = logging.getLogger(__name__)

SECONDS = 1.0
"""The longest wait for broker and workers together."""
LEDGER = "ledger"
"""Under this name stands what waits for its time in the ledger: no worker holds it."""
_MOST = 100
_MOST_LANES = 50
_QUESTIONS = ("active", "scheduled", "registered", "stats")
_TOLD = ("clock", "pid", "pool", "prefetch_count", "rusage", "total", "uptime")

# Threads of a call that was given up end with it, at the latest with the broker's own time limit.
_threads = ThreadPoolExecutor(2 * len(_QUESTIONS), thread_name_prefix="celery-inspect")


@dataclass(frozen=True, slots=True)
class CeleryStats:
    """By worker: running tasks and tasks that wait for their time, what it can run, its figures."""

    active_tasks: dict[str, list[dict[str, Any]]]
    scheduled_tasks: dict[str, list[dict[str, Any]]]
    registered_tasks: list[str]
    worker_stats: dict[str, dict[str, Any]]


def celery_stats(user: User) -> CeleryStats:
    """Return what the workers do; without a live worker everything is empty.

    Only staff see tasks that are not theirs (CONTRACT X07). Lists of tasks hold a hundred entries at most.
    """
    workers = live_workers()
    if not workers:
        return CeleryStats({}, {}, [], {})
    answers = ask([worker.name for worker in workers])
    names = sorted({worker.name for worker in workers} | set(answers["stats"]))
    return CeleryStats(
        active_tasks=_active(user, names, answers["active"]),
        scheduled_tasks=_scheduled(user, names, answers["scheduled"]),
        registered_tasks=_registered(answers["registered"]),
        worker_stats=_figures(workers, answers["stats"]),
    )


def ask(workers: list[str]) -> dict[str, dict[str, Any]]:
    """Ask all live workers everything at the same time; return the answers that came within ``SECONDS``.

    Args:
        workers: as soon as so many have answered, nobody waits for more.
    """
    deadline = time.monotonic() + SECONDS
    found: dict[str, dict[str, Any]] = {question: {} for question in _QUESTIONS}
    try:
        check_broker(seconds=SECONDS / 2)
    except Unavailable as error:
        logger.warning("workers not asked: %s", error)
        return found
    left = deadline - time.monotonic()
    inspect = current_app.control.inspect(timeout=left, limit=len(workers))
    calls: dict[Future[Any], str] = {_threads.submit(getattr(inspect, question)): question for question in _QUESTIONS}
    done, late = wait(calls, timeout=left)
    for call in late:
        call.cancel()
    for call in done:
        failure = call.exception()  # Whatever the transport raised: the answer is only missing.
        if failure is None:
            found[calls[call]] = call.result() or {}
        else:
            logger.warning("workers not asked: %s", failure)
    return found


def _active(user: User, workers: list[str], answers: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    shown: dict[str, list[dict[str, Any]]] = {name: [] for name in workers}
    running = tasks_of(user).filter(status=State.RUNNING, task_type__isnull=True, worker__in=workers)
    for task in running.order_by("id")[:_MOST]:
        shown[task.worker].append(_task(task))
    return _with_plain(user, shown, answers, _plain_active)


def _scheduled(user: User, workers: list[str], answers: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    shown = _with_plain(user, {name: [] for name in workers}, answers, _plain_scheduled)
    shown[LEDGER] = [_task(task) for task in _waiting_for_their_time(user)]
    return shown


def _waiting_for_their_time(user: User) -> list[Task]:
    """Return the next tasks that are scheduled or wait for their retry, the first one first.

    It goes from lane to lane, so that a million rows that may run at once are not looked at.
    """
    lanes = [lane for names in waiting_lanes().values() for lane in names]
    if not user.is_staff:
        lanes = [lane for lane in lanes if owner_of(lane) == user.pk]
    pending: QuerySet[Task] = Task.objects.filter(status=State.PENDING, due_at__gt=Now(), published_at__isnull=True)
    found = [task for lane in lanes[:_MOST_LANES] for task in pending.filter(lane=lane).order_by("due_at")[:_MOST]]
    return sorted(found, key=lambda task: (task.due_at, task.pk))[:_MOST]


def _task(task: Task) -> dict[str, Any]:
    return {
        "id": task.celery_id if task.status == State.PENDING else task.carrier,
        "task_id": task.public_id,
        "name": task.type_name,
        "priority": task.priority,
        "attempts": task.attempt,
        "eta": task.due_at,
        "time_start": task.started_at if task.status == State.RUNNING else None,
    }


def _with_plain(
    user: User,
    shown: dict[str, list[dict[str, Any]]],
    answers: dict[str, Any],
    render: Callable[[dict[str, Any]], dict[str, Any]],
) -> dict[str, list[dict[str, Any]]]:
    """Add what plain Celery code has sent: it has no owner, so only staff see it."""
    if user.is_staff:
        for worker, items in sorted(answers.items()):
            rows = [render(item) for item in items]
            shown.setdefault(worker, []).extend([row for row in rows if row["name"] not in handlers][:_MOST])
    return shown


def _plain_active(item: dict[str, Any]) -> dict[str, Any]:
    started = item.get("time_start")
    return {
        "id": item.get("id"),
        "task_id": item.get("id"),
        "name": item.get("name"),
        "priority": None,
        "attempts": None,
        "eta": None,
        "time_start": datetime.fromtimestamp(started, UTC) if started else None,
    }


def _plain_scheduled(item: dict[str, Any]) -> dict[str, Any]:
    return {**_plain_active({**item.get("request", {}), "time_start": None}), "eta": item.get("eta")}


def _registered(answers: dict[str, list[str]]) -> list[str]:
    """Return what the workers say they can run; where none has answered, what this process would give them."""
    told = {name.partition(" [")[0] for names in answers.values() for name in names}
    return sorted(told) if told else handlers.names()


def _figures(workers: list[Worker], answers: dict[str, Any]) -> dict[str, dict[str, Any]]:
    figures: dict[str, dict[str, Any]] = {
        worker.name: {
            "pid": worker.pid,
            "slots": worker.slots,
            "queues": worker.queues,
            "started_at": worker.started_at,
            "heartbeat_at": worker.heartbeat_at,
            "answered": worker.name in answers,
        }
        for worker in workers
    }
    for name, told in answers.items():
        # Not what it says of its broker: names and options of servers are nobody's business here.
        figures.setdefault(name, {"answered": True}).update({key: told[key] for key in _TOLD if key in told})
    return dict(sorted(figures.items()))
