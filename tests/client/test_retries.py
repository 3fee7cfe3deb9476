"""When the client tries again, and when it does not (CONTRACT X45)."""

from __future__ import annotations

import asyncio
import socket
import time
from email.utils import formatdate
from typing import Any

import pytest

from gather import client as package
from gather.client import (
    AsyncTaskService,
    AuthenticationFailed,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    RateLimited,
    TaskService,
    TaskServiceError,
    Timeout,
    Unavailable,
)
from tests.client.scripted import CREATED, TASK, Say, Script, scripted


@pytest.fixture(autouse=True)
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let no time pass between two tries, and return how long the client wanted to wait."""
    waits: list[float] = []

    async def nap(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("gather.client.service.time", _Clock(waits))
    monkeypatch.setattr("gather.client.service.asyncio", _Naps(nap))
    return waits


class _Clock:
    def __init__(self, waits: list[float]) -> None:
        self.waits = waits
        self.monotonic = time.monotonic

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


class _Naps:
    def __init__(self, sleep: Any) -> None:
        self.sleep = sleep
        self.to_thread = asyncio.to_thread


def _submit(script: Script, **options: Any) -> package.Submitted:
    with TaskService(script.url, "key", **options) as tasks:
        return tasks.submit_task("ExampleDatabaseTask", {"message": "this", "count": 1})


@pytest.mark.parametrize(
    "bad", [Say(0), Say(429, {"detail": "slow down"}), Say(503, {"detail": "later"}), Say(503, b"<html>"), Say(cut=5)]
)
def test_it_tries_again_and_the_submission_stays_the_same_one(bad: Say, slept: list[float]) -> None:
    with scripted(bad, bad, Say(201, CREATED)) as script:
        assert _submit(script).id == 7
    assert [method for method, *_ in script.asked] == ["POST"] * 3
    keys = {headers["Idempotency-Key"] for _, _, headers, _ in script.asked}
    bodies = [body for *_, body in script.asked]
    assert len(keys) == 1 and bodies == [{"payload": {"message": "this", "count": 1}}] * 3
    # Twice as long each time, and never exactly as long as everybody else.
    assert len(slept) == 2 and 0.125 <= slept[0] <= 0.25 <= slept[1] <= 0.5


def test_two_submissions_have_keys_of_their_own() -> None:
    with scripted(Say(201, CREATED)) as script:
        _submit(script)
        _submit(script)
    assert len({headers["Idempotency-Key"] for _, _, headers, _ in script.asked}) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_as_long_as_it_is_told_to(status: int, slept: list[float]) -> None:
    with scripted(Say(status, {}, {"Retry-After": "7"}), Say()) as script:
        assert TaskService(script.url, "").get_task_status(7).id == 7
    assert slept == [7.0]


def test_it_understands_a_date_to_come_back_at_and_ignores_what_it_does_not_understand(slept: list[float]) -> None:
    date = formatdate(time.time() + 60, usegmt=True)
    answers = [Say(503, {}, {"Retry-After": text}) for text in (date, "soon", "-5", formatdate(0, usegmt=True))]
    with scripted(*answers, Say()) as script:
        TaskService(script.url, "", retries=4).get_task_status(7)
    assert 50 < slept[0] <= 60
    assert all(0 < wait <= 4 for wait in slept[1:])


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, AuthenticationFailed),
        (403, Forbidden),
        (404, NotFound),
        (405, InvalidRequest),
        (409, Conflict),
        (413, InvalidRequest),
        (422, InvalidRequest),
        (418, TaskServiceError),
        (500, TaskServiceError),
        (302, TaskServiceError),
    ],
)
def test_nothing_else_is_tried_again(status: int, kind: type[TaskServiceError], slept: list[float]) -> None:
    no = Say(status, {"detail": "no"}, {"Location": "/elsewhere"})
    with scripted(no) as script, pytest.raises(kind, match=r"^no$") as caught:
        _submit(script)
    assert (type(caught.value), caught.value.status, len(script.asked), slept) == (kind, status, 1, [])


@pytest.mark.parametrize(
    ("bad", "kind"),
    [(Say(0), Unavailable), (Say(503, {}, {"Retry-After": "1"}), Unavailable), (Say(429, {}), RateLimited)],
)
def test_it_gives_up_in_the_end(bad: Say, kind: type[TaskServiceError], slept: list[float]) -> None:
    with scripted(bad) as script, pytest.raises(kind) as caught:
        _submit(script, retries=2)
    assert (len(script.asked), len(slept)) == (3, 2)
    assert caught.value.retry_after == (1.0 if bad.headers else None)


def test_without_retries_it_gives_up_at_once() -> None:
    with scripted(Say(503)) as script, pytest.raises(Unavailable):
        _submit(script, retries=0)
    assert len(script.asked) == 1


def test_a_service_that_does_not_answer_in_time_is_asked_again(slept: list[float]) -> None:
    with scripted(Say(wait=True), Say()) as script:
        assert TaskService(script.url, "", timeout=0.2).get_task_status(7).id == 7
    with scripted(Say(wait=True)) as script, pytest.raises(Timeout, match=r"within 0\.2 seconds"):
        TaskService(script.url, "", timeout=0.2, retries=1).get_task_status(7)
    assert len(slept) == 2


def test_a_service_that_is_not_there_is_unavailable(slept: list[float]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # Nobody listens there.
        with pytest.raises(Unavailable, match="cannot be reached"):
            TaskService(f"http://127.0.0.1:{taken.getsockname()[1]}", "").cancel_task(7)
    assert len(slept) == 3


def test_a_first_try_that_is_still_under_way_is_waited_for() -> None:
    """The answer was lost, and the service carries the same submission out."""
    busy = Say(409, {"detail": "being carried out"})
    with scripted(Say(0), busy, Say(201, CREATED)) as script:
        assert _submit(script).is_duplicate is False
    with scripted(Say(0), busy) as script, pytest.raises(Conflict):
        _submit(script)


def test_connections_are_kept_and_a_stale_one_costs_no_try(slept: list[float]) -> None:
    with scripted(Say(), Say(), Say(0), Say()) as script, TaskService(script.url, "", retries=0) as tasks:
        for _ in range(3):  # The third is cut on a kept connection, and asked anew on a fresh one.
            tasks.get_task_status(7)
    assert (len(script.asked), script.connections, slept) == (4, 2, [])


def test_an_answer_of_something_else_is_not_taken_for_a_task() -> None:
    for body in (b"<html>", {}, [TASK], TASK | {"status": "done"}, TASK | {"id": "7"}, TASK | {"created_at": "today"}):
        with scripted(Say(200, body)) as script, pytest.raises(TaskServiceError, match="not that of a task service"):
            TaskService(script.url, "").get_task_status(7)


def test_a_key_is_sent_and_follows_no_redirect() -> None:
    with scripted(Say()) as elsewhere:
        there = Say(307, {}, {"Location": f"{elsewhere.url}/tasks/7"})
        with scripted(there) as script, pytest.raises(TaskServiceError):
            TaskService(script.url, "the-key").get_task_status(7)
    assert script.asked[0][2]["X-API-Key"] == "the-key"
    assert elsewhere.asked == []


def test_a_closed_client_says_so() -> None:
    with scripted(Say()) as script:
        tasks = TaskService(script.url, "")
        tasks.close()
        with pytest.raises(RuntimeError, match="closed"):
            tasks.get_task_status(7)


@pytest.mark.parametrize("number", ["", "stats", "7/retry", "７", -1, 1.5])
def test_an_id_that_is_no_number_is_refused_here(number: Any) -> None:
    with pytest.raises(InvalidRequest, match="whole number"):
        TaskService("http://127.0.0.1:1", "").get_task_status(number)


@pytest.mark.parametrize("name", ["", "7/retry", "../api/tasks"])
def test_a_name_that_would_be_another_route_is_refused_here(name: str) -> None:
    with pytest.raises(InvalidRequest, match="not the name of a handler"):
        TaskService("http://127.0.0.1:1", "").submit_task(name, {})


def test_asyncio_goes_the_same_way(slept: list[float]) -> None:
    async def work(script: Script) -> package.Submitted:
        async with AsyncTaskService(script.url, "key") as tasks:
            return await tasks.submit_task("ExampleDatabaseTask", {"message": "this", "count": 1})

    with scripted(Say(0), Say(429, {}, {"Retry-After": "3"}), Say(201, CREATED)) as script:
        assert asyncio.run(work(script)).id == 7
    assert len({headers["Idempotency-Key"] for _, _, headers, _ in script.asked}) == 1
    assert slept[1] == 3.0
    with scripted(Say(404, {"detail": "Task 7 not found"})) as script, pytest.raises(NotFound):
        asyncio.run(work(script))


def test_waiting_ends_with_the_task_or_with_the_time() -> None:
    done = TASK | {"status": "success", "result_data": {"said": ["this"]}}
    with scripted(Say(), Say(), Say(200, done)) as script:
        assert TaskService(script.url, "").wait(7, timeout=30).result == {"said": ["this"]}
        assert len(script.asked) == 3

    async def wait(script: Script) -> package.TaskState:
        async with AsyncTaskService(script.url, "") as tasks:
            return await tasks.wait(7, timeout=0)

    with scripted(Say()) as script:
        with pytest.raises(Timeout, match="has not ended within 0 seconds"):
            TaskService(script.url, "").wait(7, timeout=0)
        with pytest.raises(Timeout):
            asyncio.run(wait(script))
