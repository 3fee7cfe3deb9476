"""The naive control: a plain Celery task with late acknowledgement and ``F()`` increments, as many are written."""

from __future__ import annotations

import time

from celery import shared_task
from django.db.models import F

from tests.faults.work.models import NaiveCount

NAME = "faults.naive"


@shared_task(name=NAME, acks_late=True, reject_on_worker_lost=True)
def count(name: str, items: int, pause: float) -> None:
    """Add one to a counter for every item."""
    for _ in range(items):
        time.sleep(pause)
        NaiveCount.objects.filter(name=name).update(value=F("value") + 1)
    NaiveCount.objects.filter(name=name).update(finished=F("finished") + 1)
