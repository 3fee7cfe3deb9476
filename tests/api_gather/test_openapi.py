"""Dialect G in the OpenAPI document, and the document against the product (CONTRACT G36)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from pixtasks.accounts.models import User
from tests.accounts.factories import sign_in
from tests.api_gather.conftest import BASE, a_run, record
from tests.document import many_requests, operations_of, rounds, turns

G = r"^/api/v1/automated-gather/"


@pytest.fixture
def document(db: None) -> Any:
    return Client().get("/openapi.json").json()


def operations(document: Any) -> dict[tuple[str, str], Any]:
    return {
        (path.removeprefix(f"{BASE}/"), method): operation
        for path, methods in document["paths"].items()
        if path.startswith(f"{BASE}/")
        for method, operation in methods.items()
    }


def test_every_operation_says_what_it_does_and_what_it_answers(document: Any) -> None:
    found = operations(document)
    assert set(found) == {
        ("start", "post"),
        ("runs", "get"),
        ("status/{taskId}", "get"),
        ("cancel/{taskId}", "delete"),
        ("retry/{taskId}", "post"),
        ("data/{taskId}", "get"),
        ("data/{taskId}/{gatherDataId}", "get"),
    }
    for (path, method), operation in found.items():
        where = f"{method} {path}"
        assert operation["summary"] and operation["tags"] == ["Automated Gather"], where
        assert {"401", "429", "503"} <= set(operation["responses"]), where
        assert "422" not in operation["responses"], f"{where}: invalid input is 400 in G (CONTRACT X10)"
        assert "taskId" not in path or {"403", "404"} <= set(operation["responses"]), where
        assert {} in operation["security"], f"{where}: nobody need sign in during development"
        for status, answer in operation["responses"].items():
            schema = answer["content"]["application/json"]["schema"]
            assert status < "400" or schema == {"$ref": "#/components/schemas/ErrorResponse"}, where
    assert {"400", "409", "413", "415", "500"} <= set(found["start", "post"]["responses"])
    assert "409" in found["cancel/{taskId}", "delete"]["responses"]


def test_the_body_of_a_start_says_its_bounds_and_defaults(document: Any) -> None:
    schemas = document["components"]["schemas"]
    body = operations(document)["start", "post"]["requestBody"]["content"]["application/json"]["schema"]
    params = schemas[body["$ref"].rsplit("/", 1)[1]]
    assert set(params["required"]) == {"projectId", "gatherCount"}
    count = params["properties"]["gatherCount"]
    assert (count["type"], count["minimum"], count["maximum"]) == ("integer", 1, 100)
    options = schemas["GatherOptions"]["properties"]
    assert (options["saveInterval"]["minimum"], options["saveInterval"]["maximum"]) == (1, 50)
    assert (options["saveInterval"]["default"], options["errorRecovery"]["default"]) == (5, True)
    wanted = {"onComplete": True, "onError": True, "onProgress": False}
    preferences = schemas["NotificationPreferences"]["properties"]
    assert {name: part["default"] for name, part in preferences.items()} == wanted


def test_the_documented_keys_are_those_of_the_components(document: Any) -> None:
    schemas = document["components"]["schemas"]
    for name, keys in {
        "GatherStarted": ["taskId", "status", "message", "data"],
        "GatherTaskStatus": ["taskId", "status", "progress", "result", "updates", "startTime", "endTime"],
        "GatherCancelled": ["taskId", "status", "message", "partialResults"],
        "ErrorResponse": ["error", "message", "details", "statusCode"],
    }.items():
        assert list(schemas[name]["properties"]) == keys, name
    assert schemas["GatherStatus"]["enum"] == ["PENDING", "STARTED", "PROGRESS", "SUCCESS", "FAILURE", "REVOKED"]
    assert "endTime" not in schemas["GatherTaskStatus"]["required"]


def test_the_examples_are_those_of_the_document(document: Any) -> None:
    found = operations(document)
    started = found["start", "post"]["responses"]["202"]["content"]["application/json"]["examples"]
    assert started["Queued"]["value"]["message"] == "Automated gather task started successfully"
    refused = found["start", "post"]["responses"]["400"]["content"]["application/json"]["examples"]
    assert refused["NotValid"]["value"]["message"] == "gatherCount must be between 1 and 100"
    for path, method, text in (
        ("status/{taskId}", "get", "Task not found or status unavailable"),
        ("cancel/{taskId}", "delete", "Task not found"),
    ):
        unknown = found[path, method]["responses"]["404"]["content"]["application/json"]["examples"]["Unknown"]
        assert unknown["value"] == {"error": "TASK_NOT_FOUND", "message": text, "statusCode": 404}


@pytest.fixture
def token(ann: User, settings: Settings) -> Iterator[str]:
    """A token; many requests share the test's transaction, none is limited, and no cancel waits for a worker."""
    signed_in = sign_in(ann)["access_token"]  # Before: the test client connects the signals again.
    settings.PIXTASKS_GATHER_CANCEL_SECONDS = 0
    with many_requests(settings):
        yield signed_in


@operations_of(G)
@rounds(20)
def test_the_product_answers_as_the_document_says(case: Any, ann: User, token: str) -> None:
    """Whatever is sent: no 5xx, no status, type or body that is not documented."""
    # Asked elsewhere: credentials, and names of engines and projects that a schema cannot know.
    excluded = [ignored_auth, positive_data_acceptance]
    if next(turns) % 2 and case.path_parameters:
        # It was perhaps the path that had been made wrong.
        excluded.append(negative_data_rejection)
        run = a_run(ann, gather_count=3)
        record(run, 1, 1)
        real = {"taskId": run.task.public_id, "gatherDataId": "gather-001"}
        case.path_parameters = {name: real[name] for name in case.path_parameters}
    response = case.call(headers={"Authorization": f"Bearer {token}"})
    assert response.status_code < 500
    case.validate_response(response, excluded_checks=excluded)
