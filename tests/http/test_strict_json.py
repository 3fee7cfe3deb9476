"""JSON in and out (CONTRACT X10, G19; RFC 8259)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.utils.functional import lazystr

from pixtasks.common.errors import InvalidInput
from pixtasks.common.json import MAX_DEPTH, dump_json, load_json

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.http.urls")]

REFUSED = {
    "not JSON": b"{",
    "a trailing comma": b'{"a": 1,}',
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": -Infinity}',
    "a number that overflows": b'{"a": 1e999}',
    "a number of too many digits": b"[" + b"9" * 5000 + b"]",
    "a key twice": b'{"a": 1, "a": 2}',
    "a key twice, deep inside": b'[{"x": {"b": 1, "b": 2}}]',
    "NUL": b'{"a": ["x\\u0000"]}',
    "NUL in a key": b'{"\\u0000": 1}',
    "a raw control character": b'{"a": "\x01"}',
    "a lone surrogate": b'{"a": "\\ud800"}',
    "Latin-1": '{"a": "é"}'.encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "too deep": b"[" * (MAX_DEPTH + 2) + b"]" * (MAX_DEPTH + 2),
    "far too deep": b"[" * 200_000,
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED.keys())
def test_refused_with_422_in_four_dialects_and_400_in_gather(body: bytes) -> None:
    client = Client()
    response = client.post("/api/echo", body, content_type="application/json")
    assert response.status_code == 422
    fault = response.json()["detail"][0]
    assert fault["loc"][0] == "body"
    assert fault["type"].startswith("value_error")
    gather = client.post("/api/v1/automated-gather/echo", body, content_type="application/json")
    assert (gather.status_code, gather.json()["error"]) == (400, "VALIDATION_ERROR")


def test_a_syntax_error_says_where() -> None:
    with pytest.raises(InvalidInput) as caught:
        load_json(b'{"level": }')
    assert caught.value.errors[0].as_dict() == {
        "loc": ["body", 10],
        "msg": "Expecting value: line 1 column 11 (char 10)",
        "type": "value_error.jsondecode",
    }


def test_nul_says_which_value() -> None:
    with pytest.raises(InvalidInput) as caught:
        load_json(b'{"a": [1, "x\\u0000"]}')
    assert caught.value.errors[0].loc == ("body", "a", 1)


ACCEPTED: list[tuple[bytes, Any]] = [
    (b'{"a": "\\ud83d\\ude00"}', {"a": "😀"}),
    ('{"é": "日本"}'.encode(), {"é": "日本"}),
    (b'{"n": 123456789012345678901234567890}', {"n": 123456789012345678901234567890}),
    (b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, None),
    (b"[1, 2.5, null, true]", [1, 2.5, None, True]),
]


@pytest.mark.parametrize(("body", "value"), ACCEPTED)
def test_accepted_documents_come_back_unchanged(body: bytes, value: Any) -> None:
    response = Client().post("/api/echo", body, content_type="application/json")
    assert response.status_code == 200
    answer = response.json()
    assert answer["length"] == len(body)
    if value is not None:
        assert answer["body"] == value


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"  \n", "application/json"),
        (b"", ""),
        (b"", "application/x-www-form-urlencoded"),
        (b"{}", "application/json; charset=utf-8"),
    ],
)
def test_an_empty_body_is_an_empty_object(body: bytes, content_type: str) -> None:
    response = Client().generic("POST", "/api/echo", body, content_type=content_type)
    assert response.json()["body"] == {}


def test_a_body_above_the_limit_is_413(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    body = json.dumps({"a": "x" * 200})
    client = Client()
    plain = client.post("/api/echo", body, content_type="application/json")
    assert (plain.status_code, plain.json()) == (413, {"detail": "The request body is larger than 100 bytes"})
    gather = client.post("/api/v1/automated-gather/echo", body, content_type="application/json")
    assert (gather.status_code, gather.json()["error"]) == (413, "PAYLOAD_TOO_LARGE")


def test_a_body_without_length_is_411_where_the_server_cannot_tell_it() -> None:
    response = Client().generic("POST", "/api/echo", headers={"transfer-encoding": "chunked"}, CONTENT_LENGTH="")
    assert (response.status_code, list(response.json())) == (411, ["detail"])


async def _chunked(body: bytes) -> tuple[int, Any]:
    from django.core.asgi import get_asgi_application

    sent: list[dict[str, Any]] = []
    waiting = [
        {"type": "http.request", "body": body[:5], "more_body": True},
        {"type": "http.request", "body": body[5:], "more_body": False},
    ]

    async def receive() -> dict[str, Any]:
        if waiting:
            return waiting.pop(0)
        import asyncio

        return await asyncio.get_running_loop().create_future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/echo",
        "query_string": b"",
        "headers": [
            (b"host", b"localhost"),
            (b"content-type", b"application/json"),
            (b"transfer-encoding", b"chunked"),
        ],
    }
    await get_asgi_application()(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(part.get("body", b"") for part in sent))


@pytest.mark.django_db(transaction=True)
def test_a_chunked_body_is_read_where_the_server_collects_it() -> None:
    import asyncio

    status, body = asyncio.run(_chunked(b'{"name": "in two parts"}'))
    assert (status, body["body"]) == (200, {"name": "in two parts"})


def test_times_are_whole_seconds_of_utc() -> None:
    value = {
        "utc": datetime(2025, 10, 4, 12, 0, 0, 999_999, tzinfo=UTC),
        "elsewhere": datetime(2025, 10, 4, 14, 0, tzinfo=timezone(timedelta(hours=2))),
        "id": UUID(int=1),
        "lazy": lazystr("text"),
        "amount": Decimal("1.5"),
        "words": {"b", "a"},
    }
    assert json.loads(dump_json(value)) == {
        "utc": "2025-10-04T12:00:00Z",
        "elsewhere": "2025-10-04T12:00:00Z",
        "id": "00000000-0000-0000-0000-000000000001",
        "lazy": "text",
        "amount": 1.5,
        "words": ["a", "b"],
    }


def test_what_json_cannot_express_is_an_error() -> None:
    with pytest.raises(TypeError, match="object cannot be written as JSON"):
        dump_json({"a": object()})
