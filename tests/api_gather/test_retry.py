"""``POST /api/v1/automated-gather/retry/{taskId}``: a run goes on from its last save."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from gather.models import GatherRun
from pixtasks.accounts.models import User
from tasktypes.states import State
from tests.api_gather.conftest import BASE, a_run, end, record, refused, running


def retry(client: APIClient, run: GatherRun, **headers: str) -> Any:
    return client.post(f"{BASE}/retry/{run.task.public_id}", headers=headers)


@pytest.fixture
def run(ann: User) -> GatherRun:
    """A run of ten iterations that failed after four."""
    made = a_run(ann)
    context = running(made, 4)
    record(made, 4, 1, seconds=10.0)
    end(context, State.FAILED, error="no source answered")
    return made


def test_a_failed_run_goes_on_under_its_id_and_the_estimate_is_of_what_is_left(
    ann_client: APIClient, run: GatherRun
) -> None:
    response = retry(ann_client, run)
    assert (response.status_code, response.json()) == (
        202,
        {
            "taskId": run.task.public_id,
            "status": "pending",
            "message": "Automated gather task goes on from its last save",
            "data": {"projectId": "my-project", "gatherCount": 10, "estimatedDuration": 60},
        },
    )
    body = ann_client.get(f"{BASE}/status/{run.task.public_id}").json()
    assert (body["result"], body["progress"]["current"]) == (None, 4)
    assert body["status"] in ("PENDING", "PROGRESS")


def test_a_cancelled_run_goes_on(ann_client: APIClient, ann: User) -> None:
    run = a_run(ann, project_id="another")
    ann_client.delete(f"{BASE}/cancel/{run.task.public_id}")
    assert retry(ann_client, run).status_code == 202
    run.task.refresh_from_db()
    assert run.task.status == State.PENDING


def test_a_run_that_waits_runs_or_has_completed_is_refused(ann_client: APIClient, ann: User) -> None:
    run = a_run(ann)
    assert "pending" in refused(retry(ann_client, run), 400, "VALIDATION_ERROR")
    context = running(run, 1)
    assert "running" in refused(retry(ann_client, run), 400, "VALIDATION_ERROR")
    end(context, State.COMPLETED, result={})
    assert "completed" in refused(retry(ann_client, run), 400, "VALIDATION_ERROR")


def test_it_is_accepted_while_the_broker_is_down(ann_client: APIClient, run: GatherRun, settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert retry(ann_client, run).status_code == 202


def test_a_repetition_under_the_same_key_is_answered_the_same(ann_client: APIClient, run: GatherRun) -> None:
    first, again = (retry(ann_client, run, **{"Idempotency-Key": "again"}) for _ in range(2))
    assert (again.status_code, again.json()) == (202, first.json())


def test_unknown_and_foreign_runs_are_refused(bob_client: APIClient, run: GatherRun) -> None:
    refused(bob_client.post(f"{BASE}/retry/abc123-def456"), 404, "TASK_NOT_FOUND")
    refused(retry(bob_client, run), 403, "FORBIDDEN")
