"""A running task's context on the ledger: fenced checkpoints, and the heartbeat that keeps the lease."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from pixtasks.common.crash_points import crash_point
from pixtasks.common.sql import update_returning
from tasktypes.handlers import Claimed, LeaseLost, TaskCancelled, TimeLimitPassed, WorkerStopping
from tasktypes.models import Task, TaskEvent
from tasktypes.services.claim import lease, renew
from tasktypes.services.stopping import stop_notice
from tasktypes.states import EventType, State
from tasktypes.webhooks.services.audience import ProgressAudience
from tasktypes.webhooks.services.events import tell_progress

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 1.0
"""A handler needs no more than one checkpoint a second."""


class LeasedContext:
    """The :class:`tasktypes.handlers.Context` of a row that this process has claimed."""

    def __init__(self, task: Claimed, *, time_limit: float) -> None:
        self.task = task
        self._audience = ProgressAudience(task)
        self._deadline = time.monotonic() + time_limit
        self._time_limit = time_limit
        self._checkpointed = time.monotonic()
        self._cancelled = threading.Event()
        self._lost = threading.Event()

    @property
    def checkpoint_due(self) -> bool:
        """Whether the last checkpoint is at least a second ago."""
        return time.monotonic() - self._checkpointed >= CHECKPOINT_SECONDS

    @property
    def overtime(self) -> bool:
        """Whether the attempt has used up its handler's time limit."""
        return time.monotonic() > self._deadline

    def check_cancelled(self) -> None:
        """Stop here if there is a reason to, by what the heartbeat and the last checkpoint heard."""
        if self._lost.is_set():
            raise LeaseLost
        if self._cancelled.is_set():
            raise TaskCancelled
        if stop_notice.overdue:
            raise WorkerStopping
        if self.overtime:
            raise TimeLimitPassed(f"ran longer than its limit of {self._time_limit:g} s")

    def checkpoint(self, *, progress: dict[str, Any] | None = None, state: dict[str, Any] | None = None) -> None:
        """Store progress and state, renew the lease, read the cancel mark: one fenced UPDATE and one event."""
        with transaction.atomic():
            row = self._fenced(self._signs_of_life(progress, state))
            self._tell(row, progress)
            crash_point("checkpoint.before_commit")
        self._after(row)

    def store(self, write: Callable[[], tuple[dict[str, Any], dict[str, Any]]]) -> None:
        """Insert results between the fence and the commit."""
        with transaction.atomic():
            # The fence comes first: it holds the row, so that nobody settles it between the inserts and the commit.
            self._fenced({"updated_at": Now()})
            progress, state = write()
            row = self._fenced(self._signs_of_life(progress, state))
            self._tell(row, progress)
            crash_point("checkpoint.before_commit")
        self._after(row)

    def progress(self, progress: dict[str, Any]) -> None:
        """Report progress, at most once a second; in between it only looks for a reason to stop."""
        if self.checkpoint_due:
            self.checkpoint(progress=progress)
        else:
            self.check_cancelled()

    def _signs_of_life(self, progress: dict[str, Any] | None, state: dict[str, Any] | None) -> dict[str, Any]:
        changes: dict[str, Any] = {"lease_expires_at": Now() + lease(), "crashes": 0, "updated_at": Now()}
        if progress is not None:
            changes |= {"progress": progress, "event_seq": F("event_seq") + 1}
        if state is not None:
            changes["state"] = state
        return changes

    def _tell(self, row: dict[str, Any], progress: dict[str, Any] | None) -> None:
        if progress is not None:
            TaskEvent.objects.create(
                task_id=row["id"],
                seq=row["event_seq"],
                type=EventType.PROGRESS,
                data=progress,
                created_at=row["updated_at"],
            )
            tell_progress(self._audience, progress, row["event_seq"])

    def _after(self, row: dict[str, Any]) -> None:
        crash_point("checkpoint.after_commit")
        self._checkpointed = time.monotonic()
        if row["cancel_requested_at"] is not None:
            self._cancelled.set()
            raise TaskCancelled

    def _fenced(self, changes: dict[str, Any]) -> dict[str, Any]:
        won = update_returning(
            Task.objects.filter(pk=self.task.id, status=State.RUNNING, attempt=self.task.attempt),
            changes,
            ["id", "event_seq", "updated_at", "cancel_requested_at"],
        )
        if not won:
            self._lost.set()
            raise LeaseLost
        return won[0]

    def _heard(self, cancel: bool | None) -> None:
        """Take in what the heartbeat read: None = the row is no longer ours."""
        if cancel is None:
            self._lost.set()
        elif cancel:
            self._cancelled.set()


class Heartbeat:
    """Renews the leases of the rows that a message holds, from a thread that ends with them.

    A row past its time limit is renewed no more: should its handler hang where nothing can interrupt it, the sweeper
    takes the row away as soon as the lease is over.
    """

    def __init__(self) -> None:
        self._contexts: dict[int, LeasedContext] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Heartbeat:
        self._thread = threading.Thread(target=self._run, name="lease-heartbeat", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def hold(self, contexts: list[LeasedContext]) -> None:
        """Keep these rows alive from now on, and only these."""
        with self._lock:
            self._contexts = {context.task.id: context for context in contexts}

    def drop(self, context: LeasedContext) -> None:
        """Stop renewing one row."""
        with self._lock:
            self._contexts.pop(context.task.id, None)

    def _run(self) -> None:
        used = False
        while not self._stop.wait(settings.PIXTASKS_HEARTBEAT_SECONDS):
            with self._lock:
                contexts = [context for context in self._contexts.values() if not context.overtime]
            if not contexts:
                continue
            try:
                used = True
                kept = renew([context.task for context in contexts])
            except (DatabaseError, InterfaceError, OSError) as error:
                logger.warning("lease not renewed, trying again: %s", error)
                connection.close()
                continue
            for context in contexts:
                context._heard(kept.get(context.task.id))
        if used:
            connection.close()
