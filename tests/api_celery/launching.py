"""Launching through the API, for tests about what comes after."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from tasktypes.models import Task
from tests.ledger import run_task

API = "/api/celery"
GREET = "tests.greet_somebody"


def launch(client: APIClient, task_type: str = GREET, **more: Any) -> Task:
    """Launch one task and return its row."""
    wanted = {"task_type": task_type, "params": {"name": "Ann"}, **more}
    response = client.post(f"{API}/tasks/launch", wanted, format="json")
    assert response.status_code == 202, response.json()
    return Task.objects.get(public_id=response.json()["task_id"])


def succeeded(client: APIClient) -> Task:
    """Launch a task and run it to its end."""
    return run_task(launch(client))


def failed(client: APIClient) -> Task:
    """Launch a task and run it into its failure."""
    return run_task(launch(client, params={"name": "Ann", "fail": True}))


def status(client: APIClient, task: Task | str) -> Any:
    """Return the status of a task."""
    task_id = task if isinstance(task, str) else task.public_id
    response = client.get(f"{API}/tasks/{task_id}")
    assert response.status_code == 200, response.json()
    return response.json()
