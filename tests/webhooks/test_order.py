"""Order under concurrency: a task ends again and again while workers send what it caused."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from pixtasks.accounts.models import User
from tasktypes.models import Task, WebhookDelivery
from tasktypes.services import execute
from tasktypes.services.cancel import cancel_task
from tasktypes.services.pick import pick
from tasktypes.services.retry import reopen
from tasktypes.webhooks.services.events import DELIVER
from tests.webhooks.conftest import endpoint_of, put
from tests.webhooks.receiver import Receiver

ROUNDS = 25


@pytest.mark.django_db(transaction=True)
def test_deliveries_of_a_task_arrive_in_its_order_and_none_is_left_behind(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    task = put(ann)
    stop = threading.Event()

    def send(number: int) -> None:
        try:
            idle = 0
            while idle < 3:
                with transaction.atomic():
                    found = pick(2, wanted=lambda name: name == DELIVER)
                for candidate in found:
                    attempt = Task.objects.values_list("attempt", flat=True).get(pk=candidate.id)
                    execute.run_message(DELIVER, candidate.id, attempt, worker=f"w{number}", carrier=f"{number}")
                idle = 0 if found else idle + stop.is_set()
                stop.wait(0.01)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(ROUNDS):
        assert cancel_task(task.pk)
        assert reopen([task.pk]) == [task.pk]
    stop.set()
    for thread in threads:
        thread.join()
    made = {str(event): pk for pk, event in WebhookDelivery.objects.values_list("pk", "event_id")}
    arrived = [made[request.document["id"]] for request in receiver.requests]
    assert arrived == sorted(made.values())
    assert len(arrived) == ROUNDS
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}
