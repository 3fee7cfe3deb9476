"""Beat's scheduler: what is due becomes a row of the ledger at once, without a message in between.

Beat as it comes sends a message for each due entry; a slot whose message finds no broker is lost. Here the scheduler
itself inserts the task, so a slot needs the database alone, and the dispatcher delivers it once the broker is back.
Entries of other Celery tasks, which an operator may have added, are sent as ever.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from celery.beat import SchedulingError
from django.db import DatabaseError, InterfaceError, connection
from django_celery_beat.schedulers import DatabaseScheduler

from tasktypes.models.process import Role
from tasktypes.services.processes import Heartbeat
from tasktypes.services.schedules import SUBMIT_SCHEDULED, submit_scheduled

logger = logging.getLogger(__name__)

_PATIENCE = 60
"""Tries, a second apart, while the database does not answer; beat could do nothing else meanwhile."""


class LedgerScheduler(DatabaseScheduler):
    """Submits the entries of the ledger's schedules itself, and says that it goes round."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._heartbeat = Heartbeat(Role.SCHEDULER)

    @property
    def producer(self) -> None:
        """None: whoever sends a message takes a connection then; asking for one here would wait for the broker."""
        return None

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """Submit what is due, and return the seconds until the next look."""
        self._heartbeat.beat_quietly()
        seconds: float = super().tick(*args, **kwargs)
        return seconds

    def close(self) -> None:
        """Store the times of the last runs, and say goodbye."""
        super().close()
        self._heartbeat.stop()

    def apply_async(self, entry: Any, producer: Any = None, advance: bool = True, **options: Any) -> Any:
        """Submit a due entry.

        Raises:
            SchedulingError: it could not be submitted; beat logs it and goes on.
        """
        if entry.task != SUBMIT_SCHEDULED:
            return super().apply_async(entry, producer=producer, advance=advance, **options)
        if advance:
            self.reserve(entry)
        try:
            return _submit_patiently(entry)
        except Exception as error:
            raise SchedulingError(f"Couldn't submit {entry.name}: {error}") from error
        finally:
            self._tasks_since_sync += 1
            if self.should_sync():
                self._do_sync()


def _submit_patiently(entry: Any) -> int | None:
    for left in range(_PATIENCE, -1, -1):
        try:
            return submit_scheduled(*entry.args, **entry.kwargs)
        except (DatabaseError, InterfaceError, OSError) as error:
            connection.close()
            if not left:
                raise
            logger.warning("schedule %s waits for the database: %s", entry.name, error)
            time.sleep(1)
    return None
