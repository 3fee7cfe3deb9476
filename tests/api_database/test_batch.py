"""``POST /tasks/{task_name}/batch`` (CONTRACT D15, X42)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tasktypes.handlers import handlers
from tasktypes.models import Task
from tests.api_database.conftest import PAYLOAD, Fussy, FussyPayload, create, fault

URL = "/tasks/ExampleDatabaseTask/batch"


def batch(client: APIClient, body: Any, query: str = "", status: int = 201) -> Any:
    response = client.post(f"{URL}{query}", body, format="json")
    assert response.status_code == status, response.content
    return response.json()


def payloads(count: int) -> list[dict[str, Any]]:
    return [{"payload": {"message": "this", "count": number}} for number in range(count)]


def test_each_payload_is_reported_and_the_valid_ones_are_inserted(api: APIClient) -> None:
    there = create(api)["id"]
    body = batch(
        api, [{"payload": {"message": "new", "count": 1}}, {"payload": {"message": "x"}}, {"payload": PAYLOAD}]
    )
    new = Task.objects.order_by("-id")[0].pk
    assert (body["created"], body["duplicates"], body["failed"]) == (1, 1, 1)
    assert body["results"] == [
        {
            "index": 0,
            "success": True,
            "id": new,
            "message": f"Task ExampleDatabaseTask created as new task {new}",
            "errors": [],
        },
        {
            "index": 1,
            "success": False,
            "id": None,
            "message": "count: field required",
            "errors": [
                {"loc": ["body", 1, "payload", "count"], "msg": "field required", "type": "value_error.missing"}
            ],
        },
        {
            "index": 2,
            "success": True,
            "id": there,
            "message": f"Task ExampleDatabaseTask already exists as task {there} (duplicate); max_retries is now 4",
            "errors": [],
        },
    ]
    assert Task.objects.count() == 2


@pytest.mark.parametrize(
    "body",
    [
        [{"payload": PAYLOAD}, {"payload": {"message": "that", "count": 2}}],
        [{"task_payload": PAYLOAD}, {"task_payload": {"message": "that", "count": 2}}],
        [PAYLOAD, {"message": "that", "count": 2}],
        {"payloads": [PAYLOAD, {"payload": {"message": "that", "count": 2}}]},
    ],
)
def test_payloads_may_be_bare_or_wrapped_and_listed_by_name(api: APIClient, body: Any) -> None:
    assert batch(api, body)["created"] == 2
    assert [task.parameters for task in Task.objects.order_by("id")] == [PAYLOAD, {"message": "that", "count": 2}]


def test_a_handler_with_a_field_called_payload_gets_its_payload_as_it_is(api: APIClient) -> None:
    class Wrapping(FussyPayload):
        payload: dict[str, int]

    class Wrapped(Fussy):
        name = "tests.wrapped"
        Params = Wrapping

    with handlers.temporarily(Wrapped()):
        response = api.post("/tasks/tests.wrapped/batch", [{"payload": {"a": 1}}], format="json")
        assert response.json()["created"] == 1
    assert Task.objects.get().parameters == {"payload": {"a": 1}}


def test_atomic_refuses_all_for_one_and_names_every_fault(api: APIClient) -> None:
    body = [{"payload": PAYLOAD}, {"payload": {"message": "x"}}, {"payload": {"message": 1, "count": "x"}}]
    answer = batch(api, body, "?atomic=true", 422)
    assert [tuple(one["loc"]) for one in answer["detail"]] == [
        ("body", 1, "payload", "count"),
        ("body", 2, "payload", "message"),
        ("body", 2, "payload", "count"),
    ]
    assert not Task.objects.exists()
    assert batch(api, body[:1], "?atomic=true")["created"] == 1


def test_a_payload_that_comes_twice_is_one_task(api: APIClient) -> None:
    body = batch(api, [PAYLOAD, PAYLOAD, PAYLOAD])
    assert (body["created"], body["duplicates"]) == (1, 2)
    assert len({one["id"] for one in body["results"]}) == 1
    assert Task.objects.get().max_retries == 5


def test_nothing_created_is_200(api: APIClient) -> None:
    create(api)
    assert batch(api, [PAYLOAD], status=200)["duplicates"] == 1
    assert batch(api, [{"message": "x"}], status=200)["failed"] == 1


def test_a_thousand_are_inserted_with_a_handful_of_statements(api: APIClient) -> None:
    # What one payload costs, and what a thousand cost beside it.
    with CaptureQueriesContext(connection) as one:
        batch(api, payloads(1))
    with CaptureQueriesContext(connection) as many:
        assert batch(api, payloads(1000))["created"] == 999
    with CaptureQueriesContext(connection) as again:
        assert batch(api, payloads(1000), status=200)["duplicates"] == 1000
    assert Task.objects.count() == 1000
    # SQLite takes some hundred values a statement, so a thousand rows are some statements more there.
    spare = 8 if connection.vendor == "postgresql" else 60
    assert len(many) <= len(one) + spare
    assert len(again) <= len(one) + spare


def test_more_than_a_thousand_or_none_are_refused(api: APIClient) -> None:
    for body in ([{}] * 1001, {"payloads": [{}] * 1001}):
        loc, message, kind = fault(api.post(URL, body, format="json"))
        assert loc == ["body"] if isinstance(body, list) else ["body", "payloads"]
        assert (message, kind) == ("ensure this value has at most 1000 items", "value_error.list.max_items")
    assert fault(api.post(URL, [], format="json"))[2] == "value_error.list.min_items"


@pytest.mark.parametrize("body", ["text", 5, [1], {"payloads": {}}, {"items": []}])
def test_a_body_of_another_form_is_refused(api: APIClient, body: Any) -> None:
    assert api.post(URL, body, format="json").status_code == 422
    assert not Task.objects.exists()


def test_an_unknown_name_is_refused(api: APIClient) -> None:
    loc, _, kind = fault(api.post("/tasks/Unknown/batch", [PAYLOAD], format="json"))
    assert (loc, kind) == (["path", "task_name"], "type_error.enum")


def test_an_idempotency_key_replays_the_answer(api: APIClient) -> None:
    first, again = (api.post(URL, [PAYLOAD], format="json", headers={"Idempotency-Key": "batch"}) for _ in range(2))
    assert (again.status_code, again.json()) == (201, first.json())
    assert Task.objects.get().max_retries == 3
