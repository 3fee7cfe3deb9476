"""Dispatch: what is marked and sent, and for how many slots."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from celery import current_app
from django.db.models import F
from kombu import Connection

from pixtasks.accounts.models import User
from pixtasks.common.sql import database_now
from tasktypes.models import Task, Worker
from tasktypes.services.claim import claim
from tasktypes.services.dispatch import choose, dispatch, ring_again_after
from tasktypes.services.inspect import free_slots, live_workers, worker_stopped
from tasktypes.services.submit import NewTask, submit
from tests.ledger import live_worker
from tests.tasktypes.conftest import Echo


def put(owner: User, count: int) -> list[Task]:
    return submit(
        [NewTask(type_name="tests.echo", parameters={"message": str(n)}) for n in range(count)], owner_id=owner.pk
    )


@pytest.fixture
def broker(settings: object) -> Iterator[Connection]:
    """Drops what the real broker (files or Redis) holds in the default queue, and gives a connection to it."""
    with current_app.connection_for_write() as connection:
        connection.default_channel.queue_declare("default", durable=True)
        connection.default_channel.queue_purge("default")
        yield connection
        connection.default_channel.queue_purge("default")


def test_nothing_is_handed_out_while_no_worker_lives(echo: Echo, ann: User) -> None:
    put(ann, 2)
    assert choose() == []


def test_no_more_is_handed_out_than_there_are_free_slots(echo: Echo, ann: User) -> None:
    live_worker(slots=2)
    tasks = put(ann, 5)
    rings = choose()
    assert [ring.task_id for ring in rings] == [tasks[0].pk, tasks[1].pk]
    assert choose() == []  # Both are outstanding.
    claim(tasks[0].pk, 0, worker="w", carrier=rings[0].celery_id)
    assert choose() == []  # One runs, one is outstanding.
    assert free_slots().total == 0


def test_rows_that_one_message_carries_use_one_slot(echo: Echo, ann: User) -> None:
    live_worker(slots=2)
    tasks = put(ann, 3)
    for task in tasks:
        claim(task.pk, 0, worker="w", carrier="the same")
    assert free_slots().total == 1


def test_a_worker_that_fell_silent_or_said_goodbye_has_no_slots(echo: Echo, db: None) -> None:
    live_worker(name="a@tests")
    live_worker(name="b@tests")
    Worker.objects.filter(pk="a@tests").update(heartbeat_at=F("heartbeat_at") - timedelta(minutes=1))
    assert [worker.name for worker in live_workers()] == ["b@tests"]
    worker_stopped("b@tests")
    assert live_workers() == []


def test_an_unanswered_row_is_rung_again_later_and_later_under_a_fresh_id(echo: Echo, ann: User) -> None:
    live_worker(slots=1)
    task = put(ann, 1)[0]
    ids = set()
    for unanswered in range(4):
        (ring,) = choose()
        ids.add(ring.celery_id)
        task.refresh_from_db()
        wait = task.due_at - task.published_at
        assert wait == timedelta(seconds=ring_again_after(unanswered))
        assert free_slots().total == 0
        # As if that time had passed: a message that may be lost holds no slot, not even the only one.
        Task.objects.filter(pk=task.pk).update(due_at=database_now() - timedelta(seconds=1))
        assert free_slots().total == 1
    assert len(ids) == 4
    assert ring_again_after(10) == 60


def test_a_message_names_the_row_and_the_attempt(echo: Echo, ann: User, broker: Connection) -> None:
    live_worker(slots=1)
    task = put(ann, 1)[0]
    assert dispatch() == 1
    task.refresh_from_db()
    message = broker.SimpleQueue("default").get(timeout=5)
    message.ack()
    assert message.headers["task"] == "tests.echo"
    assert message.headers["id"] == task.celery_id
    assert message.payload[0] == [task.pk, 0]
