"""PostgreSQL shows rows in the order of their commits, not of their ids: nothing is skipped for that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, transaction

from gather.realtime import sources
from gather.realtime.sources import LEDGER, Gap, Position
from pixtasks.accounts.models import User
from tests.realtime.conftest import Work, as_user, numbers
from tests.realtime.server import Server, Socket, until

pytestmark = pytest.mark.services


@pytest.fixture(autouse=True)
def _only_postgresql(transactional_db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL only")


class Undone(Exception):
    """Rolls a transaction back."""


@contextmanager
def open_transaction(work: Callable[[], None], *, rolled_back: bool = False) -> Iterator[Callable[[], None]]:
    """Do ``work`` in a transaction of a connection of its own; it is committed when the function is called."""
    written, end = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with transaction.atomic():
                work()
                written.set()
                assert end.wait(60)
                if rolled_back:
                    raise Undone
        except Undone:
            pass
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()

    def finish() -> None:
        end.set()
        thread.join(timeout=60)

    try:
        assert written.wait(60)
        yield finish
    finally:
        finish()


def horizon(client: Socket) -> int:
    """Return up to which id everything is final, as the server tells this client."""
    return int(client.ask(action="ping")["cursor"].split(".")[0])


def test_an_event_with_the_lower_id_that_is_committed_later_is_told(server: Server, ann: User) -> None:
    late, soon = Work(ann), Work(ann)
    with server.socket(as_user(ann)) as client:
        with open_transaction(lambda: late.report(1)) as commit:
            soon.report(2)
            first = client.read()
            assert numbers([first]) == [2]
            assert horizon(client) < first["id"] - 1, "what may still come is not called final"
            commit()
            second = client.read()
        assert numbers([second]) == [1]
        assert second["id"] < first["id"]
        until(lambda: horizon(client) == first["id"])


def test_who_left_before_the_late_commit_gets_it_by_its_cursor(server: Server, ann: User) -> None:
    late, soon = Work(ann), Work(ann)
    with open_transaction(lambda: late.report(1)) as commit:
        with server.socket(as_user(ann)) as client:
            soon.report(2)
            cursor = client.read()["cursor"]
        commit()
    with server.socket(f"{as_user(ann)}&since={cursor}", listening=False) as client:
        missed = {late.seq: late.channel}
        while missed:  # Lines that it had may be repeated, none may be skipped.
            frame = client.read()
            if missed.get(frame["seq"]) == frame["channel"]:
                del missed[frame["seq"]]


def test_what_was_written_before_the_feed_began_and_committed_after_is_told(server: Server, ann: User) -> None:
    late, soon = Work(ann), Work(ann)
    with open_transaction(lambda: late.report(1)) as commit:
        soon.report(2)
        with server.socket(as_user(ann)) as client:
            commit()
            assert numbers([client.read()]) == [1]


def test_a_gap_of_a_rollback_closes(server: Server, ann: User) -> None:
    lost, work = Work(ann), Work(ann)
    with server.socket(as_user(ann)) as client:
        with open_transaction(lambda: lost.report(1, 2, 3), rolled_back=True) as end:
            work.report(4)
            told = client.read()
            end()
        until(lambda: horizon(client) == told["id"])
        lost.report(5)
        assert numbers([client.read()]) == [5]


def test_a_gap_stays_while_a_writer_lives_that_is_younger_than_the_newest_commit(ann: User) -> None:
    """The writer of the gap took its transaction id after the one whose event is seen."""
    early, late = Work(ann), Work(ann)
    start = LEDGER.start()
    ready, go = threading.Event(), threading.Event()

    def write_early() -> None:
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_current_xact_id()")
                ready.set()
                assert go.wait(60)
                early.report(1)
        finally:
            connection.close()

    thread = threading.Thread(target=write_early)
    thread.start()
    assert ready.wait(60)
    with open_transaction(lambda: late.report(2)) as commit:
        go.set()
        thread.join(timeout=60)
        position = start
        told = []
        for _ in range(5):
            lines, position, _ = LEDGER.read(position)
            told += lines
        assert [line.body["data"]["n"] for line in told] == [1]
        assert position.gaps, "its writer has not ended"
        commit()
    lines, position, _ = LEDGER.read(position)
    assert [line.body["data"]["n"] for line in lines] == [2]
    assert position.gaps == ()


def test_a_long_writer_of_another_database_holds_up_nothing(ann: User) -> None:
    """Every database of a server takes its transaction ids from one row."""
    lost, work = Work(ann), Work(ann)
    params = connection.get_connection_params() | {"dbname": "postgres"}
    with psycopg.connect(
        **{key: params[key] for key in ("dbname", "host", "port", "user", "password") if key in params}
    ) as other:
        other.execute("SELECT pg_current_xact_id()")
        _, position, _ = LEDGER.read(LEDGER.start())
        with open_transaction(lambda: lost.report(1), rolled_back=True) as end:
            work.report(2)
            _, position, _ = LEDGER.read(position)
            end()
        _, position, _ = LEDGER.read(position)
        assert position.gaps == ()


@pytest.mark.parametrize(
    ("xid", "near", "whole"),
    [(7, 9, 7), (12, 9, 12), (5, 2**32 + 9, 2**32 + 5), (2**32 - 3, 2**32 + 9, 2**32 - 3), (3, 2**32 - 2, 2**32 + 3)],
)
def test_a_short_transaction_id_is_the_nearest_long_one(xid: int, near: int, whole: int) -> None:
    assert sources._whole(xid, near) == whole


def test_late_lines_keep_the_order_of_their_task_in_small_batches(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BATCH", 2)
    late, soon = Work(ann), Work(ann)
    position = LEDGER.start()
    with open_transaction(lambda: late.report(*range(5))) as commit:
        soon.report(10)
        _, position, _ = LEDGER.read(position)
        commit()
    late.report(5)
    told: list[int] = []
    more = True
    while more:
        lines, position, more = LEDGER.read(position)
        told += [line.body["data"]["n"] for line in lines]
    assert told == [0, 1, 2, 3, 4, 5]
    LEDGER.read(position)


def test_with_too_many_gaps_the_feed_waits_instead_of_forgetting(ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    late, soon = Work(ann), Work(ann)
    _, position, _ = LEDGER.read(LEDGER.start())
    assert position.gaps == ()
    monkeypatch.setattr(sources, "MOST_GAPS", 1)
    with open_transaction(lambda: late.report(1)) as commit:
        soon.report(2)
        _, position, _ = LEDGER.read(position)
        soon.report(3)
        lines, position, _ = LEDGER.read(position)
        assert lines == []
        commit()
    told: list[int] = []
    while len(told) < 2:
        lines, position, _ = LEDGER.read(position)
        told += [line.body["data"]["n"] for line in lines]
    assert told == [1, 3]


def test_clients_stay_when_the_server_drops_every_connection(server: Server, ann: User) -> None:
    work = Work(ann)
    with server.socket(as_user(ann)) as client:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        work.report(1)
        assert numbers([client.read()]) == [1]


def test_a_position_knows_what_is_final() -> None:
    position = Position(100, (Gap(50, 52, 9), Gap(90, 90, 9)))
    assert position.horizon == 49
    assert [row for row in (49, 50, 52, 53, 90, 100, 101) if position.covers(row)] == [49, 53, 100]
