"""Dialect R in the OpenAPI document, and the document against the product (CONTRACT R27, J43)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from pixtasks.accounts.models import User
from pixtasks.accounts.services.users import local_user
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.task_types import register_type
from tests.document import many_requests, operations_of, rounds, turns

OPERATIONS = {
    ("get", "/api/task-types"): "TaskTypes",
    ("post", "/api/task-types"): "TaskTypes",
    ("get", "/api/task-types/{task_type_id}"): "TaskTypes",
    ("put", "/api/task-types/{task_type_id}"): "TaskTypes",
    ("delete", "/api/task-types/{task_type_id}"): "TaskTypes",
    ("get", "/api/tasks"): "TaskList",
    ("post", "/api/tasks"): "TaskList",
    ("get", "/api/tasks/stats"): "TaskList",
    ("post", "/api/tasks/claim"): "TaskList",
    ("get", "/api/tasks/{task_id}"): "TaskList",
    ("put", "/api/tasks/{task_id}"): "TaskList",
    ("delete", "/api/tasks/{task_id}"): "TaskList",
    ("post", "/api/tasks/{task_id}/heartbeat"): "TaskList",
    ("post", "/api/tasks/{task_id}/complete"): "TaskList",
    ("post", "/api/tasks/{task_id}/fail"): "TaskList",
    ("post", "/api/tasks/{task_id}/retry"): "TaskList",
    ("patch", "/api/tasks/{task_id}/retry"): "TaskList",
}


@pytest.fixture
def operations(db: None) -> dict[tuple[str, str], Any]:
    document = Client().get("/openapi.json").json()
    return {
        (verb, path): operation
        for path, methods in document["paths"].items()
        if path.startswith(("/api/tasks", "/api/task-types"))
        for verb, operation in methods.items()
    }


def test_every_operation_has_the_documented_tag_and_says_what_it_answers(
    operations: dict[tuple[str, str], Any],
) -> None:
    """CONTRACT R27."""
    assert {key: operation["tags"][0] for key, operation in operations.items()} == OPERATIONS
    for (verb, path), operation in operations.items():
        assert operation["summary"], path
        assert {"401", "429", "503"} <= set(operation["responses"]), path
        assert "{" not in path or "404" in operation["responses"], path
        named = {parameter["name"] for parameter in operation.get("parameters", [])}
        assert verb != "post" or "Idempotency-Key" in named, path
        assert {} in operation["security"], path


def test_lists_are_arrays_and_document_their_headers(operations: dict[tuple[str, str], Any]) -> None:
    for path in ("/api/task-types", "/api/tasks"):
        answer = operations["get", path]["responses"]["200"]
        assert set(answer["headers"]) == {"X-Total-Count", "Link"}


@pytest.fixture
def local(db: None, settings: Settings) -> Iterator[User]:
    """The caller; many requests share the test's transaction and none is limited."""
    with many_requests(settings):
        yield local_user()


@operations_of(r"^/api/(tasks|task-types)")
@rounds(20)
def test_the_product_answers_as_the_document_says(case: Any, local: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is sent: no 5xx, no status, type or body that is not documented."""
    monkeypatch.setattr("tasktypes.services.waiting.sleep", lambda seconds: None)
    monkeypatch.setattr("tasktypes.services.waiting.monotonic", count(step=1000).__next__)
    # Asked elsewhere: credentials (test_who_calls.py), and what the state of a task refuses (a module per endpoint).
    excluded = [ignored_auth, positive_data_acceptance]
    turn = next(turns)
    # Every other example is about something that is there.
    if turn % 2:
        # It was perhaps the path that had been made wrong.
        excluded.append(negative_data_rejection)
        task_type = register_type(creator=local, name=f"type {turn}")
        task = submit([NewTask(type_name=task_type.name, task_type=task_type)], owner_id=local.pk)[0]
        real = {"task_id": task.pk, "task_type_id": task_type.pk}
        case.path_parameters = {name: real[name] for name in case.path_parameters or {}}
    response = case.call()
    case.validate_response(response, excluded_checks=excluded)
