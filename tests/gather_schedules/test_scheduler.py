"""Beat writes what is due into the ledger itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from gather.models import GatherRun
from pixtasks.celery import app
from tasktypes.scheduler import LedgerScheduler
from tasktypes.states import State

MakeScheduler = Callable[[Celery], LedgerScheduler]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def lonely_app() -> Celery:
    """An application whose broker does not exist: every message would fail."""
    alone = Celery("alone", broker="redis://127.0.0.1:1/0")
    alone.conf.update(broker_connection_retry=False, broker_connection_max_retries=0, timezone="UTC", enable_utc=True)
    return alone


@pytest.fixture
def scheduler_of() -> Iterator[MakeScheduler]:
    """A function that makes a scheduler, which forgets at the end that it wanted to write when the process ends."""
    made = []

    def make(application: Celery) -> LedgerScheduler:
        made.append(LedgerScheduler(app=application))
        return made[-1]

    yield make
    for scheduler in made:
        scheduler._finalize.cancel()


def make_due(row: PeriodicTask) -> None:
    """Make a row due: it has not run for a day, and its time is every minute."""
    row.crontab.minute = row.crontab.hour = row.crontab.day_of_week = "*"
    row.crontab.save()
    PeriodicTask.objects.exclude(pk=row.pk).update(enabled=False)
    row.last_run_at = timezone.now() - timedelta(days=1)
    row.save()


def ticked(scheduler: LedgerScheduler) -> None:
    """Let the scheduler do everything that is due now."""
    for _ in range(20):
        if scheduler.tick() > 0:
            return


def test_a_due_schedule_becomes_a_run_though_no_broker_answers(
    row: PeriodicTask, lonely_app: Celery, scheduler_of: MakeScheduler
) -> None:
    make_due(row)
    ticked(scheduler_of(lonely_app))
    run = GatherRun.objects.select_related("task").get()
    assert run.schedule == row.name
    assert run.task.status == State.PENDING


def test_two_schedulers_make_one_run_of_a_slot(
    row: PeriodicTask, lonely_app: Celery, scheduler_of: MakeScheduler
) -> None:
    make_due(row)
    schedulers = [scheduler_of(lonely_app) for _ in range(2)]
    for scheduler in schedulers:
        ticked(scheduler)
    assert GatherRun.objects.count() == 1


def test_another_celery_task_is_sent_as_ever(
    row: PeriodicTask, monkeypatch: pytest.MonkeyPatch, scheduler_of: MakeScheduler
) -> None:
    make_due(row)
    PeriodicTask.objects.filter(pk=row.pk).update(task="somebody.elses", args="[1]", kwargs="{}")
    sent: list[Any] = []
    monkeypatch.setattr(Celery, "send_task", lambda self, name, *args, **options: sent.append((name, args[0])))
    ticked(scheduler_of(app))
    assert sent == [("somebody.elses", [1])]
