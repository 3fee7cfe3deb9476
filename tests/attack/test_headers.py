"""Every answer says what a browser may do with it."""

from __future__ import annotations

import pytest
from django.test import Client

from pixtasks.accounts.models import User
from pixtasks.common.headers import CONSOLE_POLICY, DATA_POLICY, PAGE_POLICY

pytestmark = pytest.mark.django_db


@pytest.fixture
def administrator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


@pytest.mark.parametrize(
    ("path", "policy"),
    [
        ("/admin/login/", CONSOLE_POLICY),
        ("/api/v1/projects", DATA_POLICY),
        ("/tasks", DATA_POLICY),
        ("/no/such/page", PAGE_POLICY),
        ("/api/no/such/route", DATA_POLICY),
        ("/healthz", DATA_POLICY),
        ("/openapi.json", DATA_POLICY),
    ],
)
def test_an_answer_has_the_policy_of_its_kind(client: Client, path: str, policy: str) -> None:
    response = client.get(path)
    assert response["Content-Security-Policy"] == policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc"])
def test_a_page_with_a_policy_of_its_own_keeps_it(client: Client, path: str) -> None:
    assert "default-src 'none'" in client.get(path)["Content-Security-Policy"]


def test_no_policy_lets_the_text_of_a_page_be_a_script(administrator: Client) -> None:
    for path in ("/admin/", "/api/v1/projects?format=api", "/admin/tasktypes/task/"):
        response = administrator.get(path, headers={"accept": "text/html"})
        scripts = next(
            part for part in response["Content-Security-Policy"].split(";") if part.strip().startswith("script-src")
        )
        assert "unsafe-inline" not in scripts, path
        assert b"<script>" not in response.content, path
