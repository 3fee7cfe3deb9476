"""GET /api/celery/tasks/{task_id} (CONTRACT C03, C14, C21, X12, X23, X30, X59 and table 1.1)."""

from __future__ import annotations

import logging

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_results.models import TaskResult
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from rest_framework.test import APIClient

from tasktypes.models import Task
from tasktypes.services.cancel import cancel_task
from tasktypes.services.claim import claim
from tasktypes.services.context import LeasedContext
from tasktypes.services.retry import reopen
from tasktypes.services.settle import Cause, Settlement, settle
from tasktypes.states import State
from tests.api_celery.launching import API, GREET, failed, launch, status, succeeded

SIX = ["task_id", "status", "result", "error", "traceback", "meta"]


def started(task: Task) -> LeasedContext:
    claimed = claim(task.pk, task.attempt, worker="tests", carrier="m")
    assert claimed is not None
    return LeasedContext(claimed, time_limit=60)


def test_a_finished_task_shows_its_result_and_nothing_else_of_the_six(client: APIClient) -> None:
    task = succeeded(client)
    body = status(client, task)
    assert list(body) == [*SIX, "task_type", "created_at", "started_at", "completed_at", "attempts", "retried_from"]
    assert {key: body[key] for key in SIX} == {
        "task_id": task.public_id,
        "status": "SUCCESS",
        "result": {"greeting": "Hello Ann"},
        "error": None,
        "traceback": None,
        "meta": None,
    }
    assert (body["task_type"], body["attempts"], body["retried_from"]) == (GREET, 1, None)
    assert body["created_at"].endswith("Z") and body["started_at"].endswith("Z") and body["completed_at"].endswith("Z")


def test_each_state_has_its_word(client: APIClient) -> None:
    task = launch(client)
    assert status(client, task)["status"] == "PENDING"
    context = started(task)
    assert status(client, task) | {"started_at": None} == {
        **status(client, task),
        "status": "STARTED",
        "meta": None,
        "started_at": None,
    }
    context.checkpoint(progress={"current": 1, "total": 2})
    progressing = status(client, task)
    assert (progressing["status"], progressing["meta"]) == ("PROGRESS", {"current": 1, "total": 2})
    settle(
        [
            Settlement(
                task_id=task.pk,
                attempt=1,
                status=State.PENDING,
                cause=Cause.FAILURE,
                error_message="ValueError: no",
                traceback="Traceback",
            )
        ]
    )
    waiting = status(client, task)
    assert [waiting[key] for key in ("status", "error", "traceback", "meta")] == [
        "RETRY",
        "ValueError: no",
        "Traceback",
        None,
    ]
    Task.objects.filter(pk=task.pk).update(due_at=timezone.now())
    task.refresh_from_db()
    started(task)
    assert [status(client, task)[key] for key in ("status", "error", "attempts")] == ["PROGRESS", None, 2]
    cancel_task(task.pk)
    assert status(client, task)["status"] == "REVOKED", "at once, while it still stops"
    settle([Settlement(task_id=task.pk, attempt=2, status=State.CANCELLED)])
    assert status(client, task)["status"] == "REVOKED"


def test_a_failed_task_shows_error_and_traceback(client: APIClient) -> None:
    body = status(client, failed(client))
    assert (body["status"], body["error"], body["result"]) == ("FAILURE", "nobody is there", None)
    assert "PermanentFailure: nobody is there" in body["traceback"]


def test_a_task_is_found_by_the_id_of_each_of_its_messages(client: APIClient) -> None:
    task = launch(client)
    Task.objects.filter(pk=task.pk).update(rings=2)
    for ring in (1, 2):
        assert status(client, f"{task.public_id}.{ring}")["task_id"] == task.public_id
    for name in (f"{task.public_id}.3", f"{task.public_id}.0", f"{task.public_id}.01", f"{task.public_id}.x"):
        assert client.get(f"{API}/tasks/{name}").status_code == 404


def test_an_unknown_id_is_a_404_and_not_pending(client: APIClient) -> None:
    response = client.get(f"{API}/tasks/550e8400-e29b-41d4-a716-446655440000")
    assert response.status_code == 404
    assert response.json() == {"detail": "Task 550e8400-e29b-41d4-a716-446655440000 not found"}


def test_only_the_owner_and_staff_see_a_task(ann_client: APIClient, bob_client: APIClient, client: APIClient) -> None:
    task = succeeded(ann_client)
    for _ in ("from the database", "from the cache"):
        response = bob_client.get(f"{API}/tasks/{task.public_id}")
        assert (response.status_code, response.json()) == (403, {"detail": "Access denied to this resource"})
        assert status(ann_client, task)["status"] == "SUCCESS"
    assert status(client, task)["status"] == "SUCCESS", "local acts as staff"


def test_a_finished_task_answers_from_the_cache(ann_client: APIClient, settings: Settings) -> None:
    def asks_the_ledger(task: Task) -> bool:
        with CaptureQueriesContext(connection) as queries:
            status(ann_client, task)
        return any("task_list" in query["sql"] for query in queries)

    task, waiting = succeeded(ann_client), launch(ann_client)
    assert [asks_the_ledger(task), asks_the_ledger(task)] == [True, False]
    assert [asks_the_ledger(waiting), asks_the_ledger(waiting)] == [True, True]
    settings.PIXTASKS_STATUS_CACHE_SECONDS = 0
    task = succeeded(ann_client)
    assert [asks_the_ledger(task), asks_the_ledger(task)] == [True, True]


def test_a_retry_of_the_same_row_takes_the_answer_back(
    client: APIClient, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    task = failed(client)
    assert status(client, task)["status"] == "FAILURE"
    with django_capture_on_commit_callbacks(execute=True):
        reopen([task.pk])
    assert status(client, task)["status"] == "PENDING"


def test_nothing_has_changed_is_a_304(client: APIClient) -> None:
    task = succeeded(client)
    first = client.get(f"{API}/tasks/{task.public_id}")
    again = client.get(f"{API}/tasks/{task.public_id}", HTTP_IF_NONE_MATCH=first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = client.get(f"{API}/tasks/{task.public_id}", HTTP_IF_NONE_MATCH='"other"')
    assert other.status_code == 200


def test_what_plain_celery_code_left_behind_is_shown_to_staff(client: APIClient, ann_client: APIClient) -> None:
    TaskResult.objects.create(task_id="plain-1", task_name="third.party", status="SUCCESS", result='{"sum": 3}')
    TaskResult.objects.create(
        task_id="plain-2",
        task_name="third.party",
        status="FAILURE",
        result='{"exc_type": "ValueError", "exc_message": ["bad"], "exc_module": "builtins"}',
        traceback="Traceback",
    )
    good, bad = status(client, "plain-1"), status(client, "plain-2")
    assert (good["status"], good["result"], good["error"], good["attempts"]) == ("SUCCESS", {"sum": 3}, None, None)
    assert (bad["status"], bad["result"], bad["error"], bad["traceback"]) == (
        "FAILURE",
        None,
        "ValueError: bad",
        "Traceback",
    )
    assert ann_client.get(f"{API}/tasks/plain-1").status_code == 404


def test_the_log_shows_who_was_asked_about(client: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    task = launch(client)
    with caplog.at_level(logging.INFO):
        status(client, task)
    assert f"📊 Task status: {task.public_id} is PENDING" in [record.getMessage() for record in caplog.records]
