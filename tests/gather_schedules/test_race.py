"""Several schedulers send at once: one slot becomes one task, and two minutes make one run at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connections
from django_celery_beat.models import PeriodicTask

from gather.models import GatherRun
from pixtasks.accounts.models import AuditEntry
from tasktypes.services import schedules
from tasktypes.services.schedules import submit_scheduled

pytestmark = pytest.mark.django_db(transaction=True)


def together(senders: int, work: Callable[[int], Any]) -> list[Any]:
    """Run ``work`` in so many threads that start at the same moment and return what each returned."""
    start = threading.Barrier(senders)
    answers: list[Any] = [None] * senders

    def run(number: int) -> None:
        try:
            start.wait(timeout=30)
            answers[number] = work(number)
        except BaseException as error:
            answers[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(senders)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return answers


def test_messages_of_one_minute_become_one_run(row: PeriodicTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "database_now", lambda: datetime(2026, 11, 21, 3, 0, 7, tzinfo=UTC))
    args, kwargs = json.loads(row.args), json.loads(row.kwargs)
    answers = together(6, lambda number: submit_scheduled(*args, **kwargs))
    assert [answer for answer in answers if answer is not None] == [GatherRun.objects.get().task_id]
    assert not AuditEntry.objects.filter(action="schedule.skipped").exists()


def test_messages_of_several_minutes_that_meet_become_one_run(
    row: PeriodicTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    minutes = iter(range(6))
    monkeypatch.setattr(schedules, "database_now", lambda: datetime(2026, 11, 21, 3, next(minutes), tzinfo=UTC))
    args, kwargs = json.loads(row.args), json.loads(row.kwargs)
    answers = together(6, lambda number: submit_scheduled(*args, **kwargs))
    assert [answer for answer in answers if answer is not None] == [GatherRun.objects.get().task_id]
    assert AuditEntry.objects.filter(action="schedule.skipped").count() == 5
