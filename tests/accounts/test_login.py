"""``POST /api/v1/auth/login`` (CONTRACT J03, J04, J05)."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from pixtasks.accounts.models import AuditEntry
from pixtasks.accounts.services.users import local_user
from tests.accounts.factories import PASSWORD, bearer, make_user, sign_in

pytestmark = pytest.mark.django_db

LOGIN = "/api/v1/auth/login"


def _login(email: object, password: object, **extra: Any) -> HttpResponse:
    return Client().post(LOGIN, {"email": email, "password": password}, content_type="application/json", **extra)


def test_the_documented_answer_and_a_refresh_token() -> None:
    body = sign_in(make_user())
    assert set(body) == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 3600)


def test_the_token_is_as_documented() -> None:
    token = sign_in(make_user())["access_token"]
    assert token.startswith("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.")
    header, payload, _ = token.split(".")
    assert base64.urlsafe_b64decode(header + "==") == b'{"alg":"HS256","typ":"JWT"}'
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    assert claims["exp"] - claims["iat"] == 3600


def test_the_address_signs_in_whatever_its_case() -> None:
    make_user(email="Ann@Example.com")
    assert _login(" aNN@example.COM ", PASSWORD).status_code == 200


@pytest.mark.parametrize("wrong", ["password", "address", "inactive", "local"])
def test_every_wrong_credential_is_the_same_401(wrong: str) -> None:
    user = make_user(is_active=wrong != "inactive")
    email = {"address": "nobody@example.com", "local": local_user().email}.get(wrong, user.email)
    response = _login(email, "wrong password" if wrong == "password" else PASSWORD)
    assert (response.status_code, response.json()) == (401, {"detail": "Incorrect email or password"})
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({"password": "x"}, ["body", "email"], "value_error.missing"),
        ({"email": "a@example.com"}, ["body", "password"], "value_error.missing"),
        ({"email": 5, "password": "x"}, ["body", "email"], "type_error.str"),
        ({"email": "a@example.com", "password": ""}, ["body", "password"], "value_error.any_str.min_length"),
        ({"email": "a@example.com", "password": "x" * 2000}, ["body", "password"], "value_error.any_str.max_length"),
    ],
)
def test_a_wrong_form_is_422(body: dict[str, Any], loc: list[str], kind: str) -> None:
    response = Client().post(LOGIN, body, content_type="application/json")
    assert response.status_code == 422
    assert [(fault["loc"], fault["type"]) for fault in response.json()["detail"]] == [(loc, kind)]


def test_tokens_are_not_to_be_stored_by_anything_between() -> None:
    user = make_user()
    assert _login(user.email, PASSWORD)["Cache-Control"] == "no-store"


def test_a_sign_in_is_audited_and_noted() -> None:
    user = make_user()
    sign_in(user)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.address) == (user, "signed_in", "127.0.0.1")
    user.refresh_from_db()
    assert user.last_login is not None


def test_a_stale_token_in_the_header_does_not_keep_anybody_out() -> None:
    user = make_user()
    assert _login(user.email, PASSWORD, headers=bearer("expired")).status_code == 200


def _rates(settings: Settings, **changed: str) -> None:
    known = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {**known, **changed}}


def test_failed_attempts_are_limited_by_account_from_wherever_they_come(settings: Settings) -> None:
    _rates(settings, login_account="3/minute")
    user = make_user()
    answers = [
        _login(email, "wrong", REMOTE_ADDR=f"203.0.113.{number}")
        for number, email in enumerate([user.email, user.email.upper(), user.email, user.email])
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert _login(user.email, PASSWORD).status_code == 429
    assert _login(make_user().email, PASSWORD).status_code == 200


def test_failed_attempts_are_limited_by_address_whatever_the_account(settings: Settings) -> None:
    _rates(settings, login_address="3/minute")
    answers = [_login(f"nobody{number}@example.com", "wrong").status_code for number in range(4)]
    assert answers == [401, 401, 401, 429]
    user = make_user()
    assert _login(user.email, PASSWORD, REMOTE_ADDR="203.0.113.9").status_code == 200


def test_right_attempts_do_not_count(settings: Settings) -> None:
    _rates(settings, login_account="2/minute", login_address="2/minute")
    user = make_user()
    assert [_login(user.email, PASSWORD).status_code for _ in range(5)] == [200] * 5
