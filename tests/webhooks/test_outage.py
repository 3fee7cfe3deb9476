"""A receiver that is down for ten minutes gets everything afterwards."""

from __future__ import annotations

import socket

import pytest
from pytest_django import Settings

from pixtasks.accounts.models import User
from tasktypes.models import WebhookDelivery
from tasktypes.services.cancel import cancel_task
from tasktypes.services.retry import reopen
from tasktypes.webhooks.services.endpoints import create_endpoint
from tests.ledger import run_all
from tests.webhooks.conftest import put, retry_now
from tests.webhooks.receiver import receiving

TASKS = 3


@pytest.mark.django_db
def test_after_an_outage_everything_arrives_in_order_and_nothing_is_lost(ann: User, settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Bound and not listening: connections are refused.
        port = taken.getsockname()[1]
        settings.PIXTASKS_FETCH_ALLOW = [f"127.0.0.1:{port}"]
        _, secret = create_endpoint(owner=ann, url=f"http://127.0.0.1:{port}/hook")
        tasks = [put(ann, f"task {number}") for number in range(TASKS)]
        for task in tasks:
            cancel_task(task.pk)
        run_all()
        # The tries after 5 s, 30 s and 2 min; more ends come meanwhile, and wait behind the ones before.
        for _ in range(3):
            reopen([task.pk for task in tasks])
            for task in tasks:
                cancel_task(task.pk)
            retry_now()
        first = WebhookDelivery.objects.order_by("id")[0]
        assert [attempt["http_status"] for attempt in first.attempts] == [None] * 4
        assert all("refused" in attempt["error"] for attempt in first.attempts)
        assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"pending"}
    with receiving(port) as receiver:
        retry_now()
    for request in receiver.requests:
        request.check(secret)
    rows = list(WebhookDelivery.objects.order_by("id"))
    assert len(rows) == len(receiver.requests) == TASKS * 4
    assert {row.state for row in rows} == {"delivered"}
    for task in tasks:
        arrived = [one.document["id"] for one in receiver.requests if one.document["task"]["id"] == task.pk]
        assert arrived == [str(row.event_id) for row in rows if row.task_number == task.pk]
