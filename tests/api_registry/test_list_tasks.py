"""``GET /api/tasks`` (CONTRACT R13, R14, R30, X04, X23, X32)."""

from __future__ import annotations

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from tests.api_registry.conftest import TASKS


def ids(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()]


def walk(client: APIClient, **query: Any) -> tuple[list[int], list[str]]:
    """Follow the Link headers to the end; return all ids, and the totals that the pages said."""
    found, totals = [], []
    response = client.get(TASKS, query)
    while True:
        found += ids(response)
        totals.append(response.headers.get("X-Total-Count"))
        link = response.headers.get("Link")
        if link is None:
            return found, totals
        assert link.endswith('>; rel="next"')
        response = client.get(link.split(">")[0][1:])


def test_an_empty_list_is_a_bare_array(client: APIClient) -> None:
    response = client.get(TASKS)
    assert (response.json(), response["X-Total-Count"], response.has_header("Link")) == ([], "0", False)


def test_the_newest_come_first(client: APIClient, make_task: Any) -> None:
    """CONTRACT R14, X32: whatever their priorities."""
    made = [make_task(priority=priority)["id"] for priority in (5, 1, 900)]
    assert ids(client.get(TASKS)) == made[::-1]
    assert ids(client.get(TASKS, {"limit": 2})) == made[:0:-1]


def test_pages_hold_every_task_once_also_while_others_are_made(client: APIClient, make_task: Any) -> None:
    made = [make_task()["id"] for _ in range(7)]
    first = client.get(TASKS, {"limit": 3, "status": "pending"})
    make_task()
    rest, totals = walk(client, limit=3, status="pending", cursor=first["Link"].split("cursor=")[1].split(">")[0])
    assert ids(first) + rest == made[::-1]
    assert (first["X-Total-Count"], totals) == ("7", ["8", "8"])


def test_filters_combine_and_totals_are_exact(client: APIClient, make_type: Any, make_task: Any) -> None:
    one, two = make_type("one")["id"], make_type("two")["id"]
    a, b, c = (make_task(task_type_id=number)["id"] for number in (one, one, two))
    client.put(f"{TASKS}/{a}", {"status": "completed"}, format="json")
    for query, found in (
        ({"task_type_id": one}, [b, a]),
        ({"task_type": "one"}, [b, a]),
        ({"task_type": "one", "task_type_id": one}, [b, a]),
        ({"task_type": "two", "task_type_id": one}, []),
        ({"task_type_id": 999}, []),
        ({"status": "pending"}, [c, b]),
        ({"status": "completed", "task_type_id": one}, [a]),
        ({"status": "failed"}, []),
    ):
        response = client.get(TASKS, query)
        assert (ids(response), response["X-Total-Count"]) == (found, str(len(found))), query
    client.delete(f"{TASKS}/{b}")
    assert client.get(TASKS)["X-Total-Count"] == "2"


def test_lists_and_totals_hold_ones_own_tasks(
    client: APIClient, owned: APIClient, stranger: APIClient, make_type: Any, make_task: Any
) -> None:
    """CONTRACT X23."""
    number = make_type()["id"]
    mine = make_task(by=owned, task_type_id=number)["id"]
    other = make_task(by=stranger, task_type_id=number)["id"]
    for reader, found in ((owned, [mine]), (stranger, [other]), (client, [other, mine])):
        response = reader.get(TASKS, {"task_type_id": number, "status": "pending"})
        assert (ids(response), response["X-Total-Count"]) == (found, str(len(found)))


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "1001"},
        {"limit": "abc"},
        {"status": "PENDING"},
        {"status": "not_started"},
        {"task_type_id": "abc"},
        {"task_type_id": "0"},
        {"cursor": "???"},
        {"q": ""},
    ],
)
def test_a_wrong_query_is_refused(client: APIClient, query: dict[str, str]) -> None:
    """CONTRACT R13, X05: only this dialect's own words are statuses."""
    response = client.get(TASKS, query)
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["query", *query]


@pytest.mark.parametrize("status", ["pending", "running", "completed", "failed", "cancelled"])
def test_every_status_is_a_filter(client: APIClient, status: str) -> None:
    """CONTRACT R20."""
    assert client.get(TASKS, {"status": status, "limit": 1000}).status_code == 200


def test_a_long_list_costs_no_more_queries_than_a_short_one(
    client: APIClient, make_task: Any, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    first = make_task()["id"]
    make_task(depends_on=[first])
    client.get(TASKS)
    with django_assert_num_queries(4):  # the caller, the tasks, the total, the prerequisites
        client.get(TASKS)
    for _ in range(20):
        make_task(depends_on=[first])
    with django_assert_num_queries(4):
        assert len(client.get(TASKS).json()) == 22
