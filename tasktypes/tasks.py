"""The Celery side: one task per handler, under the handler's own name; a message names a row."""

from __future__ import annotations

import os
import threading
from typing import Any

import structlog
from celery import Celery, signals
from django.conf import settings
from django.db import DatabaseError, connection
from kombu import Queue

from tasktypes.handlers import Handler, handlers
from tasktypes.services.execute import run_message
from tasktypes.services.inspect import beat_worker, worker_stopped
from tasktypes.services.schedules import SUBMIT_SCHEDULED, submit_scheduled

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
    def run_schedule(name: str, handler_name: str) -> int | None:
        """Submit the task of a schedule that is due."""
        return submit_scheduled(name, handler_name)


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
        """Say goodbye."""
        self._stop.set()
        with self._lock:
            self._quietly(lambda: worker_stopped(self.name))

    def _run(self) -> None:
        first = True
        while True:
            with self._lock:
                if self._stop.is_set():
                    return
                done = self._quietly(
                    lambda first=first: beat_worker(
                        name=self.name, pid=os.getpid(), slots=self.slots, queues=self.queues, first=first
                    )
                )
            first = first and not done
            self._stop.wait(settings.PIXTASKS_WORKER_BEAT_SECONDS)

    def _quietly(self, call: Any) -> bool:
        try:
            call()
        except DatabaseError as error:
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


@signals.worker_shutting_down.connect
def _worker_shutting_down(sender: Any, **_: Any) -> None:
    for beat in _beats.values():
        beat.stop()
