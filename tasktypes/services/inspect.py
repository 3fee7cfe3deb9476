"""Who is alive, and how much room there is."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db.models import BooleanField, Count, ExpressionWrapper, Q
from django.db.models.functions import Now

from tasktypes.handlers import handlers
from tasktypes.models import Task, Worker
from tasktypes.states import State


def live_workers() -> list[Worker]:
    """Return the workers heard within the last four heartbeats that have not said goodbye."""
    return list(Worker.objects.filter(heartbeat_at__gt=Now() - _silence(), stopped_at__isnull=True).order_by("name"))


def known_workers(limit: int) -> list[tuple[Worker, bool]]:
    """Return at most ``limit`` workers that have not said goodbye and whether each is alive, the silent ones last."""
    alive = ExpressionWrapper(Q(heartbeat_at__gt=Now() - _silence()), output_field=BooleanField())
    workers = Worker.objects.filter(stopped_at__isnull=True).annotate(alive=alive)
    return [(worker, worker.alive) for worker in workers.order_by("-alive", "name")[:limit]]


def _silence() -> timedelta:
    return timedelta(seconds=4 * settings.PIXTASKS_WORKER_BEAT_SECONDS)


def beat_worker(
    *, name: str, pid: int, slots: int, queues: Sequence[str], memory: int | None = None, first: bool = False
) -> None:
    """Record that a worker is alive.

    Args:
        name: Celery's node name, ``name@host``.
        slots: how many messages it works on at once.
        memory: bytes that it and its pool hold.
        first: it has just started.
    """
    values = {
        "pid": pid,
        "slots": slots,
        "queues": list(queues),
        "memory": memory,
        "heartbeat_at": Now(),
        "stopped_at": None,
    }
    if not first and Worker.objects.filter(pk=name).update(**values):
        return
    Worker.objects.update_or_create(pk=name, defaults={**values, "started_at": Now()})


def worker_stopped(name: str) -> None:
    """Record that a worker has said goodbye, so that nothing is handed out for it any more."""
    Worker.objects.filter(pk=name).update(stopped_at=Now())


@dataclass(slots=True)
class FreeSlots:
    """Free worker slots: over all, and per queue."""

    total: int
    queues: dict[str, int]

    def take(self, queue: str) -> bool:
        """Use one slot of a queue; say whether there was one."""
        if self.total <= 0 or self.queues.get(queue, 0) <= 0:
            return False
        self.total -= 1
        self.queues[queue] -= 1
        return True


def free_slots() -> FreeSlots:
    """Return live slots minus messages that are being worked on or not yet answered.

    A worker runs several short rows under one message, therefore running rows count by their carrier. A message that
    was not answered until its row became due again counts no more: were it lost, it would hold its slot for ever, and
    as many lost ones as there are slots would stop everything.
    """
    workers = live_workers()
    if not workers:
        return FreeSlots(0, {})
    queues: dict[str, int] = {}
    for worker in workers:
        for queue in worker.queues:
            queues[queue] = queues.get(queue, 0) + worker.slots
    handled = Task.objects.filter(task_type__isnull=True)
    busy = list(
        handled.filter(status=State.RUNNING).values_list("type_name").annotate(Count("carrier", distinct=True))
    ) + list(
        handled.filter(status=State.PENDING, published_at__isnull=False, due_at__gt=Now())
        .values_list("type_name")
        .annotate(Count("id"))
    )
    total = sum(worker.slots for worker in workers)
    for type_name, count in busy:
        handler = handlers.get(type_name)
        total -= count
        if handler is not None and handler.queue in queues:
            queues[handler.queue] -= count
    return FreeSlots(total, queues)


def node_name(prefix: str) -> str:
    """Return a process's name for logs and rows: ``prefix@host``."""
    return f"{prefix}@{socket.gethostname()}"
