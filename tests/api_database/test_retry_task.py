"""``PATCH`` and ``POST /tasks/{task_id}/retry`` (CONTRACT D18, X30)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from tasktypes.models import Task
from tasktypes.states import State
from tests import factories
from tests.api_database.conftest import Fussy, create, fault
from tests.ledger import run_all


def retry(client: APIClient, task_id: Any, method: str = "patch") -> Any:
    return getattr(client, method)(f"/tasks/{task_id}/retry")


@pytest.mark.parametrize("method", ["patch", "post"])
def test_a_failed_task_runs_again_under_its_id_and_counts_one_retry(api: APIClient, fussy: Fussy, method: str) -> None:
    task_id = create(api, "tests.fussy", fail=True)["id"]
    run_all()
    fussy.failing = False
    response = retry(api, task_id, method)
    assert response.status_code == 200
    body = response.json()
    assert (body["id"], body["status"], body["retries"], body["max_retries"]) == (task_id, "not_started", 1, 3)
    assert (body["error_message"], body["result_data"], body["completed_at"]) == (None, None, None)
    run_all()
    assert api.get(f"/tasks/{task_id}").json()["status"] == "success"
    assert Task.objects.count() == 1


def test_the_count_goes_on_and_the_budget_is_never_below_it(api: APIClient, fussy: Fussy) -> None:
    task_id = create(api, "tests.fussy", fail=True)["id"]
    for number in range(1, 6):
        run_all()
        body = retry(api, task_id).json()
        assert (body["retries"], body["max_retries"]) == (number, max(3, number))


def test_a_cancelled_task_can_be_retried(api: APIClient) -> None:
    task_id = create(api)["id"]
    api.delete(f"/tasks/{task_id}")
    assert retry(api, task_id).json()["status"] == "not_started"
    run_all()
    assert api.get(f"/tasks/{task_id}").json()["status"] == "success"


def test_what_succeeded_or_has_not_ended_is_refused(api: APIClient) -> None:
    task_id = create(api)["id"]
    for status in ("not_started", "success"):
        response = retry(api, task_id)
        assert (response.status_code, response.json()) == (
            400,
            {
                "detail": f"Cannot retry task {task_id} with status '{status}'. "
                "Only tasks with status 'error' can be retried."
            },
        )
        run_all()


def test_a_task_of_a_job_is_retried_through_the_job(api: APIClient) -> None:
    task = factories.tasks_of(factories.started_job())[0]
    factories.end(task, State.FAILED)
    response = retry(api, task.pk)
    assert response.status_code == 400
    assert "/retry" in response.json()["detail"]


def test_unknown_foreign_and_no_number(client: APIClient, stranger: APIClient) -> None:
    assert retry(client, 987_654).status_code == 404
    assert retry(stranger, create(client)["id"]).status_code == 403
    assert fault(retry(client, "abc"))[0] == ["path", "task_id"]


def test_an_idempotency_key_retries_once(api: APIClient, fussy: Fussy) -> None:
    task_id = create(api, "tests.fussy", fail=True)["id"]
    run_all()
    answers = [api.post(f"/tasks/{task_id}/retry", headers={"Idempotency-Key": "again"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert Task.objects.get().retries == 1
