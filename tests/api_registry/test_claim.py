"""``POST /api/tasks/claim`` (CONTRACT X23, X32, X36, section 4)."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tasktypes.api.registry import schemas
from tasktypes.models import Task, TaskType
from tasktypes.services import waiting
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.sweep import sweep
from tasktypes.services.task_types import register_type
from tests import factories
from tests.accounts.factories import make_key
from tests.api_registry.conftest import TASKS, lease_of

URL = f"{TASKS}/claim"


def key_client(owner: User, *scopes: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_X_API_KEY=make_key(owner, *scopes)[1])
    return client


def test_a_claimed_task_is_shown_with_its_lease(client: APIClient, make_task: Any, claim: Any) -> None:
    made = make_task(parameters={"a": 1})
    (task,) = claim(task_types=["data_analysis"], worker="box-1", lease_seconds=90)
    assert list(task) == list(schemas.ClaimedTask.model_fields)
    assert (task["id"], task["parameters"], task["status"], task["attempt"]) == (made["id"], {"a": 1}, "running", 1)
    assert task["started_at"] and task["lease_expires_at"] > task["started_at"] and task["lease_token"]
    row = Task.objects.get(pk=made["id"])
    assert row.worker == "box-1"
    assert row.lease_expires_at is not None and row.started_at is not None
    assert timedelta(seconds=89) < row.lease_expires_at - row.started_at < timedelta(seconds=91)
    assert "lease_token" not in client.get(f"{TASKS}/{made['id']}").json()


def test_with_nothing_to_do_the_answer_is_an_empty_array(claim: Any) -> None:
    assert claim() == []


def test_no_task_is_handed_out_twice(make_task: Any, claim: Any) -> None:
    made = [make_task()["id"] for _ in range(5)]
    taken = [task["id"] for _ in range(4) for task in claim(limit=2)]
    assert taken == made


def test_the_order_is_priority_then_owners_in_turns_then_age(
    owned: APIClient, stranger: APIClient, make_type: Any, make_task: Any, claim: Any
) -> None:
    """CONTRACT X32."""
    number = make_type()["id"]
    a = [make_task(by=owned, task_type_id=number)["id"] for _ in range(3)]
    b = [make_task(by=stranger, task_type_id=number)["id"] for _ in range(2)]
    urgent = make_task(by=stranger, task_type_id=number, priority=1)["id"]
    assert [task["id"] for task in claim(limit=10)] == [urgent, a[0], b[0], a[1], b[1], a[2]]


def test_only_the_types_that_are_asked_for_are_handed_out(make_type: Any, make_task: Any, claim: Any) -> None:
    one, two = (make_task(task_type_id=make_type(name)["id"])["id"] for name in ("one", "two"))
    assert [task["id"] for task in claim(limit=10, task_types=["two"])] == [two]
    assert [task["id"] for task in claim(limit=10)] == [one]


def test_an_unknown_type_is_refused(client: APIClient) -> None:
    response = client.post(URL, {"worker": "w", "task_types": ["vidoe"]}, format="json")
    assert (response.status_code, "Unknown task type: vidoe" in response.json()["detail"]) == (400, True)


def test_tasks_that_handlers_run_are_never_handed_out(claim: Any) -> None:
    submit([NewTask(type_name="tasktypes.housekeeping")], owner_id=None)
    assert claim(limit=10) == []


def test_one_gets_ones_own_and_staff_and_worker_keys_everybodys(
    owner: User, owned: APIClient, stranger: APIClient, make_type: Any, make_task: Any, claim: Any
) -> None:
    """CONTRACT X23: what a worker key has claimed it also settles."""
    number = make_type()["id"]
    for _ in range(3):
        make_task(by=owned, task_type_id=number)
    assert claim(by=stranger, limit=10) == []
    assert claim(by=key_client(factories.user()), limit=10) == []
    assert len(claim(by=owned)) == 1
    worker = key_client(factories.user(), "worker")
    (task,) = claim(by=worker)
    assert worker.get(f"{TASKS}/{task['id']}").status_code == 403
    for word, more in (("heartbeat", {}), ("complete", {"result": {}})):
        assert worker.post(f"{TASKS}/{task['id']}/{word}", {**lease_of(task), **more}, format="json").status_code == 200
    assert len(claim()) == 1


def test_a_lease_that_ends_lets_another_worker_have_the_task(client: APIClient, make_task: Any, claim: Any) -> None:
    number = make_task()["id"]
    (lost,) = claim(worker="slow")
    Task.objects.filter(pk=number).update(lease_expires_at=timezone.now() - timedelta(seconds=1))
    sweep()
    (again,) = claim(worker="quick")
    assert (again["id"], again["attempt"]) == (number, 2)
    stale = client.post(f"{TASKS}/{number}/complete", lease_of(lost), format="json")
    assert stale.status_code == 409
    assert client.post(f"{TASKS}/{number}/complete", lease_of(again), format="json").status_code == 200


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"worker": ""}, ["worker"]),
        ({"limit": 0}, ["limit"]),
        ({"limit": 1001}, ["limit"]),
        ({"lease_seconds": 0}, ["lease_seconds"]),
        ({"lease_seconds": "60"}, ["lease_seconds"]),
        ({"wait": 31}, ["wait"]),
        ({"wait": -1}, ["wait"]),
        ({"task_types": "data_analysis"}, ["task_types"]),
        ({"types": []}, ["types"]),
    ],
)
def test_a_wrong_body_names_the_field(client: APIClient, change: dict[str, Any], loc: list[str]) -> None:
    response = client.post(URL, {"worker": "w", **change}, format="json")
    assert response.status_code == 422
    assert [fault["loc"] for fault in response.json()["detail"]] == [["body", *loc]]


def test_claiming_many_costs_no_more_queries_than_claiming_a_few(
    client: APIClient, owner: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    task_type = register_type(creator=owner, name="bulk")
    submit([NewTask(type_name="bulk", task_type=task_type)] * 1000, owner_id=owner.pk)
    with django_assert_max_num_queries(20):
        assert len(client.post(URL, {"worker": "w", "limit": 10}, format="json").json()) == 10
    with django_assert_max_num_queries(20):
        assert len(client.post(URL, {"worker": "w", "limit": 990}, format="json").json()) == 990


# --- Long polls -------------------------------------------------------------------------------------------------------


@pytest.fixture
def arrival(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Calls one of these at every pause instead of pausing."""
    pauses: list[Any] = []

    def sleep(seconds: float) -> None:
        assert 0 < seconds <= waiting.PAUSE
        if pauses:
            pauses.pop(0)()

    monkeypatch.setattr(waiting, "sleep", sleep)
    return pauses


