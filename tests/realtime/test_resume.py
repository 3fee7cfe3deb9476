"""Whoever comes back gets what it missed: no gap, nothing twice."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from gather.realtime import catch_up, sources
from gather.realtime.sources import LEDGER
from pixtasks.accounts.models import User
from tests.realtime.conftest import Work, as_user, later, numbers, seqs
from tests.realtime.server import Server


def test_a_client_that_comes_back_goes_on_after_its_last_seq(server: Server, ann: User) -> None:
    work = Work(ann)
    with server.socket(as_user(ann)) as client:
        work.report(*range(5))
        last = client.frames(5)[-1]["seq"]
    work.report(*range(5, 10))
    with server.socket(as_user(ann)) as client:
        client.say(action="subscribe", channel=work.channel, since=last)
        missed = client.until_action("subscribed")
        work.report(10, 11)
        assert numbers(missed + client.frames(2)) == list(range(5, 12))


def test_while_a_task_reports_nothing_is_lost_or_repeated_over_many_disconnects(server: Server, ann: User) -> None:
    work = Work(ann)
    room = threading.Semaphore(200)  # So far it may be ahead of the client.
    stop = threading.Event()

    def write() -> None:
        number = 0
        while room.acquire(timeout=60) and not stop.is_set():
            work.report(number)
            number += 1
        connection.close()

    writer = threading.Thread(target=write)
    writer.start()
    had: list[int] = []
    last = 2  # submitted, started
    try:
        for _ in range(6):
            with server.socket(as_user(ann), listening=False) as client:
                client.say(action="subscribe", channel=work.channel, since=last)
                missed = client.until_action("subscribed")
                room.release(len(missed) + 20)
                had += seqs(missed + client.frames(20))
                last = had[-1]
    finally:
        stop.set()
        room.release()
        writer.join(timeout=60)
    assert had == list(range(3, last + 1))


def test_a_cursor_in_the_address_brings_everything_of_ones_own_since(server: Server, ann: User, ben: User) -> None:
    one, two, foreign = Work(ann), Work(ann), Work(ben)
    with server.socket(as_user(ann)) as client:
        one.report(1)
        cursor = client.read()["cursor"]
    foreign.report(2)
    one.report(3)
    two.report(4)
    with server.socket(f"{as_user(ann)}&since={cursor}", listening=False) as client:
        assert numbers(client.frames(2)) == [3, 4]
        two.report(5)
        assert numbers([client.read()]) == [5]


def test_a_client_that_is_far_behind_is_read_to_in_pieces(
    server: Server, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "WINDOW", 3)
    monkeypatch.setattr(catch_up, "_NEAR", 6)
    work = Work(ann)
    # Ids go on from test to test, also where the table is empty, and three at a time would take long from the first.
    start = LEDGER.start().last
    work.report(*range(20))
    with server.socket(f"{as_user(ann)}&since={start}.0", listening=False) as client:
        assert seqs(client.frames(20)) == list(range(3, 23))
        work.report(20)
        assert seqs([client.read()]) == [23]


def test_who_is_too_far_behind_is_told_and_goes_on_from_now(
    server: Server, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catch_up, "FAR_BACK", 5)
    work = Work(ann)
    work.report(*range(20))
    with server.socket(f"{as_user(ann)}&since=1.0", listening=False) as client:
        assert client.read()["error"] == "GONE"
        assert client.ask(action="ping")["action"] == "pong"
        work.report(20)
        assert numbers([client.read()]) == [20]


def test_asking_again_repeats_nothing_that_this_connection_had(server: Server, ann: User) -> None:
    work = Work(ann)
    work.report(1, 2, 3)
    with server.socket(as_user(ann)) as client:
        client.say(action="subscribe", channel=work.channel, since=4)
        assert numbers(client.until_action("subscribed")) == [3]
        client.say(action="subscribe", channel=work.channel, since=0)
        assert seqs(client.until_action("subscribed")) == [1, 2, 3, 4]
        client.say(action="subscribe", channel=work.channel, since=0)
        assert client.until_action("subscribed") == []


def test_a_long_history_is_replayed_whole(server: Server, ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("gather.realtime.sources", "gather.realtime.channels"):
        monkeypatch.setattr(f"{module}.BATCH", 7)
    work = Work(ann)
    work.report(*range(30))
    with server.socket(as_user(ann)) as client:
        client.say(action="subscribe", channel=work.channel, since=0)
        assert seqs(client.until_action("subscribed")) == list(range(1, 33))


def test_a_burst_that_is_longer_than_the_queue_reaches_a_client_that_reads(
    server: Server, ann: User, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PIXTASKS_REALTIME_QUEUE = 40  # type: ignore[attr-defined]
    monkeypatch.setattr(sources, "BATCH", 20)
    work = Work(ann)
    with server.socket(as_user(ann)) as client:
        from django.db import transaction

        with transaction.atomic():
            work.report(*range(400))
        assert numbers(client.frames(400)) == list(range(400))


def test_a_pong_tells_from_where_to_go_on(server: Server, ann: User, ben: User) -> None:
    with server.socket(as_user(ann)) as client:
        Work(ben).report(1)
        own = Work(ann)
        client.frames(2)
        cursor = client.ask(action="ping")["cursor"]
    own.report(7)
    with server.socket(f"{as_user(ann)}&since={cursor}", listening=False) as client:
        assert later(client.read, after=1) == [7]
