"""What becomes of a delivery: sent, retried, given up, sent again, and always in order."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from pytest_django import Settings

from pixtasks.accounts.models import AuditEntry, User
from pixtasks.common.errors import Conflict
from pixtasks.common.signing import ID_HEADER, InvalidSignature
from pixtasks.common.sql import database_now
from tasktypes.handlers import handlers
from tasktypes.models import Task, WebhookDelivery
from tasktypes.services.cancel import cancel_task
from tasktypes.services.claim import claim
from tasktypes.services.retry import reopen
from tasktypes.services.settle import Settlement, settle
from tasktypes.services.submit import NewTask, submit
from tasktypes.states import State
from tasktypes.webhooks.handler import DELAYS
from tasktypes.webhooks.services.deliveries import forget_deliveries, redeliver
from tasktypes.webhooks.services.events import DELIVER
from tests.ledger import run_all, run_task
from tests.webhooks.conftest import delivery, endpoint_of, put, ran, retry_now
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db


def senders() -> list[Task]:
    return list(Task.objects.filter(type_name=DELIVER).order_by("id"))


def test_a_completed_task_is_told_and_the_signature_fits(ann: User, receiver: Receiver) -> None:
    endpoint, secret = endpoint_of(ann, receiver)
    task = ran(ann)
    (request,) = receiver.requests
    request.check(secret)
    with pytest.raises(InvalidSignature):
        request.check("whsec_another")
    row = delivery()
    assert request.path == "/hook"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers[ID_HEADER] == str(row.event_id) == request.document["id"]
    assert request.document["event"] == "task.completed"
    assert request.document["task"] == {
        "id": task.pk,
        "task_id": task.public_id,
        "task_type": "tests.echo",
        "status": "completed",
        "result": {"echo": "hello"},
        "result_omitted": False,
        "error_message": None,
        "completed_at": task.completed_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    assert (row.state, row.endpoint_id, row.task_number) == ("delivered", endpoint.pk, task.pk)
    assert [(one["http_status"], one["error"]) for one in row.attempts] == [(200, None)]
    assert row.ended_at is not None


def test_a_sender_that_was_lost_after_the_answer_does_not_send_twice(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    ran(ann)
    (sender,) = senders()
    Task.objects.filter(pk=sender.pk).update(status="pending", due_at=database_now() - timedelta(seconds=1))
    assert run_task(sender).status == "completed"
    assert len(receiver.requests) == 1


def test_a_failure_of_the_receiver_is_tried_again_with_the_same_id_and_body(ann: User, receiver: Receiver) -> None:
    _, secret = endpoint_of(ann, receiver)
    receiver.answers = [500, 404]
    ran(ann)
    assert delivery().state == "pending"
    retry_now()
    retry_now()
    assert len({request.body for request in receiver.requests}) == 1
    assert len({request.headers[ID_HEADER] for request in receiver.requests}) == 1
    for request in receiver.requests:
        request.check(secret)
    row = delivery()
    assert row.state == "delivered"
    assert [one["http_status"] for one in row.attempts] == [500, 404, 200]
    assert row.attempts[0]["error"] == "The receiver answered with HTTP 500"
    assert run_all() == 0


def test_after_eight_tries_a_delivery_is_dead(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    receiver.answers = [503] * 20
    ran(ann)
    for _ in range(10):
        retry_now()
    row = delivery()
    assert (row.state, len(row.attempts), len(receiver.requests)) == ("dead", 8, 8)
    assert [task.status for task in senders()] == ["failed"]
    assert row.ended_at is not None


def test_the_waits_grow_from_five_seconds_to_a_day_with_jitter() -> None:
    random.seed(1)
    handler = handlers[DELIVER]
    assert (DELAYS[0], DELAYS[-1], handler.max_retries) == (5, 86_400, 7)
    for number, delay in enumerate(DELAYS, start=1):
        drawn = [handler.retry_delay(number) for _ in range(50)]
        assert 0.8 * delay <= min(drawn) < max(drawn) <= delay


def test_a_receiver_that_is_away_is_tried_again(ann: User, receiver: Receiver, settings: Settings) -> None:
    settings.PIXTASKS_FETCH_ALLOW = ["127.0.0.0/8"]
    endpoint_of(ann, receiver, url="http://127.0.0.1:1/")
    ran(ann)
    (attempt,) = delivery().attempts
    assert attempt["http_status"] is None
    assert "refused" in attempt["error"]
    assert [task.status for task in senders()] == ["pending"]


def test_redirects_are_not_followed(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    receiver.answers = [(307, {"Location": f"{receiver.url}/elsewhere"}, b"")]
    ran(ann)
    assert [request.path for request in receiver.requests] == ["/hook"]
    assert "redirects are not followed" in delivery().attempts[0]["error"]


def test_of_an_endless_answer_the_status_counts(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    receiver.answers = [(200, {}, b"x" * 1_000_000), (200, {"Content-Length": "1000000"}, b"x" * 1_000_000)]
    ran(ann)
    ran(ann)
    assert [row.state for row in WebhookDelivery.objects.all()] == ["delivered", "delivered"]


def test_a_receiver_that_is_gone_for_good_is_left_alone(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    receiver.answers = [410]
    ran(ann)
    assert (delivery().state, len(receiver.requests)) == ("dead", 1)


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]"])
def test_what_may_not_be_connected_to_is_refused_at_the_socket(
    ann: User, receiver: Receiver, settings: Settings, host: str
) -> None:
    endpoint, _ = endpoint_of(ann, receiver)
    type(endpoint).objects.filter(pk=endpoint.pk).update(url=f"http://{host}:{receiver.port}/")
    settings.PIXTASKS_FETCH_ALLOW = []
    ran(ann)
    row = delivery()
    assert receiver.requests == []
    assert (row.state, len(row.attempts), row.attempts[0]["http_status"]) == ("dead", 1, None)
    assert "not public" in row.attempts[0]["error"] or "valid" in row.attempts[0]["error"]


def test_the_second_end_of_a_task_waits_for_the_delivery_of_the_first(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    receiver.answers = [500]
    task = ran(ann, permanent=True)
    reopen([task.pk])
    cancel_task(task.pk)
    other = ran(ann, message="another task is not held up")
    assert [request.document["task"]["id"] for request in receiver.requests] == [task.pk, other.pk]
    retry_now()
    of_task = [request.document for request in receiver.requests if request.document["task"]["id"] == task.pk]
    assert [one["event"] for one in of_task] == ["task.failed", "task.failed", "task.cancelled"]
    assert of_task[0]["id"] == of_task[1]["id"] != of_task[2]["id"]
    assert {row.state for row in WebhookDelivery.objects.all()} == {"delivered"}


def test_a_dead_delivery_holds_up_nobody(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    receiver.answers = [410]
    task = put(ann, permanent=True)
    run_task(task)
    reopen([task.pk])
    cancel_task(task.pk)
    run_all()
    assert receiver.events == ["task.failed", "task.cancelled"]
    assert [row.state for row in WebhookDelivery.objects.order_by("id")] == ["dead", "delivered"]


def test_cancelling_the_sender_gives_the_delivery_up_and_lets_the_next_go(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    task = put(ann, permanent=True)
    run_task(task)
    reopen([task.pk])
    cancel_task(task.pk)
    first, _ = senders()
    cancel_task(first.pk)
    run_all()
    assert receiver.events == ["task.cancelled"]


def test_a_delivery_can_be_sent_again_with_the_same_id(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    receiver.answers = [410]
    ran(ann)
    row = redeliver(delivery().event_id, actor=ann)
    assert row.state == "pending"
    with pytest.raises(Conflict, match="still being tried"):
        redeliver(row.event_id, actor=ann)
    run_all()
    row = redeliver(row.event_id, actor=ann)
    run_all()
    assert len(receiver.requests) == 3
    assert len({request.body for request in receiver.requests}) == 1
    row = delivery()
    assert row.state == "delivered"
    assert [one["http_status"] for one in row.attempts] == [410, 200, 200]
    assert AuditEntry.objects.filter(action="webhook.redelivered", actor=ann).count() == 2


def test_a_delivery_that_is_sent_again_waits_for_an_earlier_one(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    receiver.answers = [410, 410]
    task = ran(ann, permanent=True)
    reopen([task.pk])
    cancel_task(task.pk)
    run_all()
    first, second = WebhookDelivery.objects.order_by("id")
    redeliver(first.event_id, actor=ann)
    redeliver(second.event_id, actor=ann)
    receiver.requests.clear()
    receiver.answers = [500]
    run_all()
    assert receiver.events == ["task.failed"]
    retry_now()
    assert receiver.events == ["task.failed", "task.failed", "task.cancelled"]


def test_retrying_the_sender_as_a_task_sends_again_too(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    receiver.answers = [410]
    ran(ann)
    (sender,) = senders()
    assert reopen([sender.pk]) == [sender.pk]
    assert delivery().state == "pending"
    run_all()
    assert delivery().state == "delivered"


def test_nobody_sends_a_delivery_by_submitting_its_handlers_task(ann: User, bob: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    ran(ann)
    for event_id in (delivery().event_id, "00000000-0000-4000-8000-000000000000"):
        (forged,) = submit([NewTask(type_name=DELIVER, parameters={"delivery_id": str(event_id)})], owner_id=bob.pk)
        assert run_task(forged).status == "failed"
    assert len(receiver.requests) == 1
    assert delivery().state == "delivered"


def test_a_result_that_is_too_long_is_left_out(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    task = put(ann)
    assert claim(task.pk, 0, worker="tests", carrier="m1") is not None
    settle([Settlement(task_id=task.pk, attempt=1, status=State.COMPLETED, result={"text": "x" * 100_000})])
    run_all()
    told = receiver.requests[0].document["task"]
    assert (told["result"], told["result_omitted"]) == (None, True)


def test_texts_that_no_encoding_holds_do_not_keep_a_task_from_ending(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    task = put(ann)
    assert claim(task.pk, 0, worker="tests", carrier="m1") is not None
    if connection.vendor == "sqlite":  # PostgreSQL refuses the result itself.
        result = {"text": "\ud83d"}
    else:
        result = {"text": "é"}
    assert settle([Settlement(task_id=task.pk, attempt=1, status=State.COMPLETED, result=result)]) == {task.pk}
    run_all()
    assert receiver.requests[0].document["task"]["result"] == result


def test_the_log_is_kept_for_a_while(ann: User, receiver: Receiver, settings: Settings) -> None:
    endpoint_of(ann, receiver)
    for answer in (200, 410, 500, 200):
        receiver.answers = [answer]
        ran(ann)
    assert forget_deliveries() == 0
    old = WebhookDelivery.objects.order_by("id").values_list("id", flat=True)[:3]
    WebhookDelivery.objects.filter(pk__in=list(old)).update(created_at=F("created_at") - timedelta(days=91))
    assert forget_deliveries() == 2
    assert sorted(row.state for row in WebhookDelivery.objects.all()) == ["delivered", "pending"]
