"""``POST /tasks/{task_name}`` (CONTRACT D01-D06, D09, X23, X40, X41)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tasktypes.handlers import handlers
from tasktypes.models import Task
from tests import factories
from tests.accounts.factories import make_key
from tests.api_database.conftest import PAYLOAD, Fussy, create, fault
from tests.ledger import run_all

URL = "/tasks/ExampleDatabaseTask"


def test_a_new_task_is_201_with_the_task_and_a_message(api: APIClient) -> None:
    response = api.post(URL, {"payload": PAYLOAD}, format="json")
    assert response.status_code == 201
    task = response.json()
    assert isinstance(task.pop("created_at"), str)
    assert task == {
        "id": Task.objects.get().pk,
        "task_name": "ExampleDatabaseTask",
        "task_payload": PAYLOAD,
        "task_payload_prefix": '{"count":1,"message":"this"}',
        "status": "not_started",
        "last_run_at": None,
        "started_at": None,
        "completed_at": None,
        "retries": 0,
        "max_retries": 3,
        "error_message": None,
        "result_data": None,
        "message": f"Task ExampleDatabaseTask created as new task {task['id']}",
        "is_duplicate": False,
    }


def test_the_payload_may_be_named_task_payload(api: APIClient) -> None:
    response = api.post(URL, {"task_payload": PAYLOAD}, format="json")
    assert (response.status_code, response.json()["task_payload"]) == (201, PAYLOAD)
    assert create(api)["is_duplicate"]


def test_the_same_payload_again_is_200_the_same_id_and_one_more_retry(api: APIClient) -> None:
    first = create(api)
    response = api.post(URL, {"payload": {"count": 1, "message": "this"}}, format="json")
    assert response.status_code == 200
    again = response.json()
    assert (again["id"], again["max_retries"], again["is_duplicate"]) == (first["id"], 4, True)
    assert "duplicate" in again["message"]
    assert Task.objects.count() == 1


def test_what_succeeded_does_not_run_again_and_what_failed_does(api: APIClient, fussy: Fussy) -> None:
    good, bad = create(api, "tests.fussy", note="good"), create(api, "tests.fussy", fail=True)
    run_all()
    again = create(api, "tests.fussy", note="good")
    assert (again["status"], again["max_retries"]) == ("success", 4)
    assert again["message"].endswith("it has succeeded and does not run again")
    fussy.failing = False
    again = create(api, "tests.fussy", fail=True)
    assert (again["id"], again["status"], again["max_retries"]) == (bad["id"], "not_started", 4)
    run_all()
    assert api.get(f"/tasks/{bad['id']}").json()["status"] == "success"
    assert good["id"] != bad["id"]


def test_two_users_with_the_same_payload_have_two_tasks(client: APIClient, stranger: APIClient) -> None:
    assert create(client)["id"] != create(stranger)["id"]


def test_long_payloads_with_equal_beginnings_are_two_tasks(api: APIClient) -> None:
    one, two = (create(api, message="x" * 5000 + end, count=1) for end in "ab")
    assert one["id"] != two["id"]
    assert one["task_payload_prefix"] == two["task_payload_prefix"]
    assert len(one["task_payload_prefix"]) == 255


@pytest.mark.parametrize(
    ("payload", "field", "message", "kind"),
    [
        ({"message": "this"}, "count", "field required", "value_error.missing"),
        ({"message": "this", "count": "x"}, "count", "value is not a valid integer", "type_error.integer"),
        ({"message": 1, "count": 1}, "message", "str type expected", "type_error.str"),
        (
            {"message": "this", "count": -1},
            "count",
            "ensure this value is greater than or equal to 0",
            "value_error.number.not_ge",
        ),
        ({**PAYLOAD, "colour": "red"}, "colour", "extra fields not permitted", "value_error.extra"),
    ],
)
def test_each_fault_of_a_payload_names_its_field(
    api: APIClient, payload: dict[str, Any], field: str, message: str, kind: str
) -> None:
    for body in ({"payload": payload}, {"task_payload": payload}):
        response = api.post(URL, body, format="json")
        assert fault(response) == (["body", "payload", field], message, kind)
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, (["body", "payload"], "field required", "value_error.missing")),
        ({"payload": None}, (["body", "payload"], "none is not an allowed value", "type_error.none.not_allowed")),
        ({"payload": [1]}, (["body", "payload"], "value is not a valid dict", "type_error.dict")),
        (
            {"payload": {}, "task_payload": {}},
            (["body", "task_payload"], "send payload or task_payload, not both", "value_error"),
        ),
        ({"payload": {}, "status": "success"}, (["body", "status"], "extra fields not permitted", "value_error.extra")),
        ([], (["body"], "value is not a valid dict", "type_error.dict")),
    ],
)
def test_a_body_of_another_form_is_refused(api: APIClient, body: Any, expected: Any) -> None:
    assert fault(api.post(URL, body, format="json")) == expected


@pytest.mark.parametrize("name", ["Unknown", "123", "exampledatabasetask"])
def test_an_unknown_name_is_refused_and_the_known_ones_are_listed(api: APIClient, name: str) -> None:
    loc, message, kind = fault(api.post(f"/tasks/{name}", {"payload": PAYLOAD}, format="json"))
    permitted = ", ".join(f"'{known}'" for known in handlers.names())
    assert (loc, kind) == (["path", "task_name"], "type_error.enum")
    assert message == f"value is not a valid enumeration member; permitted: {permitted}"


def test_a_handler_whose_name_is_a_number_can_be_submitted(api: APIClient) -> None:
    class Numbered(Fussy):
        name = "2024"

    with handlers.temporarily(Numbered()):
        assert create(api, "2024", note="x")["task_name"] == "2024"


def test_numbers_of_any_size_are_kept(api: APIClient, fussy: Fussy) -> None:
    task = create(api, "tests.fussy", note="x", more=10**30)
    assert api.get(f"/tasks/{task['id']}").json()["task_payload"] == {"note": "x", "more": 10**30}


def test_a_handler_says_who_may_submit_what(client: APIClient, api: APIClient) -> None:
    path = "/tasks/tasktypes.housekeeping"
    assert client.post(path, {"payload": {}}, format="json").status_code == 403
    # In the development profile ``local`` acts as staff (CONTRACT X67).
    assert api.post(path, {"payload": {}}, format="json").status_code == 201

    job, image_ids = factories.started_job(), [1]
    payload = {"job_id": job.pk, "run_id": 1, "image_ids": image_ids}
    response = client.post("/tasks/jobs.validate_images_fast", {"payload": payload}, format="json")
    assert (response.status_code, response.json()) == (403, {"detail": "Access denied to this resource"})
    response = client.post(
        "/tasks/jobs.validate_images_fast", {"payload": {**payload, "job_id": 987_654}}, format="json"
    )
    assert (response.status_code, response.json()) == (400, {"detail": "There is no crawl job 987654"})


def test_bearer_key_and_nobody_are_accepted_and_wrong_credentials_are_not(owner: User, settings: Settings) -> None:
    _, key = make_key(owner)
    for client in (factories.client_of(owner), Client(headers={"X-API-Key": key}), Client()):
        body = b'{"payload": {"message": "this", "count": 1}}'
        assert client.post(URL, body, content_type="application/json").status_code in (200, 201)
    for headers in ({"X-API-Key": "no.key"}, {"Authorization": "Bearer nonsense"}):
        response = Client(headers=headers).post(URL, b"{}", content_type="application/json")
        assert (response.status_code, list(response.json())) == (401, ["detail"])
    settings.PIXTASKS_ANONYMOUS_API = False
    assert Client().post(URL, b"{}", content_type="application/json").status_code == 401


def test_an_idempotency_key_replays_the_first_answer(api: APIClient) -> None:
    first = api.post(URL, {"payload": PAYLOAD}, format="json", headers={"Idempotency-Key": "one"})
    again = api.post(URL, {"payload": PAYLOAD}, format="json", headers={"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert Task.objects.get().max_retries == 3


def test_the_slash_does_not_matter(api: APIClient) -> None:
    assert api.post(f"{URL}/", {"payload": PAYLOAD}, format="json").status_code == 201
    assert api.get("/tasks/").status_code == 200
