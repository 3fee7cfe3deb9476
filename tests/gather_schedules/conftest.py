"""What the tests of schedules share: a project, and a minute that is not the same again."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django_celery_beat.models import PeriodicTask

from gather.services.schedules import schedule_gather
from jobs.models import Project
from tasktypes.models import ScheduledSlot
from tasktypes.services.schedules import submit_scheduled
from tests import factories

Tick = Callable[[PeriodicTask], int | None]


@pytest.fixture
def project(db: None) -> Project:
    return factories.project(name="Office machines")


@pytest.fixture
def row(project: Project) -> PeriodicTask:
    """A schedule of that project."""
    return schedule_gather(project, cron="0 3 * * mon", count=2, options={"engines": ["sample"]}).row


@pytest.fixture
def tick() -> Tick:
    """Do what a worker does with the scheduler's message, as if it were a minute that nobody has taken."""

    def run(row: PeriodicTask) -> int | None:
        import json

        ScheduledSlot.objects.all().delete()
        return submit_scheduled(*json.loads(row.args), **json.loads(row.kwargs))

    return run
