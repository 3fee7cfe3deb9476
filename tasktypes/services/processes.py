"""Who dispatches and who keeps the schedule: each says so about every five seconds, as workers do."""

from __future__ import annotations

import logging
import os
import time
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from tasktypes.models import Process
from tasktypes.models.process import Role
from tasktypes.services.inspect import node_name

logger = logging.getLogger(__name__)

_LONGEST_ROUND = 5.0
"""Seconds; the scheduler sleeps so long where nothing is due."""


class Heartbeat:
    """Says for a loop that it goes round; call :meth:`beat` in every round.

    Args:
        role: what the loop does.
    """

    def __init__(self, role: Role) -> None:
        self.role = role
        self.name = node_name(role.value)
        self._beaten_at: float | None = None

    def beat(self) -> None:
        """Record that the loop goes round, at most once in PIXTASKS_WORKER_BEAT_SECONDS.

        Raises:
            DatabaseError: the database cannot be used.
        """
        now = time.monotonic()
        if self._beaten_at is not None and now - self._beaten_at < settings.PIXTASKS_WORKER_BEAT_SECONDS:
            return
        values = {"role": self.role, "pid": os.getpid(), "heartbeat_at": Now(), "stopped_at": None}
        if self._beaten_at is None or not Process.objects.filter(pk=self.name).update(**values):
            Process.objects.update_or_create(pk=self.name, defaults={**values, "started_at": Now()})
        self._beaten_at = now

    def beat_quietly(self) -> None:
        """Record it where the database answers; a loop must not end because nobody can be told that it lives."""
        try:
            self.beat()
        except (DatabaseError, InterfaceError, OSError) as error:
            logger.warning("heartbeat of %s failed: %s", self.name, error)
            connection.close()  # The next one asks a database that may be back.

    def stop(self) -> None:
        """Record that the loop has ended, where the database answers."""
        try:
            Process.objects.filter(pk=self.name, pid=os.getpid()).update(stopped_at=Now())
        except (DatabaseError, InterfaceError, OSError) as error:
            logger.warning("goodbye of %s failed: %s", self.name, error)


def live_processes(role: Role) -> list[Process]:
    """Return the processes of a role heard within four heartbeats, at least 20 s, that have not said goodbye."""
    silence = timedelta(seconds=4 * max(settings.PIXTASKS_WORKER_BEAT_SECONDS, _LONGEST_ROUND))
    return list(
        Process.objects.filter(role=role, heartbeat_at__gt=Now() - silence, stopped_at__isnull=True).order_by("name")
    )


def forget_processes() -> int:
    """Drop the rows of processes not heard for a day; return how many."""
    return Process.objects.filter(heartbeat_at__lt=Now() - timedelta(days=1)).delete()[0]
