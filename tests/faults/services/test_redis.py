"""Redis: emptied, restarted, paused, out of memory. Accepted work waits in the ledger; only C and G ask it first."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import redis as client

from tests.faults.servers import OwnRedis
from tests.faults.services.houses import MEMBERS, ended_processes, fetching, open_for_work, own_redis, pictures
from tests.faults.services.visitor import Answer, Visitor
from tests.faults.site import QUICK, Ground, Site

pytestmark = [pytest.mark.process, pytest.mark.services]


@dataclass
class House:
    """A site, its own Redis, and somebody who asks for work."""

    site: Site
    redis: OwnRedis
    visitor: Visitor

    def tasks(self) -> int:
        return int(self.site.database.value("SELECT count(*) FROM task_list"))

    def settled(self) -> None:
        """Everything accepted is done, nothing twice; every process has lived through it."""
        assert self.visitor.faults() == []
        assert ended_processes(self.site, *MEMBERS) == {}
        self.visitor.until_accepted()
        assert self.visitor.faults() == []


@pytest.fixture(scope="module")
def house(fault_ground: Ground) -> Iterator[House]:
    if not OwnRedis.available():
        pytest.skip("redis-server is not installed")
    with ExitStack() as stack:
        web = stack.enter_context(pictures())
        redis = stack.enter_context(own_redis(fault_ground))
        settings = {**QUICK, **fetching(web), "PIXTASKS_LOGIN_ACCOUNT_RATE": "3/minute"}
        site = stack.enter_context(fault_ground.site(settings, redis_url=redis.url))
        yield House(site, redis, open_for_work(site, web, jobs=12, beat=True, gathers=True))


def refused_where_the_document_says_so(house: House, message: str) -> None:
    """J, R and D accept; C and G ask the broker first, insert nothing and answer as their documents say (X60)."""
    answers = house.visitor.ask_all()
    assert {name: answer.status for name, answer in answers.items()} == {
        "C": 500, "G": 500, "D": 201, "R": 201, "J": 200,
    }  # fmt: skip
    assert answers["C"].body == {"detail": f"Failed to launch task: {message}"}
    assert (answers["G"].body["error"], answers["G"].retry_after is None) == ("TASK_SUBMISSION_FAILED", False)
    before = house.tasks()
    assert (house.visitor.ask_celery().status, house.visitor.ask_gather().status) == (500, 500)
    assert house.tasks() == before


def ready(house: House) -> Answer:
    return house.visitor.call("J", "GET", "/readyz")


def test_work_goes_on_by_itself_after_redis_was_emptied(house: House) -> None:
    house.visitor.ask(10)
    assert all(answer.accepted for answer in house.visitor.ask_all().values())
    house.visitor.until_running()
    house.redis.wipe()
    assert all(answer.accepted for answer in house.visitor.ask_all().values())
    house.settled()


def test_without_redis_work_is_accepted_for_later_and_a_launch_says_that_it_failed(house: House) -> None:
    house.visitor.ask(10)
    house.visitor.until_running()
    house.redis.stop()
    try:
        refused_where_the_document_says_so(house, "Redis connection refused")
        answer = ready(house)
        assert (answer.status, answer.body["checks"]["broker"]) == (503, "Redis connection refused")
        assert house.visitor.call("J", "GET", "/healthz").status == 200
        guess = {"email": "somebody@example.com", "password": "not this one"}
        signs = [house.visitor.call("J", "POST", "/api/v1/auth/login", guess).status for _ in range(5)]
        assert signs == [401, 401, 401, 429, 429], "the limits are counted by the process itself meanwhile"
    finally:
        house.redis.start()
    house.settled()


def test_a_redis_that_does_not_answer_holds_no_request_up(house: House) -> None:
    house.visitor.ask(10)
    house.visitor.until_running()
    process = house.redis.process
    assert process is not None
    os.kill(process.pid, signal.SIGSTOP)
    try:
        refused_where_the_document_says_so(house, "Redis does not answer")
        assert ready(house).status == 503
        assert house.visitor.call("C", "GET", "/api/celery/tasks").status == 200
    finally:
        os.kill(process.pid, signal.SIGCONT)
    house.settled()


def test_a_redis_without_memory_costs_no_accepted_task(house: House) -> None:
    house.visitor.ask(6)
    house.visitor.until_running()
    with client.Redis.from_url(house.redis.url) as admin:
        admin.config_set("maxmemory", "1")
        try:
            with pytest.raises(client.ResponseError):
                admin.set("anything", "at all")
            # It answers when it is asked whether it is there, so that C and G accept, too: the ledger delivers later.
            answers = house.visitor.ask_all()
            assert {name: answer.status for name, answer in answers.items()} == {
                "D": 201, "C": 202, "G": 202, "R": 201, "J": 200,
            }  # fmt: skip
        finally:
            admin.config_set("maxmemory", "0")
    house.settled()
