"""GET /api/celery/stats (CONTRACT C06, X07); with a live worker in tests/processes/test_celery_dialect.py."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from pixtasks.accounts.services.users import local_user
from tasktypes.models import Task
from tasktypes.services.claim import claim
from tasktypes.services.launch import Launch, launch
from tests.api_celery.launching import API, GREET
from tests.ledger import live_worker

WORKER = "worker@tests"
EMPTY = {"active_tasks": {}, "scheduled_tasks": {}, "registered_tasks": [], "worker_stats": {}}


def launched(owner: User, **more: Any) -> Task:
    return launch(Launch(task_type=GREET, params={"name": "Ann"}, **more), caller=owner)


def stats(client: APIClient) -> Any:
    response = client.get(f"{API}/stats")
    assert response.status_code == 200, response.json()
    return response.json()


@pytest.fixture
def deaf_worker(db: None, settings: Settings) -> None:
    """A worker that the ledger has heard of a moment ago, and a broker that is down: nobody answers."""
    live_worker()
    settings.REDIS_URL = "redis://127.0.0.1:1/0"


def test_without_a_worker_everything_is_empty(client: APIClient) -> None:
    launched(local_user(), countdown=60)
    assert stats(client) == EMPTY


@pytest.mark.usefixtures("deaf_worker")
def test_while_nobody_answers_it_says_what_the_ledger_knows(client: APIClient) -> None:
    task, later = launched(local_user()), launched(local_user(), countdown=60)
    claim(task.pk, 0, worker=WORKER, carrier=f"{task.public_id}.1")
    found = stats(client)
    assert [one["task_id"] for one in found["active_tasks"][WORKER]] == [task.public_id]
    assert found["active_tasks"][WORKER][0]["id"] == f"{task.public_id}.1"
    assert [one["task_id"] for one in found["scheduled_tasks"]["ledger"]] == [later.public_id]
    assert "jobs.download_images" in found["registered_tasks"]
    figures = found["worker_stats"][WORKER]
    assert (figures["slots"], figures["queues"], figures["answered"]) == (2, ["default"], False)


@pytest.mark.usefixtures("deaf_worker")
def test_only_staff_see_tasks_that_are_not_their_own(
    ann: User, ann_client: APIClient, bob_client: APIClient, client: APIClient
) -> None:
    running, later = launched(ann), launched(ann, countdown=60)
    claim(running.pk, 0, worker=WORKER, carrier="m")

    def seen(who: APIClient) -> list[str]:
        found = stats(who)
        return [one["task_id"] for one in found["active_tasks"][WORKER] + found["scheduled_tasks"]["ledger"]]

    assert seen(ann_client) == seen(client) == [running.public_id, later.public_id]
    assert seen(bob_client) == []


@pytest.mark.usefixtures("deaf_worker")
def test_scheduled_are_those_that_wait_for_their_time_the_next_one_first(client: APIClient) -> None:
    user = local_user()
    launched(user)
    tomorrow, soon = launched(user, countdown=86_400), launched(user, countdown=60, priority=900)
    rung = launched(user)
    Task.objects.filter(pk=rung.pk).update(
        published_at=timezone.now(), due_at=timezone.now() + timedelta(seconds=5), rings=1
    )
    found = stats(client)["scheduled_tasks"]["ledger"]
    assert [one["task_id"] for one in found] == [soon.public_id, tomorrow.public_id]
    assert found[0]["eta"].endswith("Z")
