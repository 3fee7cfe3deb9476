"""Sources that answer more to who has registered: a token where there are credentials, and nothing of them gets out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jobs.engines import EngineError, EngineNotConfigured, EngineUnavailable, FormatChanged, Page, Query, resolve
from jobs.engines.asking import Refused
from jobs.engines.registered import TOKENS, Credentials, TokenBox
from jobs.engines.secrets import secret_values
from jobs.fetch.cassettes import (
    CassetteReader,
    CassetteWriter,
    NotOnCassette,
    RecordingEngine,
    RecordingWeb,
    ReplayingEngine,
    ReplayingWeb,
    begin_cassette,
)
from jobs.fetch.cassettes.secrets import Scrubber
from jobs.fetch.web import WebClient
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits
from pixtasks.settings import env

from .adapter_openverse import ADAPTER, SEARCH
from .sources import Asked, Reply, Source

ID, SECRET = "id-of-the-archive", "s3cret & more/of+it"
BOTH = ("PIXTASKS_OPENVERSE_CLIENT_ID", "PIXTASKS_OPENVERSE_CLIENT_SECRET")
TOKEN = "/v1/auth_tokens/token/"


class Desk(Source):
    """A source that gives tokens to whom it knows, and takes the latest ones alone."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[str] = []
        self.taken: set[str] = set()
        self.grant: dict[str, Any] = {}

    def forget(self) -> None:
        self.given, self.taken, self.grant = [], set(), {"expires_in": 36_000}
        self.asked.clear()

    @property
    def tokens_asked(self) -> int:
        return sum(1 for asked in self.asked if asked.path == TOKEN)

    def answer(self, asked: Asked) -> Reply:
        if asked.path == TOKEN and not any(reply.path == TOKEN for reply in self.replies):
            self.asked.append(asked)
            form = {"grant_type": "client_credentials", "client_id": ID, "client_secret": SECRET}
            if asked.method != "POST" or asked.form != form:
                return Reply(TOKEN, b'{"error": "invalid_client"}', status=401)
            self.given.append(f"t0ken-{len(self.given)}")
            self.taken.add(self.given[-1])
            body = {"access_token": self.given[-1], "scope": "read write", "token_type": "Bearer", **self.grant}
            return Reply(TOKEN, json.dumps(body).encode())
        bearer = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if bearer and bearer not in self.taken:
            self.asked.append(asked)
            return Reply(asked.path, json.dumps({"detail": f"Token {bearer} has expired."}).encode(), status=401)
        return super().answer(asked)


@pytest.fixture(scope="module")
def server() -> Iterator[Desk]:
    source = Desk()
    yield source
    source.stop()


@pytest.fixture
def web(server: Desk) -> Iterator[WebClient]:
    policy = AddressPolicy([f"127.0.0.1:{server.port}"])
    with WebClient(policy, FetchLimits(connect_seconds=5, total_seconds=20)) as web:
        yield web


@pytest.fixture(autouse=True)
def _registered(server: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PIXTASKS_ENGINE_ALIASES = {}
    settings.PIXTASKS_ENGINE_URLS = {"openverse": server.origin}
    settings.PIXTASKS_OPENVERSE_CLIENT_ID, settings.PIXTASKS_OPENVERSE_CLIENT_SECRET = ID, SECRET
    monkeypatch.setattr(TOKENS, "_tokens", {})
    server.forget()
    server.play(ADAPTER.replies())


def search(web: Any, cursor: str | None = None) -> Page:
    engine = resolve("openverse")
    return engine.search(Query("red fox", "openverse", 100, engine.Options()), cursor, web)


def searches(server: Desk) -> list[Asked]:
    return [asked for asked in server.asked if asked.path == SEARCH]


def everything(folder: Path) -> str:
    return "".join(path.read_text("latin-1") for path in folder.rglob("*") if path.is_file())


def test_one_token_is_asked_for_and_sent_with_every_search(server: Desk, web: WebClient) -> None:
    first = search(web)
    assert first.next == "2x500"
    assert search(web, first.next).next is None
    assert [(one.query["page"], one.query["page_size"]) for one in searches(server)] == [("1", "500"), ("2", "500")]
    assert {one.headers["authorization"] for one in searches(server)} == {"Bearer t0ken-0"}
    assert server.tokens_asked == 1
    assert server.asked[0].headers["content-type"] == "application/x-www-form-urlencoded"
    assert "client_secret" not in str(server.asked[0].query)


def test_without_credentials_anybody_asks(server: Desk, web: WebClient, settings: Any) -> None:
    settings.PIXTASKS_OPENVERSE_CLIENT_ID = settings.PIXTASKS_OPENVERSE_CLIENT_SECRET = ""
    assert search(web).next == "2"
    assert server.tokens_asked == 0
    (asked,) = searches(server)
    assert asked.query["page_size"] == "20" and "authorization" not in asked.headers


@pytest.mark.parametrize("name", BOTH)
def test_half_of_the_credentials_is_said_by_name(name: str, server: Desk, web: WebClient, settings: Any) -> None:
    setattr(settings, name, "")
    with pytest.raises(EngineNotConfigured) as caught:
        resolve("openverse")
    assert caught.value.missing == [name]


def test_credentials_that_cannot_be_sent_are_told_without_them(server: Desk, web: WebClient, settings: Any) -> None:
    settings.PIXTASKS_OPENVERSE_CLIENT_SECRET = "clé\n"
    with pytest.raises(EngineError, match="CLIENT_SECRET holds characters") as caught:
        search(web)
    assert "clé" not in str(caught.value) and server.asked == []


@pytest.mark.parametrize("name", BOTH)
def test_credentials_may_come_from_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_text("from a file\n")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / name))
    assert env.text(name) == "from a file"


