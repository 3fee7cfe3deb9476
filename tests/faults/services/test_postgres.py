"""PostgreSQL: restarted, connections cut, none left, a table that somebody else has locked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
import pytest

from tests.faults.servers import OwnPostgres
from tests.faults.services.houses import (
    MEMBERS,
    ended_processes,
    fetching,
    open_for_work,
    own_postgres,
    pictures,
    postgres_site,
)
from tests.faults.services.visitor import Answer, Visitor
from tests.faults.site import QUICK, Ground, Site
from tests.processes.tree import wait_for

pytestmark = [pytest.mark.process, pytest.mark.services]

CONNECTIONS = 30
CUT = (
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
    "WHERE datname IS NOT NULL AND pid <> pg_backend_pid()"
)


@dataclass
class House:
    """A site, its own PostgreSQL, and somebody who asks for work."""

    site: Site
    postgres: OwnPostgres
    visitor: Visitor

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.postgres.url, autocommit=True, application_name="somebody else")

    def settled(self) -> None:
        """Work is accepted again in every dialect; everything accepted is done, at no cost to any task's retries."""
        self.visitor.until_accepted()
        assert self.visitor.faults() == []
        assert ended_processes(self.site, *MEMBERS) == {}
        assert self.visitor.costs()[0] == 0, "the database's trouble has cost retries"


@pytest.fixture(scope="module")
def house(fault_ground: Ground) -> Iterator[House]:
    if OwnPostgres.binaries() is None:
        pytest.skip("the PostgreSQL server is not installed")
    with ExitStack() as stack:
        web = stack.enter_context(pictures())
        postgres = stack.enter_context(own_postgres([f"max_connections = {CONNECTIONS}"]))
        quick = {**QUICK, "PIXTASKS_TROUBLE_WAIT_SECONDS": "0.3", "PIXTASKS_LOCK_WAIT_SECONDS": "1"}
        site = stack.enter_context(postgres_site(fault_ground, postgres, {**quick, **fetching(web)}))
        yield House(site, postgres, open_for_work(site, web, jobs=16, beat=True, gathers=True))


def refused(answers: list[Answer]) -> None:
    """Each is a 503 in the form of its dialect; none claims to have accepted anything."""
    assert [answer for answer in answers if not answer.unavailable] == []


def test_without_a_database_every_dialect_says_503_and_all_work_goes_on_after_a_restart(house: House) -> None:
    house.visitor.ask(10)
    assert all(answer.accepted for answer in house.visitor.ask_all().values())
    house.visitor.until_running()
    house.postgres.stop()
    try:
        refused([way() for way in house.visitor.ways])
        refused([house.visitor.call("C", "GET", "/api/celery/tasks"), house.visitor.call("J", "GET", "/api/v1/jobs")])
        answer = house.visitor.call("J", "GET", "/readyz")
        assert (answer.status, answer.body["checks"]["database"]) == (503, "the database does not answer")
        assert house.visitor.call("J", "GET", "/healthz").status == 200
    finally:
        house.postgres.start()
    house.settled()


def test_connections_that_are_cut_again_and_again_lose_nothing_and_cost_no_retry(house: House) -> None:
    house.visitor.ask(10)
    house.visitor.until_running()
    answers: list[Answer] = []
    with house.connect() as connection:
        cut = 0
        for _ in range(8):
            row = connection.execute(CUT).fetchone()
            cut += row[0] if row else 0
            answers.append(house.visitor.ask_database())
    assert cut > 8
    assert [answer for answer in answers if not (answer.accepted or answer.unavailable)] == []
    house.settled()


def test_without_a_free_connection_requests_are_refused_until_there_is_one(house: House) -> None:
    house.visitor.ask(10)
    house.visitor.until_running()
    with ExitStack() as taken:
        # Whoever has a connection is cut, until everything belongs to somebody else.
        first = taken.enter_context(house.connect())
        mine = 1
        while mine < CONNECTIONS:
            try:
                taken.enter_context(house.connect())
                mine += 1
            except psycopg.OperationalError:
                first.execute(f"{CUT} AND application_name <> 'somebody else'".encode())
        refused([way() for way in house.visitor.ways])
    house.settled()


def test_a_table_that_somebody_else_has_locked_refuses_requests_and_hangs_none(house: House) -> None:
    house.visitor.ask(10)
    house.visitor.until_running()
    with house.connect() as connection, connection.transaction():
        connection.execute("LOCK TABLE task_list IN ACCESS EXCLUSIVE MODE")
        refused(at_once(house.visitor.ways))
    house.settled()


def at_once(ways: list[Callable[[], Answer]]) -> list[Answer]:
    """Ask in all ways at the same time."""
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda way=way: answers.append(way())) for way in ways]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_for(lambda: len(answers) == len(ways), "an answer to every request", seconds=1)
    return answers
