"""The same frames over plain HTTP: ``GET /api/v1/events``."""

from __future__ import annotations

import json
import threading
from typing import Any
from urllib.request import urlopen

import pytest
from django.test import Client
from pytest_django import Settings

from gather.realtime import sse
from pixtasks.accounts.models import User
from pixtasks.accounts.services.users import local_user
from tests.accounts.factories import make_key
from tests.realtime.conftest import Work, as_user, later, numbers, token_of
from tests.realtime.server import Server, until


def test_own_tasks_are_streamed_and_others_are_not(server: Server, ann: User, ben: User) -> None:
    own, foreign = Work(ann), Work(ben)
    with server.stream(as_user(ann)) as stream:
        assert stream.status == 200
        assert stream.answer.headers["Content-Type"] == "text/event-stream"
        assert stream.answer.headers["Cache-Control"] == "no-store"
        assert stream.block() == {"retry": "2000"}
        stream.opened()
        foreign.report(1)
        own.report(2)
        frame = stream.next()
    assert frame["channel"] == own.channel
    assert numbers([frame]) == [2]
    assert stream.last_id == frame["cursor"]


def test_whoever_comes_back_with_the_last_id_goes_on_there(server: Server, ann: User) -> None:
    work = Work(ann)
    with server.stream(as_user(ann)) as stream:
        stream.opened()
        work.report(1, 2)
        assert numbers([stream.next(), stream.next()]) == [1, 2]
        last = stream.last_id
    work.report(3, 4)
    for query, headers in ((as_user(ann), {"Last-Event-ID": last}), (f"{as_user(ann)}&since={last}", {})):
        with server.stream(query, headers=headers) as stream:
            assert later(stream.next, after=2, count=2) == [3, 4]
            stream.opened()


def test_the_header_of_a_browser_counts_more_than_the_address_it_was_given(server: Server, ann: User) -> None:
    work = Work(ann)
    with server.stream(as_user(ann)) as stream:
        stream.opened()
        work.report(1, 2)
        stream.next()
        last = stream.last_id
    with server.stream(f"{as_user(ann)}&since=900000.0", headers={"Last-Event-ID": last}) as stream:
        assert later(stream.next, after=1) == [2]


def test_a_stream_that_heard_nothing_yet_can_be_resumed_too(server: Server, ann: User) -> None:
    work = Work(ann)
    with server.stream(as_user(ann)) as stream:
        stream.opened()
    work.report(1)
    with server.stream(as_user(ann), headers={"Last-Event-ID": stream.last_id}) as again:
        assert later(again.next, after=0) == [1]


def test_one_task_alone_or_all_for_staff(server: Server, ann: User, staff: User) -> None:
    one, other = Work(ann), Work(ann)
    with (
        server.stream(f"{as_user(ann)}&channel={one.channel}") as alone,
        server.stream(f"{as_user(staff)}&channel=all") as everything,
    ):
        alone.opened()
        everything.opened()
        other.report(1)
        one.report(2)
        assert numbers([alone.next()]) == [2]
        assert numbers([everything.next(), everything.next()]) == [1, 2]


@pytest.mark.parametrize("way", ["bearer", "key", "session", "address"])
def test_who_signs_in_like_in_the_api_is_streamed_to(server: Server, ann: User, settings: Settings, way: str) -> None:
    settings.PIXTASKS_ANONYMOUS_API = False
    browser = Client()
    browser.force_login(ann)
    headers = {
        "bearer": {"Authorization": f"Bearer {token_of(ann)}"},
        "key": {"X-API-Key": make_key(ann)[1]},
        "session": {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"},
        "address": {},
    }[way]
    work = Work(ann)
    with server.stream(as_user(ann) if way == "address" else "", headers=headers) as stream:
        stream.opened()
        work.report(1)
        assert numbers([stream.next()]) == [1]


def test_nobody_is_local_only_where_the_api_is_anonymous(server: Server, settings: Settings) -> None:
    work = Work(local_user())
    with server.stream() as stream:
        stream.opened()
        work.report(1)
        assert numbers([stream.next()]) == [1]
    settings.PIXTASKS_ANONYMOUS_API = False
    with server.stream() as stream:
        assert (stream.status, stream.answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="api"')
        assert "credentials" in stream.error


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ("?token=nonsense", {}, 401),
        ("", {"Authorization": "Basic abc"}, 401),
        ("", {"Authorization": "Bearer a.b.c"}, 401),
        ("", {"X-API-Key": "nonsense"}, 401),
        ("", {"Origin": "http://evil.example"}, 403),
        ("", {"Host": "evil.example"}, 403),
        ("?since=nonsense", {}, 422),
        ("?since=1", {}, 422),
        ("?since=-1.0", {}, 422),
        ("", {"Last-Event-ID": "nonsense"}, 422),
        ("?channel=nonsense", {}, 422),
        ("?channel=", {}, 422),
    ],
)
def test_what_cannot_be_streamed_is_answered_as_elsewhere_in_the_api(
    server: Server, transactional_db: None, query: str, headers: dict[str, str], status: int
) -> None:
    with server.stream(query, headers=headers) as stream:
        assert stream.status == status
        assert stream.answer.headers["Content-Type"] == "application/json"
        assert isinstance(stream.error, list if status == 422 else str)


