"""Many workers claim at once over HTTP: each task is handed out exactly once (CONTRACT X36)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from pytest_django import Settings

from pixtasks.accounts.services.users import local_user
from tasktypes.models import Task, TaskEvent
from tasktypes.services import tally
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.task_types import register_type
from tasktypes.states import State
from tests.api_registry.conftest import TASKS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def unlimited(settings: Settings) -> None:
    """All claimers are one caller here."""
    rates = dict.fromkeys(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "")
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}


def insert(number: int) -> None:
    owner = local_user()
    task_type = register_type(creator=owner, name="race")
    for start in range(0, number, 5000):
        submit([NewTask(type_name="race", task_type=task_type)] * min(5000, number - start), owner_id=owner.pk)


def together(claimers: int, work: Callable[[int], None]) -> None:
    """Run ``work`` in so many threads that start at the same moment; re-raise what one of them raised."""
    start, faults = threading.Barrier(claimers), []

    def run(number: int) -> None:
        try:
            start.wait(timeout=30)
            work(number)
        except BaseException as error:
            faults.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(claimers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert not any(thread.is_alive() for thread in threads)
    if faults:
        raise faults[0]


def race(claimers: int, tasks: int, limit: int) -> None:
    """Let claimers take everything; check that each task was handed out once, to one worker, with one event."""
    insert(tasks)
    taken: list[tuple[int, int]] = []

    def work(number: int) -> None:
        client = Client()
        empty = 0
        # A claimer may find nothing while others hold the last rows locked: it looks once more.
        while empty < 2:
            response = client.post(
                f"{TASKS}/claim", {"worker": f"w{number}", "limit": limit}, content_type="application/json"
            )
            assert response.status_code == 200, response.content
            rows = response.json()
            empty = 0 if rows else empty + 1
            taken.extend((row["id"], row["attempt"]) for row in rows)

    together(claimers, work)
    repeated = [key for key, times in Counter(taken).items() if times > 1]
    assert (repeated, len(taken)) == ([], tasks)
    assert not Task.objects.exclude(status=State.RUNNING, attempt=1).exists()
    assert TaskEvent.objects.filter(type="started").count() == tasks
    assert tally.counts()[State.RUNNING] == tasks


def test_eight_claimers_never_get_the_same_task(unlimited: None) -> None:
    race(claimers=8, tasks=200, limit=1)


def test_four_claimers_take_two_thousand_tasks(unlimited: None) -> None:
    race(claimers=4, tasks=2000, limit=20)


@pytest.mark.services
def test_sixteen_claimers_take_twenty_thousand_tasks(unlimited: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL only")
    race(claimers=16, tasks=20_000, limit=50)


def test_of_workers_that_end_one_attempt_at_once_one_is_heard(unlimited: None, claim: Any) -> None:
    """complete and fail of the same lease, in the same moment: the task ends once, and the loser hears of it."""
    insert(1)
    (task,) = claim()
    lease = {"attempt": task["attempt"], "lease_token": task["lease_token"]}
    answers: list[tuple[str, int]] = []

    def work(number: int) -> None:
        word, more = ("complete", {}) if number % 2 else ("fail", {"error_message": "no"})
        response = Client().post(f"{TASKS}/{task['id']}/{word}", {**lease, **more}, content_type="application/json")
        answers.append((word, response.status_code))

    together(8, work)
    winners = {word for word, status in answers if status == 200}
    assert len(winners) == 1
    assert {status for word, status in answers if word not in winners} == {409}
    ended = Task.objects.get(pk=task["id"]).status
    assert ended == {"complete": State.COMPLETED, "fail": State.FAILED}[winners.pop()]
    assert TaskEvent.objects.filter(task_id=task["id"], type__in=["completed", "failed"]).count() == 1
