"""``manage.py run_worker_example``: an outside worker against the product over real HTTP (CONTRACT X36, D16)."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer
from rest_framework.test import APIClient

from tasktypes.management.outside_worker import Beat, OutsideWorker
from tasktypes.models import Task
from tests.commands.conftest import run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def api() -> APIClient:
    return APIClient()


def declare(api: APIClient, name: str = "echo") -> int:
    return int(api.post("/api/task-types", {"name": name}, format="json").json()["id"])


def submit(api: APIClient, type_id: int, **parameters: Any) -> int:
    body = {"task_type_id": type_id, "parameters": parameters, "max_retries": 0}
    response = api.post("/api/tasks", body, format="json")
    assert response.status_code == 201, response.content
    return int(response.json()["id"])


def test_it_works_on_everything_there_is_and_says_so(api: APIClient, live_server: LiveServer) -> None:
    type_id = declare(api)
    ids = [submit(api, type_id, number=number) for number in range(3)]
    result = run("run_worker_example", "--url", live_server.url, "--once", "--json")
    assert result.code == 0
    assert result.json["tasks"] == [{"id": number, "task_type": "echo", "ended": "completed"} for number in ids]
    shown = api.get(f"/tasks/{ids[1]}").json()
    assert (shown["status"], shown["result_data"]) == ("success", {"echo": {"number": 1}})
    assert Task.objects.get(pk=ids[0]).worker.startswith("example@")


def test_it_takes_the_types_it_is_told_and_as_many_as_it_is_told(api: APIClient, live_server: LiveServer) -> None:
    wanted, other = declare(api), declare(api, "other")
    for _ in range(2):
        submit(api, wanted)
        submit(api, other)
    result = run("run_worker_example", "--url", live_server.url, "--type", "other", "--limit", "1", "--seconds", "0.1")
    assert "1 task worked on." in result.output
    assert list(Task.objects.filter(status="completed").values_list("type_name", flat=True)) == ["other"]


def test_a_task_that_is_cancelled_meanwhile_stops_at_the_next_heartbeat(
    api: APIClient, live_server: LiveServer
) -> None:
    task_id = submit(api, declare(api))
    worker = OutsideWorker(live_server.url, "tests", None)
    task = worker.claim()
    assert task is not None

    def work(parameters: dict[str, Any], beat: Beat) -> dict[str, Any]:
        beat({"percent": 10})
        api.delete(f"/tasks/{task_id}")
        beat({"percent": 20})
        return {}

    assert worker.run(task, work) == "cancelled"
    row = Task.objects.get()
    assert row.status == "cancelled"
    assert row.progress == {"percent": 20}


def test_work_that_fails_and_a_lease_that_was_lost(api: APIClient, live_server: LiveServer) -> None:
    task_id = submit(api, declare(api))
    worker = OutsideWorker(live_server.url, "tests", ["echo"])

    def work(parameters: dict[str, Any], beat: Beat) -> dict[str, Any]:
        raise KeyError("missing")

    task = worker.claim()
    assert task is not None
    assert worker.run(task, work) == "failed"
    row = Task.objects.get(pk=task_id)
    assert (row.status, row.error_message) == ("failed", "KeyError: 'missing'")
    assert worker.run(task, lambda parameters, beat: {}) == "lost"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--url", "ftp://x"), "begins with http:// or https://"),
        (("--lease", "0"), "--lease takes at least 1 second"),
        (("--url", "http://127.0.0.1:9", "--once"), "http://127.0.0.1:9 cannot be reached"),
    ],
)
def test_what_cannot_work_is_said_in_a_sentence(arguments: tuple[str, ...], sentence: str) -> None:
    result = run("run_worker_example", *arguments)
    assert result.code == 1
    assert sentence in result.complaint


def test_wrong_credentials_are_said(live_server: LiveServer) -> None:
    result = run("run_worker_example", "--url", live_server.url, "--once", "--api-key", "no.key")
    assert (result.code, "answered 401" in result.complaint) == (1, True)
