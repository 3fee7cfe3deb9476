"""Signing in and staying signed in, attacked: guesses, stolen tokens, and tokens that somebody made up."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from django.conf import settings as installed
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client
from pytest_django import Settings

from pixtasks.accounts.models import User
from pixtasks.accounts.tokens import RefreshToken
from tests.accounts.factories import PASSWORD, bearer, make_key, make_user, sign_in

pytestmark = pytest.mark.django_db
LOGIN, REFRESH, ME, LOGOUT = (f"/api/v1/auth/{name}" for name in ("login", "refresh", "me", "logout"))


@pytest.fixture
def http() -> Client:
    return Client()


@pytest.fixture
def user() -> User:
    return make_user()


def rates(settings: Settings, *, proxies: int = 0, **changed: str) -> None:
    known = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "NUM_PROXIES": proxies,
        "DEFAULT_THROTTLE_RATES": {**known, **changed},
    }


def guess(http: Client, email: str, **extra: Any) -> int:
    body = {"email": email, "password": "a wrong guess"}
    return http.post(LOGIN, body, content_type="application/json", **extra).status_code


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_a_made_up_address_walks_around_no_limit(http: Client, settings: Settings, proxies: int) -> None:
    """Behind n proxies the last n entries are theirs; what stands before them is what the client made up."""
    rates(settings, proxies=proxies, login_address="3/minute")
    real = ", ".join(f"198.51.100.{number}" for number in range(1, proxies + 1))
    answers = [
        guess(
            http, f"nobody{number}@example.com", headers={"x-forwarded-for": f"203.0.113.{number}, {real}".strip(", ")}
        )
        for number in range(6)
    ]
    assert answers == [401] * 3 + [429] * 3


def test_behind_a_proxy_two_clients_are_two(http: Client, settings: Settings) -> None:
    rates(settings, proxies=1, login_address="2/minute")
    answers = [
        guess(http, f"nobody{number}@example.com", headers={"x-forwarded-for": f"203.0.113.{number % 2}"})
        for number in range(6)
    ]
    assert answers == [401] * 4 + [429] * 2


def test_rotating_addresses_do_not_help_against_one_account(http: Client, settings: Settings, user: User) -> None:
    rates(settings, proxies=1, login_account="4/minute")
    spellings = [user.email, user.email.upper(), f" {user.email} ", user.email.capitalize(), user.email, user.email]
    answers = [
        guess(http, email, headers={"x-forwarded-for": f"203.0.113.{number}"}) for number, email in enumerate(spellings)
    ]
    assert answers == [401] * 4 + [429] * 2


def test_another_account_is_not_locked_out_by_it(http: Client, settings: Settings, user: User) -> None:
    rates(settings, login_account="1/minute")
    assert [guess(http, user.email), guess(http, user.email)] == [401, 429]
    assert sign_in(make_user())["token_type"] == "bearer"


def test_an_unknown_user_costs_what_a_wrong_password_costs(
    http: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of an answer would tell who has an account: the same hash is made for nobody, too."""
    hashed: list[int] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(1)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    inactive = make_user(is_active=False)
    work = {}
    for name, email in (("known", user.email), ("unknown", "nobody@example.com"), ("inactive", inactive.email)):
        hashed.clear()
        assert guess(http, email) == 401
        work[name] = len(hashed)
    assert work == {"known": 1, "unknown": 1, "inactive": 1}


def test_a_token_works_no_more_once_its_sign_in_has_ended(http: Client, user: User) -> None:
    tokens = sign_in(user)
    assert http.get(ME, headers=bearer(tokens["access_token"])).status_code == 200
    assert http.post(LOGOUT, headers=bearer(tokens["access_token"])).status_code == 200
    assert http.get(ME, headers=bearer(tokens["access_token"])).status_code == 401
    assert http.post(LOGOUT, headers=bearer(tokens["access_token"])).status_code == 401
    assert refresh(http, tokens["refresh_token"]) == 401


