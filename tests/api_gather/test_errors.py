"""Every error below ``/api/v1/automated-gather`` has the documented form and a known word (CONTRACT G36, G37, X66).

``INVALID_SIGNATURE`` belongs to the webhook's own tests.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django import Settings
from rest_framework.test import APIClient

from gather.models import GatherRun
from gather.services import runs
from tests.api_gather.conftest import BASE, BODY, START, refused, start

ROUTES = {
    "start": ("post", START),
    "status": ("get", f"{BASE}/status/abc123"),
    "cancel": ("delete", f"{BASE}/cancel/abc123"),
    "retry": ("post", f"{BASE}/retry/abc123"),
    "runs": ("get", f"{BASE}/runs"),
    "data": ("get", f"{BASE}/data/abc123"),
    "record": ("get", f"{BASE}/data/abc123/gather-001"),
}
every_route = pytest.mark.parametrize(("method", "path"), ROUTES.values(), ids=ROUTES)


@pytest.fixture
def http(db: None) -> Client:
    """A client that is answered as a browser is, also where a view raises."""
    return Client(raise_request_exception=False)


def post(http: Client, body: str | bytes, content_type: str = "application/json") -> Any:
    return http.post(START, body, content_type=content_type)


@contextmanager
def database_down() -> Iterator[None]:
    """Fail every statement as a server that went away does."""

    def fail(*_: Any) -> NoReturn:
        raise OperationalError("server closed the connection unexpectedly: host=db password=secret")

    with connection.execute_wrapper(fail):
        yield


@pytest.mark.parametrize("path", [BASE, f"{BASE}/", f"{BASE}/nowhere", f"{BASE}/status", f"{BASE}/status/a/b/c"])
def test_an_unknown_route_is_not_found(http: Client, path: str) -> None:
    for method in ("get", "post", "delete"):
        assert refused(getattr(http, method)(path), 404, "NOT_FOUND") == "Not found"


@every_route
def test_another_method_is_refused_and_told_the_right_one(http: Client, method: str, path: str) -> None:
    for wrong in {"get", "post", "delete", "put", "patch"} - {method}:
        response = getattr(http, wrong)(path)
        refused(response, 405, "METHOD_NOT_ALLOWED")
        assert method.upper() in response["Allow"]


@pytest.mark.parametrize(
    "body", ["{", "[1,]", "{'a': 1}", '{"gatherCount": NaN}', '{"a": 1, "a": 2}', b"\xff", '{"a": "\\u0000"}']
)
def test_a_body_that_is_no_json_is_a_validation_error(http: Client, body: str | bytes) -> None:
    refused(post(http, body), 400, "VALIDATION_ERROR")
    assert not GatherRun.objects.exists()


def test_an_empty_body_is_one_without_fields(http: Client) -> None:
    response = post(http, "")
    refused(response, 400, "VALIDATION_ERROR")
    assert [fault["loc"] for fault in response.json()["details"]] == [["body", "projectId"], ["body", "gatherCount"]]


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/xml", "text/plain", "multipart/form-data"])
def test_another_media_type_is_refused(http: Client, kind: str) -> None:
    if kind == "multipart/form-data":
        kind += "; boundary=x"
    refused(post(http, json.dumps(BODY), kind), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_body_that_is_too_long_is_refused(http: Client, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    refused(post(http, json.dumps(BODY | {"projectId": "x" * 2000})), 413, "PAYLOAD_TOO_LARGE")


@every_route
def test_wrong_credentials_are_refused_everywhere(http: Client, method: str, path: str) -> None:
    for headers in ({"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}):
        refused(getattr(http, method)(path, headers=headers), 401, "UNAUTHORIZED")


@every_route
def test_missing_credentials_are_refused_where_the_anonymous_api_is_off(
    http: Client, settings: Settings, method: str, path: str
) -> None:
    settings.PIXTASKS_ANONYMOUS_API = False
    refused(getattr(http, method)(path), 401, "UNAUTHORIZED")


@every_route
def test_a_database_that_is_down_is_a_503_that_says_when_to_come_back(http: Client, method: str, path: str) -> None:
    arguments = {"data": json.dumps(BODY), "content_type": "application/json"} if path == START else {}
    with database_down():
        response = getattr(http, method)(path, **arguments)
    message = refused(response, 503, "INTERNAL_ERROR")
    assert "database" in message and "secret" not in message
    assert int(response["Retry-After"]) > 0


def test_what_nobody_expected_is_an_internal_error_that_names_its_request_and_leaks_nothing(
    http: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(**_: Any) -> NoReturn:
        raise ZeroDivisionError("a secret detail")

    monkeypatch.setattr(runs, "start", crash)
    with caplog.at_level(logging.ERROR):
        response = post(http, json.dumps(BODY))
    message = refused(response, 500, "INTERNAL_ERROR")
    assert response["X-Request-ID"] in message
    assert "secret" not in response.content.decode()
    assert not GatherRun.objects.exists()


def test_the_general_rate_has_its_word_too(api: APIClient, settings: Settings) -> None:
    rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "general": "1/day"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    assert api.get(f"{BASE}/runs").status_code == 200
    response = api.get(f"{BASE}/runs")
    refused(response, 429, "RATE_LIMITED")
    assert int(response["Retry-After"]) > 0


def test_an_error_is_json_whatever_the_client_accepts(http: Client) -> None:
    for accept, status, word in (("text/html", 404, "TASK_NOT_FOUND"), ("application/xml", 406, "NOT_ACCEPTABLE")):
        response = http.get(f"{BASE}/status/abc123", headers={"accept": accept})
        assert response["Content-Type"] == "application/json"
        refused(response, status, word)


def test_nul_never_reaches_the_database(http: Client) -> None:
    refused(http.get(f"{BASE}/status/a%00b"), 404, "NOT_FOUND")
    refused(http.get(f"{BASE}/runs?projectId=%00"), 400, "VALIDATION_ERROR")


def test_a_repetition_while_the_first_is_carried_out_is_a_conflict(
    api: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    really = runs.start

    def start_and_repeat(**arguments: Any) -> GatherRun:
        if not seen:
            seen.append(None)
            seen.append(start(api, **{"Idempotency-Key": "once"}))
        return really(**arguments)

    monkeypatch.setattr(runs, "start", start_and_repeat)
    assert start(api, **{"Idempotency-Key": "once"}).status_code == 202
    refused(seen[1], 409, "CONFLICT")
