"""The Celery side: one task per handler, under the handler's own name; a message names a row."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from celery import Celery, signals
from django.conf import settings
from django.db import connection
from kombu import Queue

from pixtasks.common.memory import memory_of
from tasktypes.handlers import Handler, handlers
from tasktypes.services.execute import run_message
from tasktypes.services.inspect import beat_worker, worker_stopped
from tasktypes.services.schedules import SUBMIT_SCHEDULED, submit_scheduled
from tasktypes.services.stopping import stop_notice

logger = structlog.get_logger(__name__)


def register(app: Celery) -> None:
    """Declare the queues and give the application one task per handler.

    Args:
        app: the Celery application; Django must be set up, so that all handlers are registered.
    """
    names = sorted({handler.queue for handler in handlers} | {app.conf.task_default_queue})
    app.conf.task_queues = [Queue(name, routing_key=name) for name in names]
    for handler in handlers:
        _register_handler(app, handler)

    @app.task(name=SUBMIT_SCHEDULED)
    def run_schedule(
        name: str, handler_name: str, parameters: dict[str, Any] | None = None, owner_id: int | None = None
    ) -> int | None:
        """Submit the task of a schedule that is due."""
        return submit_scheduled(name, handler_name, parameters, owner_id)


def _register_handler(app: Celery, handler: Handler[Any]) -> None:
    @app.task(name=handler.name, bind=True)
    def run(self: Any, task_id: int, attempt: int) -> int:
        """Run the row that this message names, if the ledger agrees."""
        with structlog.contextvars.bound_contextvars(task=task_id, attempt=attempt, handler=handler.name):
            return run_message(
                handler.name,
                task_id,
                attempt,
                worker=self.request.hostname or "",
                carrier=self.request.id or "",
            )


class WorkerBeat:
    """Says from a worker's main process that it is alive.

    It is a thread, and the process forks pool children: a lock held around each database call keeps a fork from
    copying a half-used connection or a library's locked mutex into a child.
    """

    def __init__(self, name: str, slots: int, queues: list[str]) -> None:
        self.name = name
        self.slots = slots
        self.queues = queues
        self._lock = threading.Lock()
        self._stop = threading.Event()
        os.register_at_fork(
            before=self._lock.acquire, after_in_parent=self._lock.release, after_in_child=self._lock.release
        )

    def start(self) -> None:
        """Beat now and then every PIXTASKS_WORKER_BEAT_SECONDS."""
        threading.Thread(target=self._run, name="worker-beat", daemon=True).start()

    def stop(self) -> None:
        """Have the thread say goodbye (called from a signal handler: it only sets a flag)."""
        self._stop.set()

    def _run(self) -> None:
        first = True
        while not self._stop.is_set():
            first = not self._quietly(partial(self._beat, first=first)) and first
            self._stop.wait(settings.PIXTASKS_WORKER_BEAT_SECONDS)
        self._quietly(partial(worker_stopped, self.name))

    def _beat(self, *, first: bool) -> None:
        pid = os.getpid()
        beat_worker(name=self.name, pid=pid, slots=self.slots, queues=self.queues, memory=memory_of(pid), first=first)

    def _quietly(self, call: Callable[[], None]) -> bool:
        with self._lock:
            try:
                call()
            except Exception as error:  # noqa: BLE001 -- a worker whose beat has ended looks dead and gets no work
                logger.warning("worker beat failed", error=str(error))
                return False
            finally:
                connection.close()
            return True


_beats: dict[str, WorkerBeat] = {}


@signals.worker_ready.connect
def _worker_ready(sender: Any, **_: Any) -> None:
    worker = sender.controller if hasattr(sender, "controller") else sender
    queues = [str(queue) for queue in worker.app.amqp.queues.consume_from]
    beat = _beats[sender.hostname] = WorkerBeat(sender.hostname, int(worker.concurrency), queues)
    beat.start()


@signals.worker_process_init.connect
def _pool_child_starts(**_: Any) -> None:
    """Bound a child's memory: decoding a picture must not take the machine down (RELIABILITY.md, Images)."""
    limit: int = settings.PIXTASKS_WORKER_MEMORY_LIMIT_MB * 1_000_000
    if limit:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


@signals.worker_shutting_down.connect
def _worker_shutting_down(**_: Any) -> None:
    stop_notice.give()
    for beat in _beats.values():
        beat.stop()
