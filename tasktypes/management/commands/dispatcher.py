"""``manage.py dispatcher``: hands out what may run, and sweeps up after what died."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError, InterfaceError, connection
from kombu.exceptions import OperationalError as BrokerError

from pixtasks.common.stop_signals import Interrupted, StopSignals
from tasktypes.models.process import Role
from tasktypes.services import tally, throughput
from tasktypes.services.dispatch import dispatch
from tasktypes.services.processes import Heartbeat
from tasktypes.services.sweep import sweep

logger = logging.getLogger("pixtasks.dispatcher")

_SWEEP_SECONDS = 1.0
_FOLD_SECONDS = 10.0
_MOST_BACKOFF = 10.0


class Command(BaseCommand):
    """Runs until SIGTERM or SIGINT; several may run at once."""

    help = "Hand out tasks that may run now and take back those of lost workers, until stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--once``."""
        parser.add_argument("--once", action="store_true", help="do one pass and return")

    def handle(self, *args: Any, **options: Any) -> None:
        """Loop."""
        if options["once"]:
            swept, sent = sweep(), dispatch()
            self.stdout.write(f"swept {swept.lost} lost, {swept.cancelled} cancelled; sent {sent}")
            return
        logger.info("dispatcher started, tick %.2g s", settings.PIXTASKS_DISPATCH_TICK_SECONDS)
        heartbeat = Heartbeat(Role.DISPATCHER)
        with StopSignals() as stop, suppress(Interrupted):
            run_until(stop, heartbeat)
        heartbeat.stop()
        connection.close()
        logger.info("dispatcher stopped")


def run_until(stop: StopSignals, heartbeat: Heartbeat) -> None:
    """Sweep and dispatch until asked to stop; a database or broker that is down is waited for.

    Args:
        stop: tells when.
        heartbeat: is told of every round that came to its end.

    Raises:
        Interrupted: somebody asked to stop.
    """
    swept_at = folded_at = 0.0
    backoff = 0.0
    while True:
        try:
            if time.monotonic() - swept_at >= _SWEEP_SECONDS:
                swept = sweep()
                swept_at = time.monotonic()
                if swept.lost or swept.cancelled or swept.strays:
                    logger.warning(
                        "took back %d of lost workers, closed %d overdue cancels and %d strays",
                        swept.lost, swept.cancelled, swept.strays,
                    )  # fmt: skip
            if swept_at - folded_at >= _FOLD_SECONDS:
                tally.fold()
                throughput.fold()
                folded_at = swept_at
            dispatch()
            heartbeat.beat()
            backoff = 0.0
        except (DatabaseError, InterfaceError, BrokerError, OSError) as error:
            backoff = min(_MOST_BACKOFF, (backoff or 0.5) * 2)
            logger.error("dispatcher waits %.1f s: %s", backoff, error)
            connection.close()
        stop.pause(backoff or settings.PIXTASKS_DISPATCH_TICK_SECONDS)
