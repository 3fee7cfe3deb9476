"""POST and PATCH /api/celery/tasks/{task_id}/retry (CONTRACT C05, X30)."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from pixtasks.accounts.models import User
from tasktypes.models import Task
from tasktypes.services.submit import NewTask, submit
from tasktypes.services.task_types import register_type, update_type
from tasktypes.states import State
from tests import factories
from tests.api_celery.launching import API, GREET, failed, launch, status, succeeded
from tests.ledger import run_task


def retry(client: APIClient, task: Task, method: str = "post", **headers: str) -> tuple[int, Any]:
    response = getattr(client, method)(f"{API}/tasks/{task.public_id}/retry", **headers)
    return response.status_code, response.json()


@pytest.mark.parametrize("method", ["post", "patch"])
def test_a_failed_task_is_launched_again_as_a_new_one(client: APIClient, method: str) -> None:
    old = failed(client)
    Task.objects.filter(pk=old.pk).update(priority=7)
    code, body = retry(client, old, method)
    assert code == 202
    assert body["task_id"] != old.public_id
    assert body | {"task_id": ""} == {
        "task_id": "",
        "retried_from": old.public_id,
        "status": "PENDING",
        "message": f"Task {old.public_id} is retried as task {body['task_id']}",
    }
    new = Task.objects.get(public_id=body["task_id"])
    assert (new.parameters, new.priority, new.retries) == (old.parameters, 7, 0)
    assert status(client, new)["retried_from"] == old.public_id
    assert status(client, old)["status"] == "FAILURE"
    assert run_task(new).status == State.FAILED, "it really runs, into the same failure"


def test_what_has_not_failed_cannot_be_retried(client: APIClient) -> None:
    assert retry(client, succeeded(client)) == (
        400,
        {"detail": "Cannot retry task in state: SUCCESS. Only FAILURE tasks can be retried."},
    )
    assert retry(client, launch(client)) == (
        400,
        {"detail": "Cannot retry task in state: PENDING. Only FAILURE tasks can be retried."},
    )
    assert Task.objects.count() == 2


def test_a_task_of_a_job_names_the_jobs_own_retry(client: APIClient) -> None:
    job = factories.end_job(factories.started_job(), State.FAILED)
    code, body = retry(client, factories.tasks_of(job)[0])
    assert code == 400
    assert body["detail"].endswith(f"cannot be retried alone: use POST /api/v1/jobs/{job.pk}/retry instead")


def test_the_new_task_belongs_to_the_owner_of_the_old_one(client: APIClient, ann_client: APIClient, ann: User) -> None:
    _, body = retry(client, failed(ann_client))
    assert Task.objects.get(public_id=body["task_id"]).created_by == ann, "staff have retried it for her"


def test_somebody_elses_task_is_a_403_and_an_unknown_one_a_404(ann_client: APIClient, bob_client: APIClient) -> None:
    assert retry(bob_client, failed(ann_client)) == (403, {"detail": "Access denied to this resource"})
    assert ann_client.post(f"{API}/tasks/nothing/retry").json() == {"detail": "Task nothing not found"}


def test_a_repetition_under_the_same_key_launches_nothing(client: APIClient) -> None:
    old = failed(client)
    first = retry(client, old, HTTP_IDEMPOTENCY_KEY="once")
    assert retry(client, old, HTTP_IDEMPOTENCY_KEY="once") == first
    assert Task.objects.count() == 2


def test_a_broker_that_is_down_is_said_and_nothing_is_inserted(client: APIClient, settings: Settings) -> None:
    old = failed(client)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert retry(client, old) == (500, {"detail": "Failed to launch task: Redis connection refused"})
    assert Task.objects.count() == 1


def test_a_task_of_a_declared_type_keeps_its_type_while_that_is_active(client: APIClient, ann: User) -> None:
    declared = register_type(creator=ann, name="resize")
    old = submit([NewTask(type_name="resize", task_type=declared)], owner_id=ann.pk)[0]
    Task.objects.filter(pk=old.pk).update(status=State.FAILED)
    _, body = retry(client, old)
    assert Task.objects.get(public_id=body["task_id"]).task_type == declared
    update_type(declared, actor=ann, is_active=False)
    assert retry(client, old) == (400, {"detail": "Task type 'resize' is not active"})


def test_a_task_that_failed_for_its_prerequisite_sends_to_that_one(client: APIClient, ann: User) -> None:
    first = submit([NewTask(type_name=GREET, parameters={"name": "A", "fail": True})], owner_id=ann.pk)[0]
    second = submit([NewTask(type_name=GREET, parameters={"name": "B"}, depends_on=[first.pk])], owner_id=ann.pk)[0]
    run_task(first)
    second.refresh_from_db()
    assert second.status == State.FAILED
    code, body = retry(client, second)
    assert (code, first.public_id in body["detail"]) == (400, True)
