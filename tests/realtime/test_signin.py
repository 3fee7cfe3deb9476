"""Who may listen, from which page, and for how long (CONTRACT X07, X49, X67)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from websockets.exceptions import InvalidStatus

from gather.realtime import hub as hubs
from gather.realtime import socket as sockets
from gather.realtime.origin import origin_allowed
from pixtasks.accounts.models import User
from pixtasks.accounts.services.users import local_user, revoke_api_key
from pixtasks.accounts.tokens import AccessToken
from tests.accounts.factories import make_key
from tests.realtime.conftest import Work, as_user, numbers, token_of
from tests.realtime.server import Server


@pytest.fixture
def closed_api(settings: Settings) -> None:
    """As in production: nobody is let in without a sign-in."""
    settings.PIXTASKS_ANONYMOUS_API = False


def session_of(user: User) -> dict[str, str]:
    """Return the header that a browser sends which is signed in to the console."""
    client = Client()
    client.force_login(user)
    return {"Cookie": f"theme=dark; sessionid={client.cookies['sessionid'].value}"}


def hears(server: Server, user: User, query: str = "", headers: dict[str, str] | None = None) -> bool:
    """Whether a socket with these credentials is pushed this user's lines."""
    work = Work(user)
    with server.socket(query, additional_headers=headers) as client:
        work.report(1)
        return numbers([client.read()]) == [1]


@pytest.mark.usefixtures("closed_api")
class TestWhereTheApiIsNotAnonymous:
    def test_an_access_token_in_the_address(self, server: Server, ann: User) -> None:
        assert hears(server, ann, as_user(ann))

    def test_an_api_key_in_the_address(self, server: Server, ann: User) -> None:
        assert hears(server, ann, f"?token={make_key(ann)[1]}")

    def test_the_session_of_the_console(self, server: Server, ann: User) -> None:
        assert hears(server, ann, headers=session_of(ann))

    def test_headers_where_a_client_can_send_them(self, server: Server, ann: User) -> None:
        assert hears(server, ann, headers={"Authorization": f"Bearer {token_of(ann)}"})
        assert hears(server, ann, headers={"X-API-Key": make_key(ann)[1]})

    def test_a_first_message(self, server: Server, ann: User) -> None:
        with server.socket(listening=False) as client:
            assert client.ask(action="subscribe", channel="all")["error"] == "UNAUTHORIZED"
            assert client.ask(action="authenticate", token=token_of(ann)) == {
                "action": "authenticated",
                "user": ann.email,
            }
            assert client.ask(action="ping")["action"] == "pong"
            Work(ann).report(1)
            assert numbers(client.frames(3)[2:]) == [1]

    def test_nothing_within_ten_seconds(
        self, server: Server, transactional_db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sockets, "SIGN_IN_SECONDS", 0.1)
        with server.socket(listening=False) as client:
            assert client.code_of_end() == 4401

    def test_a_session_that_has_ended(self, server: Server, ann: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sockets, "SIGN_IN_SECONDS", 0.1)
        headers = session_of(ann)
        ann.set_password("another long pass phrase")
        ann.save()
        with server.socket(listening=False, additional_headers=headers) as client:
            assert client.code_of_end() == 4401


@pytest.mark.parametrize("anonymous", [True, False])
def test_a_wrong_token_is_never_taken_for_nobody(
    server: Server, ann: User, settings: Settings, anonymous: bool
) -> None:
    settings.PIXTASKS_ANONYMOUS_API = anonymous
    expired = AccessToken(token_of(ann))  # type: ignore[arg-type]
    expired.set_exp(lifetime=timedelta(seconds=-1))
    key, revoked = make_key(ann)
    revoke_api_key(key=key, actor=None)
    for token in ("", "nonsense", "a.b.c", str(expired), revoked):
        with server.socket(f"?token={token}", listening=False) as client:
            assert client.code_of_end() == 4401, token
    with server.socket(listening=False) as client:
        client.say(action="authenticate", token="a.b.c")
        assert client.code_of_end() == 4401


