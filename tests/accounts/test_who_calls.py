"""Credentials in every dialect, and who a caller without any is (CONTRACT X07, X67, J02, G40)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from pixtasks.accounts.models import ApiKey, User
from pixtasks.accounts.services.users import local_user, revoke_api_key
from tests.accounts.factories import bearer, make_key, make_user, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.http.urls")]

OPEN = "/tasks/who"
ME = "/api/v1/auth/me"


@pytest.fixture(params=[True, False], ids=["anonymous on", "anonymous off"])
def anonymous(request: pytest.FixtureRequest, settings: Settings) -> bool:
    settings.PIXTASKS_ANONYMOUS_API = request.param
    return bool(request.param)


def test_without_credentials_j_is_always_401(anonymous: bool) -> None:
    response = Client().get(ME)
    assert (response.status_code, response.json()) == (401, {"detail": "Authentication credentials were not provided."})
    assert User.objects.filter(email=local_user().email).count() == 1


def test_without_credentials_the_others_are_local_only_while_the_switch_is_on(anonymous: bool) -> None:
    response = Client().get(OPEN)
    if anonymous:
        assert (response.status_code, response.json()) == (200, {"caller": "local", "staff": True})
    else:
        assert response.status_code == 401
        assert response["WWW-Authenticate"]


def test_gather_says_it_in_its_own_words(settings: Settings) -> None:
    settings.PIXTASKS_ANONYMOUS_API = False
    response = Client().get("/api/v1/automated-gather/who")
    assert (response.status_code, response.json()["error"]) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": "Bearer x"},
        {"authorization": "Basic YTpi"},
        {"x-api-key": "abcdefgh.wrong"},
        {"x-api-key": ""},
        {"x-api-key": "no-dot"},
    ],
)
@pytest.mark.parametrize("path", [OPEN, ME, "/api/v1/automated-gather/who"])
def test_wrong_credentials_are_401_always(anonymous: bool, path: str, headers: dict[str, str]) -> None:
    response = Client().get(path, headers=headers)
    assert response.status_code == 401
    assert response["WWW-Authenticate"]


@pytest.mark.parametrize("path", [OPEN, ME])
def test_bearer_and_api_key_are_accepted_in_every_dialect(anonymous: bool, path: str) -> None:
    user = make_user()
    _, key = make_key(user)
    for headers in (bearer(sign_in(user)["access_token"]), {"x-api-key": key}):
        body = Client().get(path, headers=headers).json()
        assert user.email in body.values()


def _csrf(client: Client) -> str:
    client.get("/admin/login/")
    return client.cookies["csrftoken"].value


def test_a_session_reads_in_j_and_writes_with_a_csrf_token_only(anonymous: bool) -> None:
    user = make_user()
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.get(ME).json()["email"] == user.email
    refused = client.post("/api/v1/auth/logout", {}, content_type="application/json")
    assert (refused.status_code, "CSRF" in refused.json()["detail"]) == (403, True)
    # 400: it is let in, and told that a session is not signed out like this.
    headers = {"x-csrftoken": _csrf(client)}
    let_in = client.post("/api/v1/auth/logout", {}, content_type="application/json", headers=headers)
    assert let_in.status_code == 400


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_session_without_csrf_token_is_local_in_the_open_dialects(settings: Settings, method: str) -> None:
    settings.PIXTASKS_ANONYMOUS_API = True
    user = make_user()
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    token = _csrf(client)

    def ask(**headers: str) -> Any:
        return client.generic(method, OPEN, headers=headers)

    assert ask().json()["caller"] == "local"
    assert ask(**{"x-csrftoken": token}).json()["caller"] == user.email
    if method == "POST":
        assert ask(**{"x-csrftoken": "x" * 32}).status_code == 403


def test_with_the_switch_off_a_session_is_a_session(settings: Settings) -> None:
    settings.PIXTASKS_ANONYMOUS_API = False
    user = make_user()
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    assert client.get(OPEN).json()["caller"] == user.email
    assert client.post(OPEN).status_code == 403


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://testserver"}, 200),
        ({"origin": "http://allowed.example"}, 200),
        ({"origin": "http://evil.example"}, 401),
        ({"origin": "null"}, 401),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "cross-site"}, 401),
    ],
)
def test_a_browser_does_not_lend_local_to_another_page(
    settings: Settings, headers: dict[str, str], status: int
) -> None:
    settings.PIXTASKS_ANONYMOUS_API = True
    settings.CORS_ALLOWED_ORIGINS = ["http://allowed.example"]
    assert Client().post(OPEN, headers=headers).status_code == status
    assert Client().get(OPEN, headers=headers).status_code == 200


def test_a_revoked_expired_or_orphaned_key_is_refused() -> None:
    user = make_user()
    revoked, first = make_key(user)
    revoke_api_key(key=revoked, actor=user)
    _, second = make_key(user, expires_at=timezone.now() - timedelta(seconds=1))
    _, third = make_key(make_user(is_active=False))
    for key in (first, second, third):
        response = Client().get(ME, headers={"x-api-key": key})
        assert (response.status_code, isinstance(response.json()["detail"], str)) == (401, True)


def test_a_key_is_stored_as_a_hash_and_notes_its_last_use_once_a_minute(
    django_assert_num_queries: Any,
) -> None:
    row, key = make_key(make_user())
    secret = key.split(".")[1]
    assert secret not in str(ApiKey.objects.filter(pk=row.pk).values().get())
    Client().get(ME, headers={"x-api-key": key})
    row.refresh_from_db()
    first = row.last_used_at
    assert first is not None
    with django_assert_num_queries(1):
        Client().get(ME, headers={"x-api-key": key})
    ApiKey.objects.filter(pk=row.pk).update(last_used_at=first - timedelta(minutes=2))
    Client().get(ME, headers={"x-api-key": key})
    row.refresh_from_db()
    assert row.last_used_at is not None
    assert row.last_used_at >= first


def test_a_scope_is_the_keys_and_not_the_users() -> None:
    user = make_user()
    _, plain = make_key(user)
    _, worker = make_key(user, "worker")
    found = [
        Client().post(OPEN, headers=headers).json()["worker"]
        for headers in ({"x-api-key": plain}, {"x-api-key": worker}, bearer(sign_in(user)["access_token"]))
    ]
    assert found == [False, True, False]


def test_nobody_can_sign_in_as_local() -> None:
    user = local_user()
    assert not user.has_usable_password()
    assert (user.is_staff, user.is_superuser, str(user)) == (True, False, "local")
    assert local_user() == user
