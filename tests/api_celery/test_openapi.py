"""Dialect C in the OpenAPI document, and the document against the product (CONTRACT C07, C08, C11)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from pixtasks.accounts.models import User
from tasktypes.handlers import handlers
from tasktypes.services.celery_states import TaskStatus
from tasktypes.services.launch import Launch, launch
from tests.accounts.factories import sign_in
from tests.api_celery.launching import GREET
from tests.document import many_requests, operations_of, rounds, turns

C = r"^/api/celery/"


@pytest.fixture
def document(db: None) -> Any:
    return Client().get("/openapi.json").json()


def test_the_documented_components_are_there_and_the_enums_are_those_of_the_registry(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert {"TaskLaunchRequest", "TaskLaunchResponse", "TaskStatusResponse", "AvailableTask"} <= set(schemas)
    assert schemas["TaskType"]["enum"] == [name for name in handlers.names() if not name.startswith("tests.")]
    assert schemas["TaskStatus"]["enum"] == [word.value for word in TaskStatus]
    launching = schemas["TaskLaunchRequest"]["properties"]
    assert launching["task_type"]["$ref"] == "#/components/schemas/TaskType"
    models = {choice["$ref"].rsplit("/", 1)[1] for choice in launching["params"]["anyOf"]}
    assert {"ExamplePayload", "DownloadParams", "ValidationParams"} <= models <= set(schemas)


def test_every_operation_has_the_tag_and_says_what_it_answers(document: Any) -> None:
    found = {
        (path, method): operation
        for path, methods in document["paths"].items()
        if path.startswith("/api/celery/")
        for method, operation in methods.items()
    }
    assert {(path.removeprefix("/api/celery/"), method) for path, method in found} == {
        ("tasks", "get"),
        ("tasks/launch", "post"),
        ("tasks/history", "get"),
        ("tasks/{task_id}", "get"),
        ("tasks/{task_id}", "delete"),
        ("tasks/{task_id}/retry", "post"),
        ("tasks/{task_id}/retry", "patch"),
        ("stats", "get"),
    }
    for (path, method), operation in found.items():
        assert operation["tags"] == ["Celery Tasks"]
        assert operation["summary"]
        assert {"401", "429", "503"} <= set(operation["responses"]), (path, method)
    assert "500" in found["/api/celery/tasks/launch", "post"]["responses"]


@pytest.fixture
def token(ann: User, settings: Settings) -> Iterator[str]:
    """A token; many requests share the test's transaction and none is limited."""
    signed_in = sign_in(ann)["access_token"]  # Before: the test client connects the signals again.
    with many_requests(settings):
        yield signed_in


@operations_of(C)
@rounds(15)
def test_the_product_answers_as_the_document_says(case: Any, ann: User, token: str) -> None:
    """Whatever is sent: no undeclared status, type or body, and a 500 only for a broker that is down."""
    # Asked elsewhere: credentials, and params of another type than the one that is launched.
    excluded = [ignored_auth, positive_data_acceptance]
    if next(turns) % 2 and case.path_parameters:
        excluded.append(negative_data_rejection)
        task = launch(Launch(task_type=GREET, params={"name": "Ann"}), caller=ann)
        case.path_parameters = {"task_id": task.public_id}
    response = case.call(headers={"Authorization": f"Bearer {token}"})
    assert response.status_code < 500
    case.validate_response(response, excluded_checks=excluded)
