"""Every error below an API prefix is JSON in the form of its dialect (CONTRACT X09, X10, X60, X66, J30, J45)."""

from __future__ import annotations

import logging

import pytest
from django.test import Client

from pixtasks.common.dialects import dialect_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.http.urls")]

GATHER = "/api/v1/automated-gather"


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


DETAILS = [
    ("rule", 400, "Cannot cancel job with status: completed"),
    ("unauthenticated", 401, "Authentication credentials were not provided or are not valid."),
    ("denied", 403, "Access denied to this resource"),
    ("missing", 404, "Crawl job not found"),
    ("conflict", 409, "taken"),
    ("limited", 429, "slow down"),
    ("unavailable", 503, "A service that this request needs is not available; please retry later."),
    ("django404", 404, "Not found"),
    ("django403", 403, "Access denied to this resource"),
    ("database", 503, "The database is not available; please retry later."),
]


@pytest.mark.parametrize("form", ["fail", "plain"])
@pytest.mark.parametrize(("kind", "status", "detail"), DETAILS)
def test_an_error_is_its_detail_sentence(client: Client, form: str, kind: str, status: int, detail: str) -> None:
    for prefix in ("/api", "/tasks"):
        response = client.get(f"{prefix}/{form}/{kind}")
        assert (response.status_code, response.json()) == (status, {"detail": detail})


CODES = [
    ("unauthenticated", 401, "UNAUTHORIZED"),
    ("denied", 403, "FORBIDDEN"),
    ("missing", 404, "NOT_FOUND"),
    ("limited", 429, "RATE_LIMITED"),
    ("database", 503, "INTERNAL_ERROR"),
    ("crash", 500, "INTERNAL_ERROR"),
]


@pytest.mark.parametrize("form", ["fail", "plain"])
@pytest.mark.parametrize(("kind", "status", "word"), CODES)
def test_gather_errors_carry_a_word(client: Client, form: str, kind: str, status: int, word: str) -> None:
    response = client.get(f"{GATHER}/{form}/{kind}")
    body = response.json()
    assert response.status_code == status
    assert (body["error"], body["statusCode"], set(body)) == (word, status, {"error", "message", "statusCode"})


def test_invalid_input_is_a_list_in_four_dialects_and_one_sentence_in_gather(client: Client) -> None:
    fault = {"loc": ["body", "gatherCount"], "msg": "gatherCount must be between 1 and 100", "type": "value_error"}
    plain = client.get("/api/fail/invalid")
    assert (plain.status_code, plain.json()) == (422, {"detail": [fault]})
    gather = client.get(f"{GATHER}/fail/invalid")
    assert gather.status_code == 400
    assert gather.json() == {
        "error": "VALIDATION_ERROR",
        "message": "gatherCount must be between 1 and 100",
        "details": [fault],
        "statusCode": 400,
    }


def test_a_serializers_faults_have_the_same_form(client: Client) -> None:
    response = client.get("/api/fail/serializer")
    assert response.json() == {
        "detail": [{"loc": ["body", "name"], "msg": "field required", "type": "value_error.missing"}]
    }


