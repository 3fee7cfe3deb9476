"""What a client may say, and what becomes of one that misbehaves, does not read, or outlives the database."""

from __future__ import annotations

import json
import socket
from typing import Any, Literal

import pytest
from django.db import OperationalError
from pytest_django import Settings
from websockets.frames import Frame, Opcode

from gather.realtime import channels, hub, messages, wire
from gather.realtime import socket as sockets
from pixtasks.accounts.models import User
from tests.realtime.conftest import Work, as_user, numbers
from tests.realtime.server import Server, until


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("", "VALIDATION_ERROR"),
        ("nonsense", "VALIDATION_ERROR"),
        ("[]", "VALIDATION_ERROR"),
        ("{}", "VALIDATION_ERROR"),
        ('{"action": 1}', "VALIDATION_ERROR"),
        ('{"action": "shout"}', "VALIDATION_ERROR"),
        ('{"action": "ping", "action": "ping"}', "VALIDATION_ERROR"),
        ('{"action": "authenticate"}', "VALIDATION_ERROR"),
        ('{"action": "authenticate", "token": 7}', "VALIDATION_ERROR"),
        ('{"action": "subscribe"}', "VALIDATION_ERROR"),
        ('{"action": "subscribe", "channel": "task:"}', "VALIDATION_ERROR"),
        ('{"action": "subscribe", "channel": "job:1"}', "VALIDATION_ERROR"),
        ('{"action": "subscribe", "channel": ["all"]}', "VALIDATION_ERROR"),
        ('{"action": "subscribe", "channel": "task:x\\u0000"}', "VALIDATION_ERROR"),
        ('{"action": "subscribe", "channel": "task:x", "since": -1}', "VALIDATION_ERROR"),
        ('{"action": "subscribe", "channel": "task:x", "since": true}', "VALIDATION_ERROR"),
        ('{"action": "subscribe", "channel": "task:x", "since": "1"}', "VALIDATION_ERROR"),
        ('{"action": "subscribe", "channel": "task:x", "since": 1e9}', "VALIDATION_ERROR"),
        (b'{"action": "ping"}', "VALIDATION_ERROR"),
        (json.dumps({"action": "ping", "more": "x" * 5000}), "PAYLOAD_TOO_LARGE"),
    ],
)
def test_a_message_that_is_none_is_answered_with_an_error(message: str | bytes, word: str) -> None:
    event: dict[str, Any] = {"bytes": message} if isinstance(message, bytes) else {"text": message}
    with pytest.raises(messages.BadMessage) as caught:
        messages.read_message(event)
    assert caught.value.word == word


def test_a_connection_survives_errors_and_not_a_hundred(
    server: Server, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "BURST", 200)
    monkeypatch.setattr(messages.Pace.__init__, "__defaults__", (20, 200))
    with server.socket(as_user(ann)) as client:
        for _ in range(sockets.MOST_ERRORS):
            client.connection.send("nonsense")
            assert client.read()["error"] == "VALIDATION_ERROR"
        client.connection.send("nonsense")
        assert client.code_of_end() == 4400


def test_more_than_sixteen_kilobytes_end_the_connection(server: Server, ann: User) -> None:
    with server.socket(as_user(ann)) as client:
        client.connection.send("x" * 20_000)
        assert client.code_of_end() == 1009


def test_messages_are_read_no_faster_than_the_pace() -> None:
    pace = messages.Pace(per_second=10, burst=3)
    assert [pace.delay() for _ in range(3)] == [0, 0, 0]
    delays = [pace.delay() for _ in range(2)]
    assert 0 < delays[0] <= 0.1 < delays[1] <= 0.2


def test_there_is_a_most_of_channels(server: Server, staff: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "MOST_CHANNELS", 2)
    with server.socket(as_user(staff)) as client:
        for name in ("a", "b", "a"):
            assert client.ask(action="subscribe", channel=f"task:{name}")["action"] == "subscribed"
        assert client.ask(action="subscribe", channel="task:c")["error"] == "RATE_LIMITED"
        client.ask(action="unsubscribe", channel="task:a")
        assert client.ask(action="subscribe", channel="task:c")["action"] == "subscribed"


def test_a_full_server_says_try_again(server: Server, ann: User, settings: Settings) -> None:
    settings.PIXTASKS_REALTIME_CLIENTS = 1
    with server.socket(as_user(ann)), server.socket(as_user(ann), listening=False) as second:
        assert second.code_of_end() == 1013
        with server.stream(as_user(ann)) as stream:
            assert stream.status == 503


def test_a_client_that_does_not_read_is_sent_away_and_others_hear_everything(
    server: Server, ann: User, settings: Settings
) -> None:
    settings.PIXTASKS_REALTIME_QUEUE = 20
    work = Work(ann)
    with server.socket(as_user(ann), max_queue=1) as slow, server.socket(as_user(ann)) as other:
        number = 0
        while server.listeners == 2:
            work.report(number, filling="x" * 100_000)
            assert numbers([other.read()]) == [number]
            number += 1
        assert slow.code_of_end() == 4408
        work.report(number)
        assert numbers([other.read()]) == [number]


def test_a_client_that_never_reads_again_is_cut_off(
    server: Server, ann: User, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PIXTASKS_REALTIME_QUEUE = 20
    monkeypatch.setattr(sockets, "_PARTING_SECONDS", 0.1)
    work = Work(ann)
    dead = socket.create_connection(("127.0.0.1", server.port))
    with dead:
        dead.sendall(
            f"GET /ws/{as_user(ann)} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        until(lambda: server.listeners == 1)
        number = 0
        while server.listeners:
            work.report(number, filling="x" * 100_000)
            number += 1
        until(lambda: not server.server.server_state.connections)


def test_without_listeners_nothing_is_read(server: Server, ann: User) -> None:
    with server.socket(as_user(ann)):
        assert server.inside(lambda: len(hub.hub().positions)) == 2
    until(lambda: server.listeners == 0)
    assert server.inside(lambda: hub.hub().positions) == ()
    with server.socket(as_user(ann)) as client:
        Work(ann).report(1)
        assert numbers(client.frames(3)[2:]) == [1]


def test_clients_stay_while_the_database_is_away_and_miss_nothing(
    server: Server, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(ann)
    away: list[int] = []
    read = hub._read

    def fail(positions: hub.Positions) -> Any:
        away.append(1)
        raise OperationalError("the connection is closed")

    with server.socket(as_user(ann)) as client:
        monkeypatch.setattr(hub, "_read", fail)
        work.report(1)
        until(lambda: len(away) >= 3)
        monkeypatch.setattr(hub, "_read", read)
        work.report(2)
        assert numbers(client.frames(2)) == [1, 2]


def test_a_server_that_stops_says_so(server: Server, ann: User) -> None:
    with server.socket(as_user(ann)) as client:
        server.server.should_exit = True
        assert client.code_of_end() == 1012


@pytest.mark.parametrize("compression", ["deflate", None])
def test_a_server_that_compresses_sends_the_same(
    server: Server, ann: User, compression: Literal["deflate"] | None
) -> None:
    compressing = Server(compressing=True)
    compressing.start()
    work = Work(ann)
    try:
        with compressing.socket(as_user(ann), compression=compression) as client:
            for filling in ("", "x" * 1000, "x" * 100_000):
                work.report(1, filling=filling)
                assert client.read()["data"]["data"] == {"n": 1, "filling": filling}
    finally:
        compressing.stop()


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_message_is_framed_as_the_protocol_machine_does_it(size: int) -> None:
    text = b"x" * size
    assert wire.encoded(text) == Frame(Opcode.TEXT, text).serialize(mask=False)
