"""``GET /tasks`` (CONTRACT D08, D09, X04, X05)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from tasktypes.models import Task
from tasktypes.services.cancel import cancel_task
from tests.api_database.conftest import PAYLOAD, Fussy, create, fault
from tests.ledger import run_all


def listed(client: APIClient, query: str = "") -> Any:
    response = client.get(f"/tasks{query}")
    assert response.status_code == 200, response.content
    return response.json()


@pytest.fixture
def mixed(client: APIClient, fussy: Fussy) -> dict[str, list[int]]:
    """Tasks of both names in every status, made in turns; ids by word, newest first."""
    good = [create(client, "tests.fussy", note=str(n))["id"] for n in range(3)]
    bad = [create(client, "tests.fussy", fail=True, note=str(n))["id"] for n in range(2)]
    run_all()
    waiting = [create(client, message="wait", count=n)["id"] for n in range(3)]
    cancelled = create(client, message="cancelled", count=1)["id"]
    cancel_task(cancelled)
    waiting.append(create(client, message="wait", count=9)["id"])
    return {"not_started": waiting[::-1], "success": good[::-1], "error": [cancelled, *bad[::-1]]}


def test_an_empty_list_has_a_total_of_0_and_no_pages(client: APIClient) -> None:
    assert listed(client) == {"tasks": [], "total": 0, "page": 1, "page_size": 50, "total_pages": 0}


def test_tasks_come_newest_first_as_they_are_shown_one_by_one(client: APIClient) -> None:
    first, second = create(client, message="a", count=1)["id"], create(client)["id"]
    body = listed(client)
    assert [task["id"] for task in body["tasks"]] == [second, first]
    assert body["tasks"][0] == client.get(f"/tasks/{second}").json()
    assert body["tasks"][0]["task_payload"] == PAYLOAD
    assert {key: value for key, value in body.items() if key != "tasks"} == {
        "total": 2,
        "page": 1,
        "page_size": 50,
        "total_pages": 1,
    }


@pytest.mark.parametrize("status", ["not_started", "success", "error"])
def test_a_status_selects_its_tasks_on_every_page(client: APIClient, mixed: dict[str, list[int]], status: str) -> None:
    body = listed(client, f"?status={status}")
    assert [task["id"] for task in body["tasks"]] == mixed[status]
    assert {task["status"] for task in body["tasks"]} == {status}
    assert body["total"] == len(mixed[status])
    seen = []
    for page in range(1, 4):
        part = listed(client, f"?status={status}&page_size=2&page={page}")
        assert (part["total"], part["total_pages"]) == (len(mixed[status]), (len(mixed[status]) + 1) // 2)
        seen += [task["id"] for task in part["tasks"]]
    assert seen == mixed[status]


def test_a_name_selects_its_tasks(client: APIClient, mixed: dict[str, list[int]]) -> None:
    assert listed(client, "?task_name=tests.fussy")["total"] == 5
    body = listed(client, "?task_name=ExampleDatabaseTask&status=error")
    assert ([task["id"] for task in body["tasks"]], body["total"]) == ([mixed["error"][0]], 1)
    assert listed(client, "?task_name=nothing")["total"] == 0


def test_lists_hold_only_ones_own(client: APIClient, stranger: APIClient, api: APIClient) -> None:
    create(client)
    assert listed(stranger)["total"] == 0
    assert listed(api)["total"] == 1, "local is staff in development"


def test_pages_far_behind_are_empty_and_answered(client: APIClient, mixed: dict[str, list[int]]) -> None:
    for query in ("?page=1000000&page_size=100", "?status=error&page=1000000&page_size=100"):
        body = listed(client, query)
        assert body["tasks"] == []
        assert body["total"] > 0


def test_pages_beyond_the_merged_ones_are_the_same_pages(
    client: APIClient, mixed: dict[str, list[int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = listed(client, "?status=error&page_size=2&page=2")
    monkeypatch.setattr("tasktypes.services.database_status._MERGED", 0)
    assert listed(client, "?status=error&page_size=2&page=2") == before


def test_the_total_is_exact_and_nothing_counts_the_table(client: APIClient, mixed: dict[str, list[int]]) -> None:
    for query in ("", "?status=error", "?task_name=tests.fussy&status=success"):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            listed(client, query)
        asked = [query["sql"] for query in queries if f'"{Task._meta.db_table}"' in query["sql"]]
        assert asked
        assert not [sql for sql in asked if "COUNT(" in sql.upper()]
        assert len(queries) <= 10


@pytest.mark.parametrize(
    ("query", "loc", "kind"),
    [
        ("status=pending", "status", "type_error.enum"),
        ("status=SUCCESS", "status", "type_error.enum"),
        ("page=0", "page", "value_error.number.not_ge"),
        ("page=x", "page", "type_error.integer"),
        ("page_size=0", "page_size", "value_error.number.not_ge"),
        ("page_size=101", "page_size", "value_error.number.not_le"),
    ],
)
def test_what_is_no_word_or_page_is_refused(client: APIClient, query: str, loc: str, kind: str) -> None:
    found = fault(client.get(f"/tasks?{query}"))
    assert (found[0], found[2]) == (["query", loc], kind)


def test_an_unknown_status_names_the_three_words(client: APIClient) -> None:
    message = fault(client.get("/tasks?status=running"))[1]
    assert message == ("value is not a valid enumeration member; permitted: 'not_started', 'success', 'error'")
