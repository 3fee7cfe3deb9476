"""GET /api/celery/tasks (CONTRACT C01, C08, C12, C13, X58)."""

from __future__ import annotations

from typing import Any

from pytest_django import Settings
from rest_framework.test import APIClient

from tasktypes.handlers import handlers
from tests.api_celery.launching import API, GREET


def tasks(client: APIClient) -> dict[str, Any]:
    response = client.get(f"{API}/tasks")
    assert response.status_code == 200
    assert isinstance(response.json(), list)
    return {task["task_type"]: task for task in response.json()}


def test_a_fresh_installation_lists_every_registered_handler_without_credentials(client: APIClient) -> None:
    found = tasks(client)
    assert list(found) == handlers.names()
    assert {
        "ExampleDatabaseTask",
        "jobs.download_images",
        "jobs.validate_images_fast",
        "jobs.validate_images_medium",
        "jobs.validate_images_slow",
    } <= set(found)


def test_registering_a_handler_class_is_all_that_a_new_task_needs(client: APIClient) -> None:
    assert tasks(client)[GREET] | {"parameters_schema": {}} == {
        "task_type": GREET,
        "name": "Greet somebody",
        "description": "Greet somebody.",
        "parameters": {
            "name": {
                "type": "string",
                "required": True,
                "default": None,
                "description": "Whom to greet.",
                "min": None,
                "max": 20,
            },
            "times": {
                "type": "integer",
                "required": False,
                "default": 1,
                "description": "How often.",
                "min": 1,
                "max": 5,
            },
            "fail": {
                "type": "boolean",
                "required": False,
                "default": False,
                "description": "",
                "min": None,
                "max": None,
            },
        },
        "parameters_schema": {},
    }


def test_the_schema_holds_every_detail(client: APIClient) -> None:
    schema = tasks(client)[GREET]["parameters_schema"]
    assert schema["required"] == ["name"]
    assert schema["properties"]["times"]["maximum"] == 5


def test_credentials_are_needed_where_the_anonymous_api_is_off(client: APIClient, settings: Settings) -> None:
    settings.PIXTASKS_ANONYMOUS_API = False
    assert client.get(f"{API}/tasks").status_code == 401


def test_wrong_credentials_are_refused_always(client: APIClient) -> None:
    client.credentials(HTTP_X_API_KEY="no.key")
    assert client.get(f"{API}/tasks").status_code == 401