def test_a_token_that_the_source_takes_no_more_is_replaced_once(server: Desk, web: WebClient) -> None:
    search(web)
    server.taken.clear()
    assert search(web).candidates
    assert server.tokens_asked == 2
    assert [one.headers["authorization"] for one in searches(server)] == [
        "Bearer t0ken-0", "Bearer t0ken-0", "Bearer t0ken-1",
    ]  # fmt: skip


def test_a_source_that_takes_no_token_at_all_is_not_asked_for_ever(server: Desk, web: WebClient) -> None:
    server.taken = type("Nothing", (set,), {"add": lambda self, item: None})()
    with pytest.raises(Refused, match=f"has expired.*Check {' and '.join(BOTH)}") as caught:
        search(web)
    assert not isinstance(caught.value, EngineUnavailable)
    assert (server.tokens_asked, len(searches(server))) == (2, 2)
    assert "t0ken" not in f"{caught.value} {caught.value.args} {caught.value.said}"


def test_a_token_is_replaced_before_it_ends() -> None:
    now, made = [1000.0], []
    box = TokenBox(clock=lambda: now[0])

    def ask() -> tuple[str, float]:
        made.append(f"token {len(made)}")
        return made[-1], 300.0

    who = Credentials("a", "b")
    assert [box.token("u", who, ask), box.token("u", who, ask), box.token("v", who, ask)] == [
        "token 0", "token 0", "token 1",
    ]  # fmt: skip
    now[0] += 239
    assert box.token("u", who, ask) == "token 0"
    now[0] += 1
    assert box.token("u", who, ask) == "token 2"
    assert box.token("u", Credentials("a", "other"), ask) == "token 3"
    box.forget("token 2")
    assert box.token("u", who, ask) == "token 4"
    assert "b" not in repr(who).partition("(")[2]


@pytest.mark.parametrize("grant", [{"expires_in": 5}, {"expires_in": None}, {}])
def test_a_token_lasts_as_long_as_the_source_says(grant: dict[str, Any], server: Desk, web: WebClient) -> None:
    server.grant = grant
    search(web)
    search(web)
    assert server.tokens_asked == (2 if grant.get("expires_in") else 1)


@pytest.mark.parametrize(("name", "value"), [(BOTH[0], "somebody-else"), (BOTH[1], "wr0ng-secret")])
def test_wrong_credentials_are_refused_for_good_and_by_name(
    name: str, value: str, server: Desk, web: WebClient, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    setattr(settings, name, value)
    with pytest.raises(EngineError) as caught:
        search(web)
    assert not isinstance(caught.value, EngineUnavailable)
    assert caught.value.message == (
        f"openverse refused the credentials (status 401: invalid_client). Check {' and '.join(BOTH)}."
    )
    assert searches(server) == []
    assert not any(secret in f"{caught.value} {caplog.text}" for secret in (ID, SECRET, value))


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500, 503])
def test_a_source_that_repeats_the_secret_does_not_spread_it(
    status: int, server: Desk, web: WebClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"detail": f"{ID} {SECRET}"}).encode()
    server.play([Reply(TOKEN, echo, status=status, method="POST", headers={"Retry-After": "7"})])
    with pytest.raises(EngineError) as caught:
        search(web)
    passing = status in (429, 500, 503)
    assert isinstance(caught.value, EngineUnavailable) == passing
    if passing:
        assert caught.value.retry_after == 7
    told = f"{caught.value} {caught.value.args} {getattr(caught.value, 'said', '')} {caplog.text}"
    assert ID not in told and SECRET not in told