@pytest.mark.parametrize("form", ["fail", "plain"])
def test_an_unexpected_error_names_its_request_and_leaks_nothing(
    client: Client, form: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        response = client.get(f"/api/{form}/crash")
    assert response.status_code == 500
    identity = response["X-Request-ID"]
    assert response.json() == {"detail": f"Internal server error (request {identity})"}
    assert "secret" not in response.content.decode()
    logged = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    failed = [event for event in logged if event["event"] == "request_failed"]
    assert [event["request_id"] for event in failed] == [identity]
    assert isinstance(failed[0]["exc_info"], ZeroDivisionError)


@pytest.mark.parametrize("kind", ["limited", "unavailable", "database", "throttled"])
@pytest.mark.parametrize("prefix", ["/api", GATHER])
def test_whoever_shall_come_back_is_told_when(client: Client, prefix: str, kind: str) -> None:
    seconds = {"limited": "7", "unavailable": "5", "database": "5", "throttled": "3"}[kind]
    assert client.get(f"{prefix}/fail/{kind}")["Retry-After"] == seconds


@pytest.mark.parametrize("path", ["/api/nowhere", "/api/v1/jobs/nowhere/at/all", "/tasks/x/y", "/api"])
def test_an_unknown_route_is_json(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response.json()) == (404, {"detail": "Not found"})


@pytest.mark.parametrize(
    "path",
    [
        f"{GATHER}/nowhere",
        "/api/webhooks/automated-gather-progress/x",
        "/api/v1/webhooks/automated-gather-progress/x",
    ],
)
def test_an_unknown_route_of_gather_has_its_form(client: Client, path: str) -> None:
    assert client.get(path).json() == {"error": "NOT_FOUND", "message": "Not found", "statusCode": 404}


def test_the_longest_prefix_wins_and_ends_at_a_slash() -> None:
    names = {
        path: getattr(dialect_of(path), "name", None)
        for path in (f"{GATHER}/x", f"{GATHER}s", "/api/v1/jobs", "/tasks", "/tasksy", "/admin/", "/", "/docs")
    }
    assert names == {
        f"{GATHER}/x": "gather",
        f"{GATHER}s": "detail",
        "/api/v1/jobs": "detail",
        "/tasks": "detail",
        "/tasksy": None,
        "/admin/": None,
        "/": None,
        "/docs": None,
    }


def test_pages_keep_html(client: Client) -> None:
    for path, status in (("/nowhere", 404), ("/page/crash", 500), ("/page/django403", 403)):
        response = client.get(path)
        assert (response.status_code, response["Content-Type"][:9]) == (status, "text/html")
        assert b"secret" not in response.content


def test_a_wrong_method_names_the_right_ones(client: Client) -> None:
    response = client.delete("/api/echo")
    assert (response.status_code, list(response.json())) == (405, ["detail"])
    assert "POST" in response["Allow"]
    plain = client.get(f"{GATHER}/only-put")
    assert (plain.status_code, plain.json()["error"], plain["Allow"]) == (405, "METHOD_NOT_ALLOWED", "PUT")


def test_another_media_type_is_415(client: Client) -> None:
    plain = client.post("/api/echo", "a=1", content_type="application/x-www-form-urlencoded")
    assert (plain.status_code, list(plain.json())) == (415, ["detail"])
    gather = client.post(f"{GATHER}/echo", "<a/>", content_type="text/xml")
    assert (gather.status_code, gather.json()["error"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_an_error_is_json_whatever_the_client_accepts(client: Client) -> None:
    for accept in ("text/html", "application/xml", "text/html,application/xhtml+xml;q=0.9"):
        response = client.get("/api/fail/missing", headers={"accept": accept})
        assert response["Content-Type"] == "application/json"


def test_an_unknown_host_is_refused_in_json(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    response = client.get("/api/echo", headers={"host": "evil.example"})
    assert (response.status_code, list(response.json())) == (400, ["detail"])
    assert response["X-Request-ID"]


def test_suspicious_requests_say_no_reason(client: Client) -> None:
    for form in ("fail", "plain"):
        response = client.get(f"/api/{form}/suspicious")
        assert response.status_code == 400
        assert "secret" not in response.content.decode()


def test_every_response_has_its_request_id(client: Client) -> None:
    first, second = client.get("/api/echo"), client.get("/nowhere")
    assert first["X-Request-ID"] != second["X-Request-ID"]


def test_a_401_says_what_it_wants(client: Client) -> None:
    assert client.get("/api/fail/unauthenticated")["WWW-Authenticate"] == 'Bearer realm="api"'


def test_nul_in_path_or_query_never_reaches_the_database(client: Client) -> None:
    assert client.get("/api/fail/a%00b").status_code == 404
    response = client.get("/api/echo?count=%00")
    assert (response.status_code, response.json()["detail"][0]["loc"]) == (422, ["query"])
    assert client.get(f"{GATHER}/echo?count=%00").json()["error"] == "VALIDATION_ERROR"
