"""DELETE /api/celery/tasks/{task_id} (CONTRACT C04, C14, X06, X27, X29, X65)."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from rest_framework.test import APIClient

from tasktypes.models import Task
from tasktypes.services.claim import claim
from tasktypes.states import State
from tests.api_celery.launching import API, failed, launch, status, succeeded


def revoke(client: APIClient, task: Task, query: str = "") -> Any:
    response = client.delete(f"{API}/tasks/{task.public_id}{query}")
    assert response.status_code == 200, response.json()
    return response.json()


def test_a_waiting_task_never_runs(client: APIClient) -> None:
    task = launch(client)
    assert revoke(client, task) == {
        "task_id": task.public_id,
        "status": "REVOKED",
        "terminate": False,
        "message": f"Task {task.public_id} has been revoked",
    }
    assert status(client, task)["status"] == "REVOKED"
    assert claim(task.pk, 0, worker="tests", carrier="") is None


def test_a_running_task_is_asked_to_stop_and_reads_revoked_at_once(client: APIClient) -> None:
    task = launch(client)
    claim(task.pk, 0, worker="tests", carrier="")
    assert revoke(client, task)["status"] == "REVOKED"
    assert status(client, task)["status"] == "REVOKED"
    task.refresh_from_db()
    assert (task.status, task.cancel_requested_at is not None) == (State.RUNNING, True), "it may still store and stop"


@pytest.mark.parametrize("word", ["true", "True", "1"])
def test_terminate_ends_a_running_task_now(client: APIClient, word: str) -> None:
    task = launch(client)
    claim(task.pk, 0, worker="tests", carrier=f"{task.public_id}.1")
    assert revoke(client, task, f"?terminate={word}")["terminate"] is True
    task.refresh_from_db()
    assert task.status == State.CANCELLED


def test_a_finished_task_stays_what_it_is_and_the_answer_says_so(client: APIClient) -> None:
    for task, word in ((succeeded(client), "SUCCESS"), (failed(client), "FAILURE")):
        assert revoke(client, task, "?terminate=true") == {
            "task_id": task.public_id,
            "status": word,
            "terminate": True,
            "message": f"Task {task.public_id} had already finished with status {word}",
        }
        assert status(client, task)["status"] == word


def test_a_second_revoke_of_a_stopping_task_says_the_same(client: APIClient) -> None:
    task = launch(client)
    claim(task.pk, 0, worker="tests", carrier="")
    assert revoke(client, task) == revoke(client, task)


def test_an_unknown_task_is_a_404_and_somebody_elses_a_403(ann_client: APIClient, bob_client: APIClient) -> None:
    assert ann_client.delete(f"{API}/tasks/nothing").json() == {"detail": "Task nothing not found"}
    task = launch(ann_client)
    assert bob_client.delete(f"{API}/tasks/{task.public_id}").status_code == 403
    assert status(ann_client, task)["status"] == "PENDING"


def test_terminate_takes_a_truth_value_only(client: APIClient) -> None:
    response = client.delete(f"{API}/tasks/{launch(client).public_id}?terminate=perhaps")
    assert (response.status_code, response.json()["detail"][0]["loc"]) == (422, ["query", "terminate"])


def test_the_log_shows_a_revoke(client: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    task = launch(client)
    with caplog.at_level(logging.INFO):
        revoke(client, task)
    assert any(record.getMessage().startswith(f"🚫 Revoking task: {task.public_id}") for record in caplog.records)
