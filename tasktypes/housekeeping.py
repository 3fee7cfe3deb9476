"""The ledger looks after itself, once an hour."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import BaseModel, ConfigDict

from pixtasks.accounts.models import User
from pixtasks.common.errors import AccessDenied
from tasktypes.handlers import Context, Handler, register
from tasktypes.services import throughput
from tasktypes.services.audit import counter_mismatches, forget_slots
from tasktypes.services.processes import forget_processes
from tasktypes.services.schedules import schedule
from tasktypes.services.sweep import forget_workers
from tasktypes.webhooks.services.deliveries import forget_deliveries

logger = logging.getLogger(__name__)


class NoParams(BaseModel):
    """Takes nothing."""

    model_config = ConfigDict(extra="forbid")


@schedule("ledger housekeeping", minute="17")
@register
class Housekeeping(Handler[NoParams]):
    """Compares every open group's counters with its tasks, and drops rows that no longer mean anything."""

    name = "tasktypes.housekeeping"
    description = "Audit the counters of task groups; forget old workers, schedule slots and webhook deliveries."
    Params = NoParams
    time_limit = 600

    def check_caller(self, params: NoParams, user: User) -> None:
        """It is about everybody's tasks: staff only."""
        if not user.is_staff:
            raise AccessDenied

    def run(self, params: NoParams, context: Context) -> dict[str, Any]:
        """Return what was found and dropped; each mismatch is logged as an error."""
        mismatches = counter_mismatches()
        for mismatch in mismatches:
            logger.error("group %(group)s: counters say %(counters)s, its tasks say %(tasks)s", mismatch)
        return {
            "counter_mismatches": mismatches,
            "workers_forgotten": forget_workers(),
            "processes_forgotten": forget_processes(),
            "slots_forgotten": forget_slots(),
            "throughput_forgotten": throughput.forget(),
            "deliveries_forgotten": forget_deliveries(),
        }