def test_a_foreign_task_is_403_and_an_unknown_one_404(server: Server, ann: User, ben: User) -> None:
    with server.stream(f"{as_user(ann)}&channel={Work(ben).channel}") as stream:
        assert (stream.status, stream.error) == (403, "Access denied to this resource")
    with server.stream(f"{as_user(ann)}&channel=task:nobody") as stream:
        assert (stream.status, stream.error) == (404, "Task nobody not found")
    with server.stream(f"{as_user(ann)}&channel=all") as stream:
        assert stream.status == 403


def test_a_page_that_is_allowed_by_name_may_read_it(server: Server, ann: User, settings: Settings) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://pages.example"]
    with server.stream(as_user(ann), headers={"Origin": "https://pages.example"}) as stream:
        assert stream.status == 200
        assert stream.answer.headers["Access-Control-Allow-Origin"] == "https://pages.example"


def test_a_quiet_stream_shows_that_it_is_alive_and_how_far_it_is(
    server: Server, ann: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.02)
    with server.stream(as_user(ann)) as stream:
        stream.opened()
        before = stream.last_id
        Work(ben).report(1)
        while stream.last_id == before:
            stream.block()
        last = stream.last_id
    own = Work(ann)
    with server.stream(as_user(ann), headers={"Last-Event-ID": last}) as stream:
        assert [stream.next()["seq"], stream.next()["seq"]] == [1, 2]
        own.report(1)


def test_it_ends_when_the_client_leaves(server: Server, ann: User) -> None:
    with server.stream(as_user(ann)) as stream:
        stream.opened()
        assert server.listeners == 1
        stream.answer.close()
    until(lambda: server.listeners == 0)


def test_a_client_that_does_not_read_is_sent_away(server: Server, ann: User, settings: Settings) -> None:
    settings.PIXTASKS_REALTIME_QUEUE = 20
    work = Work(ann)
    with server.stream(as_user(ann)) as stream:
        stream.opened()
        number = 0
        while server.listeners:
            work.report(number, filling="x" * 100_000)
            number += 1
        until(lambda: not server.server.server_state.connections)


def test_a_stream_holds_no_thread(server: Server, ann: User) -> None:
    from contextlib import ExitStack

    with ExitStack() as streams:
        first = streams.enter_context(server.stream(as_user(ann)))
        first.opened()
        before = threading.active_count()
        for _ in range(30):
            streams.enter_context(server.stream(as_user(ann))).opened()
        # The four that sign-ins share may have been started meanwhile.
        assert threading.active_count() <= before + 4


def test_the_rest_of_the_api_answers_beside_it(server: Server, ann: User) -> None:
    with server.stream(as_user(ann)) as stream, server.socket(as_user(ann)) as client:
        stream.opened()
        with urlopen(f"http://127.0.0.1:{server.port}/healthz", timeout=60) as answer:
            assert answer.status == 200
        assert client.ask(action="ping")["action"] == "pong"


@pytest.mark.django_db
def test_a_server_that_cannot_stream_names_the_one_that_can() -> None:
    response = Client().get("/api/v1/events", headers={"accept": "text/event-stream"})
    assert response.status_code == 501
    detail: Any = json.loads(response.content)["detail"]
    assert "uvicorn" in detail
    assert Client().post("/api/v1/events", {}, content_type="application/json").status_code == 405
