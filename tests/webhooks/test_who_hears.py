"""Which endpoints hear of which ends, and that each end is told once."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from pixtasks.accounts.models import User
from pixtasks.common.errors import RuleViolation
from tasktypes.models import Task, WebhookDelivery
from tasktypes.services.cancel import cancel_task
from tasktypes.services.claim import claim
from tasktypes.services.settle import Settlement, settle
from tasktypes.states import State
from tasktypes.webhooks.services.deliveries import redeliver
from tasktypes.webhooks.services.endpoints import change_endpoint, delete_endpoint
from tasktypes.webhooks.services.events import DELIVER
from tests import factories
from tests.ledger import run_all, run_task
from tests.webhooks.conftest import delivery, endpoint_of, put, ran
from tests.webhooks.receiver import Receiver

pytestmark = pytest.mark.django_db


def senders() -> list[Task]:
    return list(Task.objects.filter(type_name=DELIVER).order_by("id"))


def test_failures_and_cancels_are_told_too(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    ran(ann, permanent=True)
    cancel_task(put(ann).pk)
    run_all()
    assert receiver.events == ["task.failed", "task.cancelled"]
    assert receiver.requests[0].document["task"]["error_message"] == "this cannot work"


def test_only_the_events_that_were_asked_for_are_sent(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver, events=["task.failed"])
    ran(ann)
    ran(ann, permanent=True)
    assert receiver.events == ["task.failed"]


def test_an_endpoint_hears_of_its_owners_tasks_its_type_and_its_task_only(
    ann: User, bob: User, receiver: Receiver
) -> None:
    endpoint_of(ann, receiver, url=f"{receiver.url}/all")
    endpoint_of(ann, receiver, url=f"{receiver.url}/echo", task_type="tests.echo")
    endpoint_of(ann, receiver, url=f"{receiver.url}/other", task_type="tasktypes.housekeeping")
    endpoint_of(bob, receiver, url=f"{receiver.url}/bob")
    first, second = put(ann, "first"), put(ann, "second")
    endpoint_of(ann, receiver, url=f"{receiver.url}/first", task_id=first.pk)
    endpoint_of(ann, receiver, url=f"{receiver.url}/second", task_id=second.public_id)
    run_all()
    heard = {(request.path, request.document["task"]["id"]) for request in receiver.requests}
    assert heard == {
        ("/hook/all", first.pk), ("/hook/all", second.pk), ("/hook/echo", first.pk), ("/hook/echo", second.pk),
        ("/hook/first", first.pk), ("/hook/second", second.pk),
    }  # fmt: skip
    assert len(receiver.requests) == 6


def test_staff_may_follow_somebodys_task_and_hear_of_no_other(ann: User, receiver: Receiver) -> None:
    boss = User.objects.create_user("boss@example.com", is_staff=True)
    followed, other = put(ann), put(ann)
    endpoint, _ = endpoint_of(boss, receiver, task_id=followed.pk)
    endpoint_of(boss, receiver)
    run_all()
    assert [(row.endpoint_id, row.task_number) for row in WebhookDelivery.objects.all()] == [(endpoint.pk, followed.pk)]
    other.refresh_from_db()
    assert other.status == "completed"


def test_of_tasks_that_end_together_each_is_told_to_its_own_owner(ann: User, bob: User, receiver: Receiver) -> None:
    boss = User.objects.create_user("boss@example.com", is_staff=True)
    expected = set()
    settlements = []
    for owner in (ann, bob, boss):
        task = put(owner)
        expected.add((endpoint_of(owner, receiver)[0].pk, task.pk))
        assert claim(task.pk, 0, worker="tests", carrier="m1") is not None
        settlements.append(Settlement(task_id=task.pk, attempt=1, status=State.COMPLETED, result={}))
    settle(settlements)
    assert set(WebhookDelivery.objects.values_list("endpoint_id", "task_number")) == expected
    assert {task.created_by_id for task in senders()} == {ann.pk, bob.pk, boss.pk}


def test_a_task_may_say_which_events_it_causes(ann: User, receiver: Receiver) -> None:
    """CONTRACT X48."""
    endpoint_of(ann, receiver)
    put(ann, metadata={"webhook_events": ["task.failed"]})
    put(ann, metadata={"webhook_events": ["task.failed"]}, permanent=True)
    run_all()
    assert receiver.events == ["task.failed"]


def test_deliveries_do_not_tell_about_themselves(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    ran(ann)
    assert [task.status for task in senders()] == ["completed"]
    assert WebhookDelivery.objects.count() == 1


def test_an_end_that_nobody_listens_to_costs_one_query(ann: User, bob: User, receiver: Receiver) -> None:
    endpoint_of(bob, receiver)
    task = put(ann)
    claimed = claim(task.pk, 0, worker="tests", carrier="m1")
    assert claimed is not None
    with CaptureQueriesContext(connection) as queries:
        settle([Settlement(task_id=task.pk, attempt=1, status=State.COMPLETED, result={})])
    assert len([query for query in queries if "webhook" in query["sql"]]) == 1


def test_an_end_that_does_not_commit_is_not_told(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    task = put(ann)
    assert claim(task.pk, 0, worker="tests", carrier="m1") is not None
    assert settle([Settlement(task_id=task.pk, attempt=7, status=State.COMPLETED, result={})]) == set()
    assert WebhookDelivery.objects.count() == 0


def test_settling_again_sends_nothing_again(ann: User, receiver: Receiver) -> None:
    endpoint_of(ann, receiver)
    task = put(ann)
    assert claim(task.pk, 0, worker="tests", carrier="m1") is not None
    ended = Settlement(task_id=task.pk, attempt=1, status=State.COMPLETED, result={})
    assert settle([ended]) == {task.pk}
    assert settle([ended]) == set()
    run_all()
    assert len(receiver.requests) == WebhookDelivery.objects.count() == 1


def test_an_endpoint_that_is_switched_off_or_deleted_gets_nothing(ann: User, receiver: Receiver) -> None:
    for end in (
        lambda row: change_endpoint(row, actor=ann, is_active=False),
        lambda row: delete_endpoint(row, actor=ann),
    ):
        endpoint, _ = endpoint_of(ann, receiver)
        run_task(put(ann))
        end(endpoint)
        run_all()
        ran(ann)
        row = delivery()
        assert row.state == "dead"
        with pytest.raises(RuleViolation):
            redeliver(row.event_id, actor=ann)
        row.delete()
    assert receiver.requests == []


def test_it_makes_no_difference_who_ran_the_task(ann: User, receiver: Receiver) -> None:
    """CONTRACT R29: a declared type, ended by a caller's PUT and by an outside worker; what is deleted does not end."""
    client = factories.client_of(ann)
    kind = client.post("/api/task-types", {"name": "video"}, format="json").json()["id"]
    endpoint_of(ann, receiver, task_type="video")
    by_put, by_worker, deleted = (
        client.post("/api/tasks", {"task_type_id": kind, "parameters": {}}, format="json").json()["id"]
        for _ in range(3)
    )
    body = {"status": "completed", "result": {"frames": 7}}
    assert client.put(f"/api/tasks/{by_put}", body, format="json").status_code == 200
    (claimed,) = client.post(
        "/api/tasks/claim", {"task_types": ["video"], "worker": "w", "limit": 1}, format="json"
    ).json()
    assert claimed["id"] == by_worker
    token = {"lease_token": claimed["lease_token"], "attempt": claimed["attempt"], "error_message": "no film"}
    assert client.post(f"/api/tasks/{by_worker}/fail", token, format="json").status_code == 200
    assert client.delete(f"/api/tasks/{deleted}").status_code == 204
    run_all()
    assert [(one.document["task"]["id"], one.document["event"]) for one in receiver.requests] == [
        (by_put, "task.completed"),
        (by_worker, "task.failed"),
    ]
    assert receiver.requests[0].document["task"]["result"] == {"frames": 7}
    assert receiver.requests[1].document["task"]["error_message"] == "no film"
