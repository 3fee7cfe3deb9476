"""``/auth/refresh``, ``/auth/me`` and ``/auth/logout`` (CONTRACT J02, section 4)."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from pixtasks.accounts.models import User
from pixtasks.accounts.tokens import AccessToken, RefreshToken
from tests.accounts.factories import bearer, make_key, make_user, sign_in

pytestmark = pytest.mark.django_db


def _refresh(token: str) -> HttpResponse:
    return Client().post("/api/v1/auth/refresh", {"refresh_token": token}, content_type="application/json")


def _me(token: str) -> HttpResponse:
    return Client().get("/api/v1/auth/me", headers=bearer(token))


def _access_token(user: User, *, age: timedelta = timedelta(0)) -> str:
    token = RefreshToken.begin(user).access_token
    token.set_exp(from_time=token.current_time - age)
    return str(token)


def test_me_is_the_caller() -> None:
    user = make_user(name="Ann", is_staff=True)
    body = _me(sign_in(user)["access_token"]).json()
    assert body == {"id": user.pk, "email": user.email, "name": "Ann", "is_staff": True}


def test_a_refresh_answers_as_the_login_does_and_works_once() -> None:
    user = make_user()
    first = sign_in(user)
    second = _refresh(first["refresh_token"]).json()
    assert set(second) == set(first)
    assert second["expires_in"] == 3600
    assert _me(second["access_token"]).status_code == 200
    again = _refresh(first["refresh_token"])
    assert (again.status_code, again.json()) == (401, {"detail": "Token is blacklisted"})
    assert _refresh(second["refresh_token"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_two_refreshes_at_the_same_time_one_wins() -> None:
    token = sign_in(make_user())["refresh_token"]
    together = threading.Barrier(4)
    answers: list[int] = []

    def refresh() -> None:
        together.wait()
        try:
            answers.append(_refresh(token).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=refresh) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200, 401, 401, 401]


def test_after_logout_every_token_of_the_sign_in_is_refused_and_no_other() -> None:
    user = make_user()
    other = sign_in(user)
    first = sign_in(user)
    second = _refresh(first["refresh_token"]).json()
    done = Client().post("/api/v1/auth/logout", headers=bearer(first["access_token"]))
    assert (done.status_code, done.json()) == (200, {"message": "Signed out successfully"})
    for token in (first["access_token"], second["access_token"]):
        assert _me(token).status_code == 401
    assert _refresh(second["refresh_token"]).status_code == 401
    assert _me(other["access_token"]).status_code == 200
    assert _refresh(other["refresh_token"]).status_code == 200


def test_logout_needs_a_bearer_token() -> None:
    user = make_user()
    _, key = make_key(user)
    assert Client().post("/api/v1/auth/logout").status_code == 401
    response = Client().post("/api/v1/auth/logout", headers={"x-api-key": key})
    assert (response.status_code, list(response.json())) == (400, ["detail"])


def test_a_new_password_ends_every_sign_in() -> None:
    user = make_user()
    body = sign_in(user)
    user.set_password("another correct horse")
    user.save()
    assert _me(body["access_token"]).status_code == 401
    assert _refresh(body["refresh_token"]).status_code == 401


def _bad_tokens(user: User) -> dict[str, str]:
    good = str(AccessToken())
    foreign = RefreshToken.begin(user).access_token
    foreign["user_id"] = "999999"
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0." + _access_token(user).split(".")[1] + "."
    return {
        "Bearer": "",
        "Bearer x": "",
        "Bearer a.b.c": "",
        f"Bearer {good}": "without a user",
        f"Bearer {foreign}": "of nobody",
        f"Bearer {unsigned}": "unsigned",
        f"Bearer {_access_token(user, age=timedelta(hours=2))}": "expired",
        f"Bearer {_access_token(user)}x": "tampered",
        f"Bearer {_access_token(user)} more": "two tokens",
        f"Bearer {RefreshToken.begin(user)}": "a refresh token",
        f"Token {_access_token(user)}": "another scheme",
        "Basic YTpi": "another scheme",
    }


def test_every_bad_token_is_a_401_with_a_reason() -> None:
    for header, why in _bad_tokens(make_user()).items():
        response = Client().get("/api/v1/auth/me", headers={"authorization": header})
        assert response.status_code == 401, (header, why)
        body: dict[str, Any] = response.json()
        assert isinstance(body["detail"], str)
        assert response["WWW-Authenticate"].startswith("Bearer")


def test_the_scheme_is_read_whatever_its_case_and_an_empty_header_is_none() -> None:
    user = make_user()
    token = _access_token(user)
    assert Client().get("/api/v1/auth/me", headers={"authorization": f"bearer {token}"}).status_code == 200
    assert Client().get("/api/v1/auth/me", headers={"authorization": ""}).json() == {
        "detail": "Authentication credentials were not provided."
    }


def test_an_inactive_users_token_is_refused() -> None:
    user = make_user()
    body = sign_in(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert _me(body["access_token"]).status_code == 401
    assert _refresh(body["refresh_token"]).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", 5, None])
def test_a_bad_refresh_token_is_refused(token: object) -> None:
    expected = 401 if isinstance(token, str) and token else 422
    response = Client().post("/api/v1/auth/refresh", {"refresh_token": token}, content_type="application/json")
    assert response.status_code == expected


def test_an_access_token_is_no_refresh_token() -> None:
    assert _refresh(sign_in(make_user())["access_token"]).status_code == 401
