"""GET /api/celery/tasks/history (CONTRACT C16, X04, X05)."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from django_celery_results.models import TaskResult
from rest_framework.test import APIClient

from tasktypes.models import Task
from tasktypes.services.cancel import cancel_task
from tasktypes.services.claim import claim
from tests.api_celery.launching import API, GREET, failed, launch, succeeded


def ask(client: APIClient, query: str = "") -> Any:
    response = client.get(f"{API}/tasks/history{query}")
    assert response.status_code == 200, response.json()
    return response


def ids(client: APIClient, query: str = "") -> list[str]:
    return [row["task_id"] for row in ask(client, query).json()]


def pages(client: APIClient, query: str) -> list[list[str]]:
    found = []
    url = f"{API}/tasks/history{query}"
    for _ in range(50):
        response = client.get(url)
        found.append([row["task_id"] for row in response.json()])
        link = re.fullmatch(r'<(http://[^>]+)>; rel="next"', response.headers.get("Link", ""))
        if link is None:
            return found
        parts = urlsplit(link[1])
        url = f"{parts.path}?{parts.query}"
    raise AssertionError("the pages have no end")


def plain(number: int, *, minutes_ago: float = 0, **fields: Any) -> TaskResult:
    row = TaskResult.objects.create(
        task_id=f"plain-{number}", **{"task_name": "third.party", "status": "SUCCESS", **fields}
    )
    TaskResult.objects.filter(pk=row.pk).update(date_created=timezone.now() - timedelta(minutes=minutes_ago))
    return row


def test_executions_come_newest_first_with_how_they_ended(client: APIClient) -> None:
    good, bad = succeeded(client), failed(client)
    response = ask(client)
    assert [row["task_id"] for row in response.json()] == [bad.public_id, good.public_id]
    row = response.json()[0]
    assert list(row) == [
        "task_id",
        "task_type",
        "status",
        "source",
        "error",
        "attempts",
        "retried_from",
        "worker",
        "created_at",
        "started_at",
        "completed_at",
    ]
    assert [row[key] for key in ("task_type", "status", "source", "error", "attempts")] == [
        GREET,
        "FAILURE",
        "ledger",
        "nobody is there",
        1,
    ]
    assert response.headers["X-Total-Count"] == "2"


def test_it_is_filtered_by_celerys_words_and_by_type(client: APIClient) -> None:
    good, bad, waiting, running, stopping, revoked, retrying = (
        succeeded(client),
        failed(client),
        *(launch(client) for _ in range(5)),
    )
    for task in (running, stopping):
        claim(task.pk, 0, worker="tests", carrier="")
    cancel_task(stopping.pk)
    cancel_task(revoked.pk)
    Task.objects.filter(pk=retrying.pk).update(retries=1)
    expected = {
        "SUCCESS": [good],
        "FAILURE": [bad],
        "PENDING": [waiting],
        "RETRY": [retrying],
        "STARTED": [running],
        "PROGRESS": [],
        "REVOKED": [revoked, stopping],
    }
    for word, tasks in expected.items():
        assert ids(client, f"?status={word}") == [task.public_id for task in tasks], word
        assert [row["status"] for row in ask(client, f"?status={word}").json()] == [word] * len(tasks)
    other = launch(client, "ExampleDatabaseTask", params={"message": "this", "count": 1})
    assert ids(client, "?task_type=ExampleDatabaseTask") == [other.public_id]
    assert ids(client, f"?task_type={GREET}&status=SUCCESS") == [good.public_id]
    assert ask(client, "?status=SUCCESS").headers["X-Total-Count"] == "1"


@pytest.mark.parametrize("query", ["?status=success", "?status=completed", "?limit=0", "?limit=501", "?cursor=x"])
def test_other_words_are_a_422(client: APIClient, query: str) -> None:
    response = client.get(f"{API}/tasks/history{query}")
    assert (response.status_code, response.json()["detail"][0]["loc"][0]) == (422, "query")


def test_the_pages_hold_each_execution_once_whatever_comes_in_between(client: APIClient) -> None:
    tasks = [launch(client).public_id for _ in range(7)]
    for number in range(5):
        plain(number)
    found = pages(client, "?limit=5")
    assert [len(page) for page in found] == [5, 5, 2]
    flat = [task_id for page in found for task_id in page]
    assert flat == [f"plain-{number}" for number in (4, 3, 2, 1, 0)] + tasks[::-1]
    cancelled = [launch(client) for _ in range(4)]
    claim(cancelled[1].pk, 0, worker="tests", carrier="")
    for task in cancelled:
        cancel_task(task.pk)
    assert pages(client, "?status=REVOKED&limit=1") == [[task.public_id] for task in cancelled[::-1]]


def test_what_plain_celery_code_sent_stands_among_them_marked_as_such(client: APIClient) -> None:
    older, newer = plain(1, minutes_ago=5), plain(2, minutes_ago=-5, status="FAILURE", task_name="other.party")
    task = launch(client)
    rows = ask(client).json()
    assert [(row["task_id"], row["source"]) for row in rows] == [
        (newer.task_id, "celery"),
        (task.public_id, "ledger"),
        (older.task_id, "celery"),
    ]
    assert rows[0]["attempts"] is None
    assert ids(client, "?source=ledger") == [task.public_id]
    assert ids(client, "?source=celery") == [newer.task_id, older.task_id]
    assert ids(client, "?source=celery&status=FAILURE") == [newer.task_id]
    assert ids(client, "?task_type=third.party") == [older.task_id]
    assert ask(client).headers["X-Total-Count"] == "3"


def test_everybody_sees_their_own(ann_client: APIClient, bob_client: APIClient, client: APIClient) -> None:
    plain(1)
    task = launch(ann_client)
    assert ids(ann_client) == [task.public_id]
    assert ids(bob_client) == []
    assert (ask(ann_client).headers["X-Total-Count"], ask(bob_client).headers["X-Total-Count"]) == ("1", "0")
    assert ids(client) == [task.public_id, "plain-1"], "local acts as staff"
