"""The hourly examination: a task of the ledger, whose result says how the installation was."""

from __future__ import annotations

import logging
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pixtasks.accounts.models import User
from pixtasks.common.checkup import Level
from pixtasks.common.errors import AccessDenied
from pixtasks.doctor.examination import examine
from tasktypes.handlers import Context, Handler, register
from tasktypes.services.schedules import schedule

logger = logging.getLogger("pixtasks.doctor")


class DoctorParams(BaseModel):
    """How thoroughly."""

    model_config = ConfigDict(extra="forbid")

    deep: bool = Field(default=False, description="Look at everything, and read every file.")


@schedule("doctor", minute="53")
@register
class Doctor(Handler[DoctorParams]):
    """Goes through the checks of ``manage.py doctor`` and mends nothing."""

    name = "pixtasks.doctor"
    description = "Check database, broker, processes, counters and files; the result says what was found."
    Params = DoctorParams
    time_limit = 3600
    max_retries = 0

    def check_caller(self, params: DoctorParams, user: User) -> None:
        """It is about the whole installation: staff only."""
        if not user.is_staff:
            raise AccessDenied

    def run(self, params: DoctorParams, context: Context) -> dict[str, Any]:
        """Examine; log what is wrong, and return the whole report. What it finds does not fail the task."""

        def progress(title: str, done: int, total: int) -> None:
            context.check_cancelled()
            context.progress({"done": done, "target": total, "check": title})

        report = examine(deep=params.deep, progress=progress)
        for one in report.checks:
            if one.finding.level == Level.ERROR:
                logger.error("doctor: %s: %s", one.check.title, one.finding.message)
            elif one.finding.level == Level.WARNING:
                logger.warning("doctor: %s: %s", one.check.title, one.finding.message)
        return report.as_dict()
