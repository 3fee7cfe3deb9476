"""``GET /api/tasks?q=…``: full-text search (CONTRACT R31, X04)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from tasktypes.models import Task
from tasktypes.services.search import search_tasks, vector_sql
from tests.api_registry.conftest import TASKS


def found(client: APIClient, q: str, **query: Any) -> list[int]:
    response = client.get(TASKS, {"q": q, **query})
    assert response.status_code == 200, response.content
    assert not response.has_header("X-Total-Count")
    return [row["id"] for row in response.json()]


def test_every_word_must_occur_somewhere_in_the_task(client: APIClient, make_type: Any, make_task: Any) -> None:
    video = make_type("video_processing")["id"]
    one = make_task(task_type_id=video, parameters={"input_file": "holiday/video.raw"}, metadata={"user": "Ann"})["id"]
    two = make_task(parameters={"title": "Größe  zählt\nimmer", "n": 17})["id"]
    assert found(client, "holiday") == [one]
    assert found(client, "VIDEO raw ann") == [one]
    assert found(client, "holiday/video.raw") == [one]
    assert found(client, "processing") == [one]
    assert found(client, "zählt immer") == [two]
    assert found(client, "17") == [two]
    assert found(client, "holiday zählt") == []
    assert found(client, "100%") == []
    assert found(client, "!!!") == []


def test_results_and_errors_are_searched_too(client: APIClient, make_task: Any) -> None:
    done, bad = make_task()["id"], make_task()["id"]
    client.put(f"{TASKS}/{done}", {"status": "completed", "result": {"city": "Lisbon"}}, format="json")
    client.put(f"{TASKS}/{bad}", {"status": "failed", "error_message": "disk full in Lisbon"}, format="json")
    assert found(client, "lisbon") == [bad, done]
    assert found(client, "lisbon", status="completed") == [done]


def test_search_is_paged_and_keeps_to_ones_own(
    client: APIClient, owned: APIClient, make_type: Any, make_task: Any
) -> None:
    number = make_type()["id"]
    made = [make_task(task_type_id=number, parameters={"word": "needle"})["id"] for _ in range(3)]
    mine = make_task(by=owned, task_type_id=number, parameters={"word": "needle"})["id"]
    assert found(owned, "needle") == [mine]
    first = client.get(TASKS, {"q": "needle", "limit": 3})
    second = client.get(first["Link"].split(">")[0][1:])
    assert [row["id"] for response in (first, second) for row in response.json()] == [mine, *made[::-1]]


@pytest.mark.services
def test_postgresql_finds_words_by_the_index(make_task: Any) -> None:
    """The migration's index is over the very expression of the query, and holds also a task of a megabyte."""
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL only")
    make_task(parameters={"text": " ".join(f"word{n}" for n in range(90_000))})
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(
            f"EXPLAIN SELECT id FROM task_list WHERE {vector_sql('task_list')} @@ plainto_tsquery('simple', 'x')"
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "task_words" in plan
    assert search_tasks(Task.objects.all(), "word17").count() == 1
