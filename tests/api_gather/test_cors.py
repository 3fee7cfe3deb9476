"""Pages of other origins: preflights and what a browser lets them read (CONTRACT G42)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from tests.api_gather.conftest import BASE, BODY, START

APP = "http://localhost:3000"
ROUTES = [
    ("POST", START),
    ("GET", f"{BASE}/status/abc123"),
    ("DELETE", f"{BASE}/cancel/abc123"),
    ("POST", f"{BASE}/retry/abc123"),
    ("GET", f"{BASE}/runs"),
    ("GET", f"{BASE}/data/abc123/gather-001"),
]
SENT = [
    "content-type", "authorization", "x-api-key", "idempotency-key", "x-webhook-signature", "x-webhook-timestamp",
    "x-webhook-id",
]  # fmt: skip


@pytest.fixture
def http(db: None) -> Client:
    return Client()


def preflight(http: Client, method: str, path: str, origin: str = APP) -> Any:
    return http.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": ", ".join(SENT),
        },
    )


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_preflight_of_the_web_application_is_answered(http: Client, method: str, path: str) -> None:
    response = preflight(http, method, path)
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == APP
    assert method in response["Access-Control-Allow-Methods"]
    allowed = {name.strip() for name in response["Access-Control-Allow-Headers"].split(",")}
    assert set(SENT) <= allowed


def test_a_preflight_costs_no_credentials(http: Client, settings: Settings) -> None:
    settings.PIXTASKS_ANONYMOUS_API = False
    assert preflight(http, "POST", START)["Access-Control-Allow-Origin"] == APP


def test_a_page_of_the_web_application_starts_and_reads_also_errors(http: Client) -> None:
    headers = {"Origin": APP}
    started = http.post(START, BODY, content_type="application/json", headers=headers)
    assert (started.status_code, started["Access-Control-Allow-Origin"]) == (202, APP)
    shown = http.get(f"{BASE}/status/{started.json()['taskId']}", headers=headers)
    assert (shown.status_code, shown["Access-Control-Allow-Origin"]) == (200, APP)
    exposed = {name.strip().lower() for name in shown["Access-Control-Expose-Headers"].split(",")}
    assert {"retry-after", "link", "x-update-seq"} <= exposed
    missing = http.get(f"{BASE}/status/abc123", headers=headers)
    assert (missing.status_code, missing["Access-Control-Allow-Origin"]) == (404, APP)


def test_other_origins_are_not_let_in(http: Client) -> None:
    for origin in ("http://evil.example", "http://localhost:3001", "null"):
        assert "Access-Control-Allow-Origin" not in preflight(http, "POST", START, origin)
        refused = http.post(START, BODY, content_type="application/json", headers={"Origin": origin})
        assert (refused.status_code, refused.json()["error"]) == (401, "UNAUTHORIZED")


def test_the_allowed_origin_is_that_of_the_configured_application(http: Client, settings: Settings) -> None:
    assert settings.CORS_ALLOWED_ORIGINS == [settings.NEXT_PUBLIC_APP_URL] == [APP]
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    assert preflight(http, "GET", f"{BASE}/runs", "https://app.example")["Access-Control-Allow-Origin"]
    assert "Access-Control-Allow-Origin" not in preflight(http, "GET", f"{BASE}/runs")