def test_a_worker_that_waits_gets_what_comes_meanwhile(
    client: APIClient, make_type: Any, make_task: Any, claim: Any, arrival: list[Any]
) -> None:
    wanted, other = make_type("wanted")["id"], make_type("other")["id"]
    arrival += [lambda: make_task(task_type_id=other), lambda: None, lambda: make_task(task_type_id=wanted)]
    (task,) = claim(task_types=["wanted"], wait=30)
    assert (task["task_type"], arrival) == ("wanted", [])


def test_waiting_ends(claim: Any) -> None:
    assert claim(wait=0.05) == []


def test_under_an_idempotency_key_nobody_waits(client: APIClient, arrival: list[Any]) -> None:
    arrival.append(pytest.fail)
    response = client.post(URL, {"worker": "w", "wait": 30}, format="json", headers={"Idempotency-Key": "k"})
    assert (response.status_code, response.json(), len(arrival)) == (200, [], 1)


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_waits_keeps_nobody_from_writing(make_type: Any, make_task: Any, claim: Any) -> None:
    """A real thread waits while tasks are created beside it."""
    make_type("idle")
    taken: list[Any] = []

    def wait() -> None:
        try:
            taken.extend(claim(task_types=["idle"], wait=20))
        finally:
            connection.close()

    worker = threading.Thread(target=wait)
    worker.start()
    with transaction.atomic():
        number = submit_idle()
    worker.join(timeout=30)
    assert [task["id"] for task in taken] == [number]


def submit_idle() -> int:
    """Submit a task of the type ``idle``; return its id."""
    task_type = TaskType.objects.get(name="idle")
    return submit([NewTask(type_name="idle", task_type=task_type)], owner_id=task_type.created_by_id)[0].pk
