"""What a genuine webhook may say (CONTRACT G26, G28–G30, G36, G43, X51)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from gather.models import ReceivedEvent
from pixtasks.common.signing import sign
from tests.gather_incoming.conftest import ALIAS, SECRET, URL, deliver, document

pytestmark = pytest.mark.django_db

EXAMPLE = b"""{
  "taskId": "abc123-def456",
  "event": "progress",
  "data": {
    "currentIteration": 5,
    "totalIterations": 10,
    "percentage": 50,
    "message": "Processing iteration 5 of 10"
  },
  "timestamp": "2025-10-04T12:00:00Z",
  "signature": "hmac-signature"
}"""
"""Byte for byte as the document has it."""


@pytest.mark.parametrize("url", [URL, f"{URL}/", ALIAS, f"{ALIAS}/"])
def test_the_documented_example_is_answered_as_documented(url: str) -> None:
    response = deliver(EXAMPLE, url=url)
    assert (response.status_code, response.json()) == (
        200,
        {
            "success": True,
            "message": "Progress update processed successfully",
            "taskId": "abc123-def456",
            "event": "progress",
        },
    )
    received = ReceivedEvent.objects.get()
    assert (received.task_public_id, received.event, received.data["percentage"]) == ("abc123-def456", "progress", 50)
    assert received.sent_at.isoformat() == "2025-10-04T12:00:00+00:00"


@pytest.mark.parametrize("event", ["progress", "complete", "error", "cancelled"])
def test_each_of_the_four_events_is_accepted(event: str) -> None:
    assert deliver(document(event=event)).json()["event"] == event


def test_an_end_needs_no_iterations_and_may_say_more() -> None:
    data = {"result": {"completedIterations": 3}, "message": "done"}
    assert deliver(document(event="complete", data=data)).status_code == 200
    assert ReceivedEvent.objects.get().data == data
    assert deliver(document(event="cancelled", data={})).status_code == 200


DATA = document()["data"]


@pytest.mark.parametrize(
    "body",
    [
        document(event="started"),
        document(event="PROGRESS"),
        document(event=None),
        document(event=["progress"]),
        document(task_id=""),
        document(task_id="x" * 65),
        {**document(), "taskId": 17},
        document(taskId=None),
        document(data=None),
        document(data=[]),
        document(data="half"),
        document(data={}),
        document(data={**DATA, "currentIteration": "5"}),
        document(data={**DATA, "currentIteration": 5.0}),
        document(data={**DATA, "currentIteration": True}),
        document(data={**DATA, "currentIteration": -1}),
        document(data={**DATA, "totalIterations": None}),
        document(data={**DATA, "percentage": 101}),
        document(data={**DATA, "percentage": -0.5}),
        document(data={**DATA, "percentage": "50"}),
        document(data={**DATA, "percentage": True}),
        document(data={**DATA, "message": 5}),
        document(timestamp=None),
        document(timestamp="yesterday"),
        document(timestamp=1_759_579_200),
        document(timestamp="0001-01-01T00:00:00+14:00"),
        document(signature=5),
        document(more="than this"),
        [document()],
        "progress",
        {},
        b"",
        b"{",
        b'{"taskId": NaN}',
        b'{"taskId": "a", "taskId": "b"}',
        b'{"taskId": "a\\u0000"}',
        b"\xff\xfe",
    ],
)
def test_what_has_another_form_is_refused(body: Any) -> None:
    response = deliver(body)
    answer = response.json()
    assert (response.status_code, answer["error"], answer["statusCode"]) == (400, "VALIDATION_ERROR", 400)
    assert answer["message"]
    assert not ReceivedEvent.objects.exists()


def test_a_percentage_may_have_a_fraction() -> None:
    assert deliver(document(data={**DATA, "percentage": 33.3})).status_code == 200


def test_another_media_type_is_refused_once_the_signature_is_good() -> None:
    response = deliver(EXAMPLE, content_type="text/plain")
    assert (response.status_code, response.json()["error"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete"])
def test_only_post_is_answered(method: str) -> None:
    response = getattr(Client(), method)(URL)
    assert (response.status_code, response.json()["error"]) == (405, "METHOD_NOT_ALLOWED")


def test_no_csrf_token_is_asked_for() -> None:
    client = Client(enforce_csrf_checks=True)
    headers = {"x-webhook-signature": sign(SECRET, EXAMPLE)}
    assert client.post(URL, EXAMPLE, content_type="application/json", headers=headers).status_code == 200


def test_an_address_that_calls_too_often_is_told_when_to_come_back(settings: Any) -> None:
    rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "general": "2/minute"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    answers = [deliver(document(iteration=number)) for number in (1, 2, 3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].json()["error"] == "RATE_LIMITED" and int(answers[2]["Retry-After"]) > 0
