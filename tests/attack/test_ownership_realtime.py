"""Who may listen to what: WebSocket and server-sent events, asked by everybody, against a table."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings
from websockets.exceptions import ConnectionClosed

from pixtasks.accounts.models import Scope
from tests import factories
from tests.accounts.factories import bearer, make_key, sign_in
from tests.realtime.conftest import Work
from tests.realtime.server import Server, Socket

# What a caller gets for the owner's task (own), for a task that nobody knows, and for everybody's (all).
# WebSocket: the reply to a subscription. Events: the HTTP status.
TABLE = """
caller      ws:own        ws:unknown    ws:all        events:own  events:unknown  events:all
nobody      UNAUTHORIZED  UNAUTHORIZED  UNAUTHORIZED  401         401             401
other       FORBIDDEN     NOT_FOUND     FORBIDDEN     403         404             403
owner       subscribed    NOT_FOUND     FORBIDDEN     200         404             403
staff       subscribed    subscribed    subscribed    200         200             200
key         subscribed    NOT_FOUND     FORBIDDEN     200         404             403
key:read    subscribed    NOT_FOUND     FORBIDDEN     200         404             403
key:worker  subscribed    subscribed    subscribed    200         200             200
"""
UNKNOWN = "task:00000000-0000-4000-8000-000000000000"


@pytest.fixture
def server(transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    settings.PIXTASKS_ANONYMOUS_API = False
    # Its threads outlive the test: none may keep a connection to a database that is dropped in the end.
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
    running = Server()
    running.start()
    yield running
    running.stop()


def test_everybody_hears_what_the_table_says(server: Server) -> None:
    owner, other = factories.user(), factories.user()
    staff = factories.user(is_staff=True)
    mine = Work(owner)
    callers: dict[str, dict[str, str]] = {
        "nobody": {},
        "other": bearer(sign_in(other)["access_token"]),
        "owner": bearer(sign_in(owner)["access_token"]),
        "staff": bearer(sign_in(staff)["access_token"]),
        "key": {"X-API-Key": make_key(owner)[1]},
        "key:read": {"X-API-Key": make_key(owner, Scope.READ)[1]},
        "key:worker": {"X-API-Key": make_key(staff, Scope.WORKER)[1]},
    }
    channels = [mine.channel, UNKNOWN, "all"]
    rows = []
    for name, headers in callers.items():
        cells = [by_socket(server, headers, channel) for channel in channels]
        cells += [by_events(server, headers, channel) for channel in channels]
        rows.append([name, *cells])
    wanted = [line.split() for line in TABLE.strip().splitlines()[1:]]
    assert rows == wanted, "\n".join(" ".join(row) for row in rows)


def by_socket(server: Server, headers: dict[str, str], channel: str) -> str:
    """Subscribe, and return what is said to it."""
    try:
        with server.socket(listening=False, additional_headers=headers) as client:
            client.say(action="subscribe", channel=channel)
            return answered(client)
    except ConnectionClosed as closed:
        return str(closed.rcvd.code if closed.rcvd else "gone")


def answered(client: Socket) -> str:
    """Return the action or the error of the first reply; frames may come before it."""
    while True:
        frame = client.read()
        if said := frame.get("action") or frame.get("error"):
            return str(said)


def by_events(server: Server, headers: dict[str, str], channel: str) -> str:
    with server.stream(f"?channel={channel}", headers=headers) as stream:
        return str(stream.status)