def test_a_stolen_refresh_token_works_once_at_most(http: Client, user: User) -> None:
    stolen = sign_in(user)["refresh_token"]
    assert [refresh(http, stolen), refresh(http, stolen), refresh(http, stolen)] == [200, 401, 401]


def refresh(http: Client, token: str) -> int:
    return http.post(REFRESH, {"refresh_token": token}, content_type="application/json").status_code


def claims(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def signed(payload: dict[str, Any], key: str | bytes | None = None, *, header: dict[str, Any] | None = None) -> str:
    """Return a token made by hand, so that no library keeps an attacker from writing what he likes."""
    secret = installed.SIMPLE_JWT["SIGNING_KEY"] if key is None else key
    head = {"alg": "HS256", "typ": "JWT"} if header is None else header
    text = f"{_packed(head)}.{_packed(payload)}"
    raw = secret.encode() if isinstance(secret, str) else secret
    mark = hmac.new(raw, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


def _packed(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_token_signed_by_hand_works_so_the_forgeries_fail_for_what_is_wrong_with_them(
    http: Client, user: User
) -> None:
    good = claims(sign_in(user)["access_token"])
    assert http.get(ME, headers=bearer(signed(good))).status_code == 200


HOUR = 3600
FORGERIES: dict[str, Any] = {
    "alg none": lambda good, other: f"{_packed({'alg': 'none', 'typ': 'JWT'})}.{_packed(good)}.",
    "alg None": lambda good, other: f"{_packed({'alg': 'None', 'typ': 'JWT'})}.{_packed(good)}.",
    "alg none, signed": lambda good, other: signed(good, header={"alg": "none"}),
    "alg NONE, unsigned": lambda good, other: f"{_packed({'alg': 'NONE'})}.{_packed(good)}.AA",
    "no alg": lambda good, other: signed(good, header={"typ": "JWT"}),
    "alg HS384": lambda good, other: jwt.encode(good, installed.SIMPLE_JWT["SIGNING_KEY"], algorithm="HS384"),
    "alg HS512": lambda good, other: jwt.encode(good, installed.SIMPLE_JWT["SIGNING_KEY"], algorithm="HS512"),
    "alg RS256 with an HMAC": lambda good, other: signed(good, header={"alg": "RS256", "typ": "JWT"}),
    "alg ES256 with an HMAC": lambda good, other: signed(good, header={"alg": "ES256", "typ": "JWT"}),
    "a key in the header": lambda good, other: signed(
        good, b"attacker", header={"alg": "HS256", "jwk": {"kty": "oct", "k": _packed("attacker")}}
    ),
    "a key by address": lambda good, other: signed(
        good, b"attacker", header={"alg": "HS256", "jku": "http://127.0.0.1/keys", "x5u": "http://127.0.0.1/"}
    ),
    "a key by path": lambda good, other: signed(good, b"", header={"alg": "HS256", "kid": "../../../../dev/null"}),
    "a critical header": lambda good, other: signed(good, header={"alg": "HS256", "crit": ["exp"], "exp": 1}),
    "the wrong key": lambda good, other: signed(good, b"k" * 48),
    "the empty key": lambda good, other: signed(good, b""),
    "Django's key": lambda good, other: signed(good, installed.SECRET_KEY),
    "expired": lambda good, other: signed({**good, "exp": good["iat"] - 1}),
    "expired long ago": lambda good, other: signed({**good, "exp": 1}),
    "without an end": lambda good, other: signed({name: good[name] for name in good if name != "exp"}),
    "an end that is no time": lambda good, other: signed({**good, "exp": "never"}),
    "an end without end": lambda good, other: signed({**good, "exp": 10**30}),
    "not valid yet": lambda good, other: signed({**good, "nbf": good["iat"] + 10 * HOUR}),
    "issued in the future": lambda good, other: signed({**good, "iat": good["iat"] + 10 * HOUR}),
    "of another user, signature kept": lambda good, other: _swapped(signed(good), {**good, "user_id": str(other.pk)}),
    "of another user, by the right key": lambda good, other: signed({**good, "user_id": str(other.pk)}),
    "of a user who is not": lambda good, other: signed({**good, "user_id": "999999"}),
    "of a user who is no number": lambda good, other: signed({**good, "user_id": "1 OR 1=1"}),
    "of a user beyond numbers": lambda good, other: signed({**good, "user_id": "9" * 40}),
    "of a list of users": lambda good, other: signed({**good, "user_id": [good["user_id"]]}),
    "of no user": lambda good, other: signed({name: good[name] for name in good if name != "user_id"}),
    "without an id": lambda good, other: signed({name: good[name] for name in good if name != "jti"}),
    "a refresh token's type": lambda good, other: signed({**good, "token_type": "refresh"}),
    "without a type": lambda good, other: signed({name: good[name] for name in good if name != "token_type"}),
    "without the password's mark": lambda good, other: signed({name: good[name] for name in good if name != "pwd"}),
    "with an empty mark": lambda good, other: signed({**good, "pwd": ""}),
    "a mark that is no text": lambda good, other: signed({**good, "pwd": {"$ne": 1}}),
    "no object": lambda good, other: signed([good]),  # type: ignore[arg-type]
    "null": lambda good, other: signed(None),  # type: ignore[arg-type]
    "signature cut": lambda good, other: signed(good)[:-4],
    "two signatures": lambda good, other: f"{signed(good)}.{signed(good).rpartition('.')[2]}",
    "64 KB of claims": lambda good, other: signed({**good, "pwd": "x" * 65_000}),
    "not base64": lambda good, other: "§§§.§§§.§§§".encode().decode("latin-1"),
    "dots": lambda good, other: "..",
}


def _swapped(token: str, payload: dict[str, Any]) -> str:
    head, _, mark = token.split(".")
    return f"{head}.{_packed(payload)}.{mark}"


@pytest.mark.parametrize("name", FORGERIES)
def test_no_forged_token_opens_anything(http: Client, user: User, name: str) -> None:
    good = claims(sign_in(user)["access_token"])
    forged = FORGERIES[name](good, make_user(is_staff=True))
    response = http.get(ME, headers=bearer(forged))
    assert (response.status_code, list(response.json())) == (401, ["detail"])
    # What was signed with the installation's own key as a refresh token is one; no other body is even that.
    assert refresh(http, forged) in ({200} if name == "a refresh token's type" else {401, 422})


def test_no_token_outlives_the_account_or_its_password(http: Client, user: User) -> None:
    tokens, (_, key) = sign_in(user), make_key(user)
    user.set_password("another correct horse")
    user.save()
    assert http.get(ME, headers=bearer(tokens["access_token"])).status_code == 401
    assert refresh(http, tokens["refresh_token"]) == 401
    user.set_password(PASSWORD)
    user.save()
    # The old password again is another hash: what was stolen before stays useless.
    assert http.get(ME, headers=bearer(tokens["access_token"])).status_code == 401
    tokens = sign_in(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert http.get(ME, headers=bearer(tokens["access_token"])).status_code == 401
    assert refresh(http, tokens["refresh_token"]) == 401
    assert http.get(ME, headers={"x-api-key": key}).status_code == 401


def test_a_successor_dies_with_the_sign_in_it_belongs_to(http: Client, user: User) -> None:
    first = RefreshToken.begin(user)
    second = http.post(REFRESH, {"refresh_token": str(first)}, content_type="application/json").json()
    assert http.post(LOGOUT, headers=bearer(str(first.access_token))).status_code == 200
    assert http.get(ME, headers=bearer(second["access_token"])).status_code == 401
    assert refresh(http, second["refresh_token"]) == 401


@pytest.mark.parametrize("text", ["", ".", "x", "x.y", "%", "a" * 5_000, "' OR 1=1 --.x", "\x00.x", "é.é"])
def test_no_forged_key_opens_anything(http: Client, user: User, text: str) -> None:
    key, _ = make_key(user)
    for sent in (text, f"{key.prefix}.{text}", f"{key.prefix}{text}", f".{key.prefix}"):
        assert http.get(ME, headers={"x-api-key": sent}).status_code == 401
