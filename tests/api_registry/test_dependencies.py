"""``depends_on``: A before B (CONTRACT R35, X70)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from tasktypes.models import Task
from tests.api_registry.conftest import TASKS


@pytest.fixture
def end(client: APIClient) -> Any:
    """Set a task to an end by hand."""

    def set_to(task: dict[str, Any], status: str) -> None:
        assert client.put(f"{TASKS}/{task['id']}", {"status": status}, format="json").status_code == 200

    return set_to


@pytest.fixture
def look(client: APIClient) -> Any:
    """Read a task."""
    return lambda task: client.get(f"{TASKS}/{task['id']}").json()


@pytest.fixture
def rewire(client: APIClient) -> Any:
    """Give a task other prerequisites."""
    return lambda task, *others: client.put(
        f"{TASKS}/{task['id']}", {"depends_on": [other["id"] for other in others]}, format="json"
    )


def claimed(claim: Any) -> list[int]:
    return [task["id"] for task in claim(limit=100)]


def test_a_task_runs_when_all_its_prerequisites_have_completed(make_task: Any, claim: Any, end: Any) -> None:
    a, b = make_task(), make_task()
    c = make_task(depends_on=[a["id"], b["id"], a["id"]])
    assert c["depends_on"] == [a["id"], b["id"]]
    assert claimed(claim) == [a["id"], b["id"]]
    end(a, "completed")
    assert claimed(claim) == []
    end(b, "completed")
    assert claimed(claim) == [c["id"]]


def test_a_prerequisite_that_has_completed_already_holds_nothing_up(make_task: Any, claim: Any, end: Any) -> None:
    a = make_task()
    end(a, "completed")
    assert claimed(claim) == []
    b = make_task(depends_on=[a["id"]])
    assert claimed(claim) == [b["id"]]


@pytest.mark.parametrize("how", ["failed", "cancelled"])
def test_a_prerequisite_that_ends_badly_fails_what_waits_for_it(make_task: Any, end: Any, look: Any, how: str) -> None:
    a = make_task()
    b = make_task(depends_on=[a["id"]])
    c = make_task(depends_on=[b["id"]])
    end(a, how)
    for task, of in ((b, a), (c, b)):
        body = look(task)
        assert body["status"] == "failed"
        assert of["public_id"] in body["error_message"]
    assert how in look(b)["error_message"]


def test_one_that_ended_badly_before_fails_it_at_once(make_task: Any, end: Any) -> None:
    a = make_task()
    end(a, "failed")
    b = make_task(depends_on=[a["id"]])
    assert b["status"] == "failed"
    assert a["public_id"] in b["error_message"]


def test_a_task_may_wait_until_its_prerequisite_is_retried(
    client: APIClient, make_task: Any, claim: Any, end: Any, look: Any
) -> None:
    a = make_task()
    b = make_task(depends_on=[a["id"]], on_dependency_failure="wait")
    end(a, "failed")
    assert (look(b)["status"], claimed(claim)) == ("pending", [])
    client.post(f"{TASKS}/{a['id']}/retry")
    assert claimed(claim) == [a["id"]]
    end(a, "completed")
    assert claimed(claim) == [b["id"]]


def test_a_retry_waits_for_the_prerequisites_again(client: APIClient, make_task: Any, claim: Any, end: Any) -> None:
    a = make_task()
    b = make_task(depends_on=[a["id"]])
    end(a, "failed")
    refused = client.post(f"{TASKS}/{b['id']}/retry")
    assert (refused.status_code, f"waits for task {a['id']}" in refused.json()["detail"]) == (400, True)
    client.post(f"{TASKS}/{a['id']}/retry")
    assert client.post(f"{TASKS}/{b['id']}/retry").json()["status"] == "pending"
    assert claimed(claim) == [a["id"]]
    end(a, "completed")
    assert claimed(claim) == [b["id"]]


def test_prerequisites_of_a_pending_task_can_be_changed(make_task: Any, claim: Any, end: Any, rewire: Any) -> None:
    a, b = make_task(), make_task()
    c = make_task(depends_on=[a["id"]])
    response = rewire(c, b)
    assert (response.status_code, response.json()["depends_on"]) == (200, [b["id"]])
    end(a, "failed")
    end(b, "completed")
    assert claimed(claim) == [c["id"]]


def test_without_prerequisites_it_runs_at_once(make_task: Any, claim: Any, rewire: Any) -> None:
    a = make_task()
    b = make_task(depends_on=[a["id"]])
    assert rewire(b).json()["depends_on"] == []
    assert claimed(claim) == [a["id"], b["id"]]


def test_a_changed_time_and_a_prerequisite_both_hold_it_back(
    client: APIClient, make_task: Any, claim: Any, end: Any
) -> None:
    """CONTRACT R34 and R35 together."""
    a = make_task()
    b = make_task(depends_on=[a["id"]])
    url = f"{TASKS}/{b['id']}"
    assert client.put(url, {"run_after": "2999-01-01T00:00:00Z"}, format="json").status_code == 200
    end(a, "completed")
    assert claimed(claim) == []
    assert client.put(url, {"run_after": None}, format="json").json()["run_after"] is None
    assert claimed(claim) == [b["id"]]


def test_a_cycle_is_refused_and_named(make_task: Any, look: Any, rewire: Any) -> None:
    a = make_task()
    b = make_task(depends_on=[a["id"]])
    c = make_task(depends_on=[b["id"]])
    for task, other, chain in ((a, c, [a, c, b, a]), (a, a, [a, a])):
        response = rewire(task, other)
        assert response.status_code == 422
        fault = response.json()["detail"][0]
        assert (fault["loc"], fault["type"]) == (["body", "depends_on"], "value_error.cycle")
        assert fault["msg"] == "a cycle: " + " → ".join(str(one["id"]) for one in chain)
    assert look(a) == a


def test_a_task_that_has_started_keeps_its_prerequisites(make_task: Any, end: Any, rewire: Any) -> None:
    a, b = make_task(), make_task()
    end(b, "running")
    response = rewire(b, a)
    assert (response.status_code, "while it is pending only" in response.json()["detail"]) == (409, True)


def test_prerequisites_must_be_there_and_ones_own(
    client: APIClient, owned: APIClient, make_type: Any, make_task: Any
) -> None:
    number = make_type()["id"]
    of_local = make_task(task_type_id=number)
    missing = client.post(TASKS, {"task_type_id": number, "depends_on": [999_999]}, format="json")
    assert (missing.status_code, "999999" in missing.json()["detail"]) == (400, True)
    foreign = owned.post(TASKS, {"task_type_id": number, "depends_on": [of_local["id"]]}, format="json")
    assert foreign.status_code == 403
    mine = make_task(by=owned, task_type_id=number)
    change = owned.put(f"{TASKS}/{mine['id']}", {"depends_on": [of_local["id"]]}, format="json")
    assert change.status_code == 403
    assert Task.objects.count() == 2
