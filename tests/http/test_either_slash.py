"""Every route answers with and without its trailing slash, directly (CONTRACT X08)."""

from __future__ import annotations

import asyncio

import pytest
from django.test import AsyncClient, Client

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.http.urls")]


@pytest.mark.parametrize("path", ["/api/echo", "/api/echo/", "/api/slashed", "/api/slashed/", "/tasks/echo/"])
def test_a_post_keeps_its_method_and_body_in_both_forms(path: str) -> None:
    response = Client().post(path, {"a": 1}, content_type="application/json")
    assert (response.status_code, response.json()["body"]) == (200, {"a": 1})


def test_the_query_stays() -> None:
    assert Client().get("/api/echo/?count=4").json() == {"count": 4}


def test_two_slashes_are_another_path() -> None:
    assert Client().get("/api/echo//").status_code == 404


def test_the_console_redirects_reading_and_nothing_else() -> None:
    response = Client().get("/admin/login?next=/admin/")
    assert (response.status_code, response["Location"]) == (301, "/admin/login/?next=/admin/")
    assert Client().get("/admin")["Location"] == "/admin/"
    assert Client().post("/admin/login").status_code != 301
    assert Client().get("/admin/no-such-page").status_code in {302, 404}


@pytest.mark.django_db(transaction=True)
def test_both_forms_are_answered_under_asgi() -> None:
    async def ask(path: str) -> int:
        return (await AsyncClient().get(path)).status_code

    assert [asyncio.run(ask(path)) for path in ("/api/echo/", "/api/slashed", "/admin")] == [200, 200, 301]