def test_nobody_is_local_and_may_become_somebody(server: Server, ann: User) -> None:
    with server.socket() as client:
        assert client.ask(action="authenticate", token=token_of(ann))["user"] == ann.email
        assert client.ask(action="ping")["action"] == "pong"
        Work(local_user()).report(1)
        Work(ann).report(2)
        assert numbers(client.frames(3)[2:]) == [2]


def test_a_page_of_somebody_who_is_signed_in_hears_local_too_where_the_api_is_anonymous(
    server: Server, ann: User
) -> None:
    assert hears(server, local_user(), headers=session_of(ann))
    assert hears(server, ann, headers=session_of(ann))


def test_a_fresh_token_of_the_same_user_is_taken_and_anothers_is_not(server: Server, ann: User, ben: User) -> None:
    with server.socket(as_user(ann)) as client:
        assert client.ask(action="authenticate", token=token_of(ann))["action"] == "authenticated"
        assert client.ask(action="authenticate", token=token_of(ben))["error"] == "FORBIDDEN"


def test_whoever_loses_the_right_to_listen_is_sent_away(
    server: Server, ann: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hubs, "RECHECK_SECONDS", 0.05)
    key, text = make_key(ann)
    short = AccessToken(token_of(ann))  # type: ignore[arg-type]
    short.set_exp(lifetime=timedelta(seconds=2))
    with (
        server.socket(as_user(ben)) as stays,
        server.socket(f"?token={text}") as with_key,
        server.socket(f"?token={short}") as with_token,
        server.socket(additional_headers=session_of(ann)) as with_session,
    ):
        revoke_api_key(key=key, actor=None)
        assert with_key.code_of_end() == 4401
        assert with_token.code_of_end() == 4401
        User.objects.filter(pk=ann.pk).update(is_active=False)
        assert with_session.code_of_end() == 4401
        assert stays.ask(action="ping")["action"] == "pong"


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("localhost:8000", None, True),
        ("localhost:8000", "http://localhost:8000", True),
        ("LOCALHOST:8000", "http://localhost:8000", True),
        ("localhost:8000", "https://localhost:8000", True),
        ("localhost:8000", "http://localhost:3000", False),
        ("localhost:8000", "http://evil.example", False),
        ("localhost:8000", "null", False),
        ("localhost:8000", "", False),
        ("localhost:8000", "file://localhost:8000", False),
        ("localhost:8000", "http://localhost:8000.evil.example", False),
        ("localhost:8000", "https://pages.example", True),
        ("localhost:8000", "https://pages.example.evil.example", False),
        ("localhost:8000", "https://forms.example", True),
        ("evil.example:8000", "http://evil.example:8000", False),
        ("evil.example:8000", None, False),
        ("", None, False),
    ],
)
def test_which_pages_may_listen(settings: Settings, host: str, origin: str | None, allowed: bool) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    settings.CORS_ALLOWED_ORIGINS = ["https://pages.example"]
    settings.CSRF_TRUSTED_ORIGINS = ["https://forms.example"]
    headers = {"host": host} | ({"origin": origin} if origin is not None else {})
    assert origin_allowed(headers) is allowed


def test_a_page_of_another_origin_is_refused_before_the_socket_is_open(server: Server, ann: User) -> None:
    with pytest.raises(InvalidStatus, match="403"), server.socket(as_user(ann), origin="http://evil.example"):
        pass
    with server.socket(as_user(ann), origin=f"http://127.0.0.1:{server.port}") as client:
        assert client.ask(action="ping")["action"] == "pong"


def test_the_log_holds_no_token(server: Server, ann: User, caplog: pytest.LogCaptureFixture) -> None:
    token = token_of(ann)
    with caplog.at_level("INFO"), server.socket(f"?token={token}"), server.stream(f"?token={token}") as stream:
        stream.opened()
    assert "WebSocket" in caplog.text
    assert token not in caplog.text


def test_a_key_that_has_expired_is_refused(server: Server, ann: User) -> None:
    _, text = make_key(ann, expires_at=timezone.now() - timedelta(seconds=1))
    with server.socket(f"?token={text}", listening=False) as client:
        assert client.code_of_end() == 4401