@pytest.mark.parametrize(
    "body", [b"{}", b'{"access_token": ""}', b'{"access_token": "a\\nb"}', b'{"access_token": {}}']
)
def test_an_answer_without_a_token_is_named(body: bytes, server: Desk, web: WebClient) -> None:
    server.play([Reply(TOKEN, body, method="POST")])
    with pytest.raises(FormatChanged, match="openverse: access_token"):
        search(web)


def test_a_redirect_of_the_desk_is_not_sent_the_secret(server: Desk, web: WebClient) -> None:
    server.play([Reply(TOKEN, status=307, headers={"Location": f"{server.origin}/elsewhere"}, method="POST")])
    with pytest.raises(EngineError, match="status 307"):
        search(web)
    assert [asked.path for asked in server.asked] == [TOKEN]


def test_a_source_that_repeats_the_token_does_not_spread_it(server: Desk, web: WebClient) -> None:
    search(web)
    assert {ID, SECRET, "t0ken-0"} <= set(secret_values())
    server.replies = [Reply(SEARCH, b'{"detail": "t0ken-0 may not do this"}', status=403)]
    with pytest.raises(EngineError, match=r"\[key\] may not do this.*Check") as caught:
        search(web)
    assert "t0ken" not in str(caught.value)


def test_a_chunk_goes_on_where_it_was_when_the_credentials_come_or_go(
    server: Desk, web: WebClient, settings: Any
) -> None:
    assert search(web, "2").next is None
    assert searches(server)[-1].query["page_size"] == "20"
    settings.PIXTASKS_OPENVERSE_CLIENT_ID = settings.PIXTASKS_OPENVERSE_CLIENT_SECRET = ""
    server.replies = [Reply(SEARCH, ADAPTER.body())]
    search(web, "1x500")
    assert (searches(server)[-1].query["page"], searches(server)[-1].query["page_size"]) == ("1", "20")
    assert search(web, "2x500") == Page((), None)
    for cursor in ("x500", "", "2x500x", "21x500", "2x20", "0x500"):
        with pytest.raises(EngineError, match="is not one of openverse"):
            search(web, cursor)


def test_a_cassette_holds_neither_secret_nor_token_and_is_replayed_without_them(
    server: Desk, web: WebClient, settings: Any, tmp_path: Path
) -> None:
    begin_cassette(tmp_path / "tape", {"max_images": 100})
    repeated = json.dumps({**ADAPTER.json(), "asked_with": "t0ken-1"}).encode()
    server.replies = [Reply(SEARCH, repeated, {"page": "1"}), *server.replies]
    recording = RecordingWeb(web, CassetteWriter(tmp_path / "tape"), Scrubber(), "openverse")
    engine = RecordingEngine(resolve("openverse"), recording, CassetteWriter(tmp_path / "tape"))
    query = Query("red fox", "openverse", 100, engine.Options())
    search(web)
    server.taken.clear()  # The token ends while it is recorded.
    pages = [engine.search(query, None, recording)]
    pages.append(engine.search(query, pages[0].next, recording))
    kept = everything(tmp_path / "tape")
    assert not any(secret in kept for secret in (ID, SECRET, "t0ken", TOKEN, "Bearer"))

    settings.PIXTASKS_OPENVERSE_CLIENT_ID = settings.PIXTASKS_OPENVERSE_CLIENT_SECRET = ""
    asked = len(server.asked)
    replaying = ReplayingEngine(resolve("openverse"), CassetteReader(tmp_path / "tape"), 100)
    assert [replaying.search(query, cursor, web).candidates for cursor in (None, "2x500")] == [
        page.candidates for page in pages
    ]
    assert len(server.asked) == asked
    with pytest.raises(NotOnCassette, match="POST"):
        ReplayingWeb(CassetteReader(tmp_path / "tape")).post(f"{server.origin}{TOKEN}", {})


def test_a_cassette_of_anybody_is_replayed_where_there_are_credentials(
    server: Desk, web: WebClient, settings: Any, tmp_path: Path
) -> None:
    settings.PIXTASKS_OPENVERSE_CLIENT_ID = settings.PIXTASKS_OPENVERSE_CLIENT_SECRET = ""
    begin_cassette(tmp_path / "tape", {"max_images": 100})
    recording = RecordingWeb(web, CassetteWriter(tmp_path / "tape"), Scrubber(), "openverse")
    page = search(recording)
    settings.PIXTASKS_OPENVERSE_CLIENT_ID, settings.PIXTASKS_OPENVERSE_CLIENT_SECRET = ID, SECRET
    replaying = ReplayingEngine(resolve("openverse"), CassetteReader(tmp_path / "tape"), 100)
    query = Query("red fox", "openverse", 100, replaying.Options())
    assert replaying.search(query, None, web).candidates == page.candidates
    assert server.tokens_asked == 0
