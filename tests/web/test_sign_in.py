"""Signing in and out at the pages: limits, where one gets to, and what is said."""

from __future__ import annotations

import pytest
from django.test import Client
from pytest_django import Settings

from pixtasks.accounts.models import AuditEntry, User
from tests.accounts.factories import PASSWORD


def sign_in(client: Client, email: str = "ann@example.com", password: str = PASSWORD, **more: str) -> int:
    return client.post("/signin", {"email": email, "password": password, **more}).status_code


def test_a_page_asks_for_a_sign_in_and_is_there_afterwards(nobody: Client, ann: User) -> None:
    asked = nobody.get("/projects?x=1")
    assert (asked.status_code, asked["Location"]) == (302, "/signin?next=%2Fprojects%3Fx%3D1")
    form = nobody.get(asked["Location"])
    assert 'name="next" value="/projects?x=1"' in form.content.decode()
    signed = nobody.post("/signin", {"email": " ANN@example.com", "password": PASSWORD, "next": "/projects?x=1"})
    assert (signed.status_code, signed["Location"]) == (302, "/projects?x=1")
    assert nobody.get("/projects").status_code == 200
    assert AuditEntry.objects.filter(action="signed_in", actor=ann).exists()


@pytest.mark.parametrize(
    "there",
    ["https://evil.example/", "//evil.example", "javascript:alert(1)", "/\\evil.example", "http:///evil.example"],
)
def test_next_leads_nowhere_else(nobody: Client, ann: User, there: str) -> None:
    signed = nobody.post("/signin", {"email": ann.email, "password": PASSWORD, "next": there})
    assert signed["Location"] == "/"


def test_a_wrong_password_and_an_unknown_address_are_told_alike(nobody: Client, ann: User) -> None:
    wrong = nobody.post("/signin", {"email": ann.email, "password": "wrong"})
    unknown = nobody.post("/signin", {"email": "nobody@example.com", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 401
    assert "Incorrect email or password" in wrong.content.decode()
    assert "Incorrect email or password" in unknown.content.decode()
    assert sign_in(nobody, "", "") == 422
    assert nobody.get("/projects").status_code == 302


def test_the_limit_is_the_one_of_the_api(nobody: Client, ann: User, settings: Settings) -> None:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": {**rates, "login_account": "3/hour"},
    }
    body = {"email": ann.email, "password": "wrong"}
    assert nobody.post("/api/v1/auth/login", body, content_type="application/json").status_code == 401
    assert [sign_in(nobody, password="wrong") for _ in range(2)] == [401, 401]
    limited = nobody.post("/signin", {"email": ann.email, "password": PASSWORD})
    assert limited.status_code == 429
    assert int(limited["Retry-After"]) > 0
    assert "Too many requests" in limited.content.decode()


def test_signing_out_is_a_post_and_ends_the_session(client: Client, ann: User) -> None:
    assert client.get("/signout").status_code == 405
    key = client.session.session_key
    assert client.post("/signout")["Location"] == "/"
    assert client.get("/projects").status_code == 302
    assert client.session.session_key != key
    assert AuditEntry.objects.filter(action="signed_out", actor=ann).exists()


def test_a_form_of_another_page_changes_nothing_and_says_what_to_do(ann: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ann)
    refused = strict.post("/signout")
    assert refused.status_code == 403
    assert "out of date" in refused.content.decode()
    assert strict.get("/projects").status_code == 200
    assert strict.post("/signin", {"email": ann.email, "password": PASSWORD}).status_code == 403


def test_the_session_gets_a_new_key_and_a_cookie_that_scripts_do_not_see(nobody: Client, ann: User) -> None:
    nobody.session.save()
    planted = nobody.session.session_key
    assert sign_in(nobody) == 302
    cookie = nobody.cookies["sessionid"]
    assert cookie["httponly"] and cookie["samesite"] == "Lax"
    assert cookie.value != planted


def test_a_piece_of_a_page_never_becomes_the_sign_in_page(nobody: Client) -> None:
    assert nobody.get("/now").status_code == 401
    assert nobody.get("/projects", headers={"HX-Request": "true"}).status_code == 401


def test_staff_find_the_console_and_others_do_not(client: Client, ann: User) -> None:
    assert 'href="/admin/"' not in client.get("/").content.decode()
    User.objects.filter(pk=ann.pk).update(is_staff=True)
    assert 'href="/admin/"' in client.get("/").content.decode()


def test_a_new_password_ends_other_sessions_and_keeps_this_one(client: Client, ann: User) -> None:
    other = Client()
    other.force_login(ann)
    form = {"old": PASSWORD, "new": "a quite new pass phrase", "again": "a quite new pass phrase"}
    assert client.post("/account/password", form | {"old": "wrong"}).status_code == 422
    assert client.post("/account/password", form | {"again": "different"}).status_code == 422
    weak = client.post("/account/password", form | {"new": "12345", "again": "12345"})
    assert "too short" in weak.content.decode()
    assert client.post("/account/password", form).status_code == 302
    assert client.get("/account").status_code == 200
    assert other.get("/account").status_code == 302
    ann.refresh_from_db()
    assert ann.check_password("a quite new pass phrase")
    assert AuditEntry.objects.filter(action="user.password_changed").count() == 1


def test_guessing_the_old_password_is_limited(client: Client) -> None:
    form = {"old": "wrong", "new": "a quite new pass phrase", "again": "a quite new pass phrase"}
    answers = {client.post("/account/password", form).status_code for _ in range(11)}
    assert answers == {422, 429}
