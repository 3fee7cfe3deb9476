"""Dialect D in the OpenAPI document, and the document against the product (CONTRACT C07, D01, J43)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)

from pixtasks.accounts.models import User
from tasktypes.handlers import handlers
from tasktypes.services.database_tasks import submit_once
from tests.accounts.factories import sign_in
from tests.api_database.conftest import Fussy
from tests.document import many_requests, operations_of, rounds, turns

D = r"^/tasks"


@pytest.fixture
def document(db: None) -> Any:
    return Client().get("/openapi.json").json()


def test_the_name_is_a_drop_down_of_the_registered_handlers(document: Any, fussy: Fussy) -> None:
    parameters = document["paths"]["/tasks/{task_name}"]["post"]["parameters"]
    [name] = [one for one in parameters if one["name"] == "task_name"]
    assert (name["in"], name["schema"]) == ("path", {"$ref": "#/components/schemas/TaskNameEnum"})
    names = Client().get("/openapi.json").json()["components"]["schemas"]["TaskNameEnum"]
    assert (names["type"], names["enum"]) == ("string", handlers.names())
    assert {"ExampleDatabaseTask", "tests.fussy", "jobs.download_images"} <= set(names["enum"])


def test_the_documented_component_names_are_there(document: Any) -> None:
    wanted = {"CreateTaskRequest", "CreateTaskResponse", "TaskListResponse", "DatabaseTask", "TaskNameEnum"}
    assert wanted <= set(document["components"]["schemas"])
    create = document["paths"]["/tasks/{task_name}"]["post"]
    body = create["requestBody"]["content"]["application/json"]["schema"]
    assert body == {"$ref": "#/components/schemas/CreateTaskRequest"}
    for status in ("200", "201"):
        answer = create["responses"][status]["content"]["application/json"]["schema"]
        assert answer == {"$ref": "#/components/schemas/CreateTaskResponse"}


def test_every_operation_says_what_it_does_and_what_it_answers(document: Any) -> None:
    found = {
        (path, method): operation
        for path, methods in document["paths"].items()
        if path.startswith("/tasks")
        for method, operation in methods.items()
    }
    assert set(found) == {
        ("/tasks", "get"),
        ("/tasks/stats", "get"),
        ("/tasks/{task_id}", "get"),
        ("/tasks/{task_id}", "delete"),
        ("/tasks/{task_id}/retry", "patch"),
        ("/tasks/{task_id}/retry", "post"),
        ("/tasks/{task_name}", "post"),
        ("/tasks/{task_name}/batch", "post"),
    }
    for (path, method), operation in found.items():
        where = f"{method} {path}"
        assert operation["summary"] and operation["tags"] == ["Tasks"], where
        assert {"401", "422", "429", "503"} <= set(operation["responses"]), where
        assert "task_id" not in path or {"403", "404"} <= set(operation["responses"]), where
        assert {} in operation["security"], f"{where}: nobody need sign in during development"


@pytest.fixture
def token(owner: User, settings: Settings) -> Iterator[str]:
    """A token; many requests share the test's transaction and none is limited."""
    signed_in = sign_in(owner)["access_token"]  # Before: the test client connects the signals again.
    with many_requests(settings):
        yield signed_in


@operations_of(D)
@rounds(20)
def test_the_product_answers_as_the_document_says(case: Any, owner: User, token: str) -> None:
    """Whatever is sent: no 5xx, no status, type or body that is not documented."""
    # An id and a name have one path between them, so a method of the one is known to the other.
    excluded = [ignored_auth, positive_data_acceptance, unsupported_method]
    headers = {"Authorization": f"Bearer {token}"}
    if next(turns) % 2:
        # It was perhaps the path that had been made wrong.
        excluded.append(negative_data_rejection)
        payload = {"message": "this", "count": next(turns) % 1000}
        made = submit_once("ExampleDatabaseTask", payload, owner_id=owner.pk)
        real = {"task_id": made.task.pk, "task_name": "ExampleDatabaseTask"}
        case.path_parameters = {name: real[name] for name in case.path_parameters or {}}
    response = case.call(headers=headers)
    case.validate_response(response, excluded_checks=excluded)
