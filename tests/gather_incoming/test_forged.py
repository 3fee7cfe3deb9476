"""What is forged, replayed, late or altered is refused, and tells nothing (CONTRACT G27, G31, G41, X46, X47)."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from gather.models import ReceivedEvent
from pixtasks.common.signing import sign
from tasktypes.models import Task
from tests.gather_incoming.conftest import (
    PREVIOUS,
    SECRET,
    deliver,
    document,
    post,
    raw,
    signed_within,
)

pytestmark = pytest.mark.django_db

BODY = document()
WITHOUT = document(signature=None)
FOX = document(signature=None, data={**BODY["data"], "message": "狐"})
GOOD = sign(SECRET, raw(BODY))


def _stamp(seconds: float = 0) -> str:
    return str(int(time.time() + seconds))


def _timed(stamp: str, *, signed: str | None = None, body: Any = BODY) -> Any:
    signature = sign(SECRET, raw(body), stamp if signed is None else signed)
    return post(body, x_webhook_signature=signature, x_webhook_timestamp=stamp)


def _altered_within(**changes: Any) -> Any:
    return post({**signed_within(WITHOUT), **changes})


FORGED: dict[str, Callable[[], Any]] = {
    "nothing at all": lambda: post(b""),
    "no signature": lambda: post(WITHOUT),
    "only the documented placeholder": lambda: post(BODY),
    "an empty header": lambda: post(BODY, x_webhook_signature=""),
    "only the prefix": lambda: post(BODY, x_webhook_signature="sha256="),
    "another secret": lambda: deliver(BODY, secret="another-secret"),
    "an empty secret": lambda: deliver(BODY, secret=""),
    "the previous secret once it is gone": lambda: deliver(BODY, secret=PREVIOUS),
    "another algorithm's prefix": lambda: post(BODY, x_webhook_signature=f"sha1={GOOD}"),
    "a signature that was cut": lambda: post(BODY, x_webhook_signature=GOOD[:-1]),
    "a signature with something behind it": lambda: post(BODY, x_webhook_signature=f"{GOOD}0"),
    "two signatures in one header": lambda: post(BODY, x_webhook_signature=f"{GOOD},{GOOD}"),
    "a signature that is no ASCII": lambda: post(BODY, x_webhook_signature="ü" * 64),
    "a signature of another body": lambda: post(document(iteration=6), x_webhook_signature=GOOD),
    "one blank more": lambda: post(raw(BODY) + b" ", x_webhook_signature=GOOD),
    "one byte less": lambda: post(raw(BODY)[:-1], x_webhook_signature=GOOD),
    "no body under a body's signature": lambda: post(b"", x_webhook_signature=GOOD),
    "too old a timestamp": lambda: _timed(_stamp(-302)),
    "a timestamp of the future": lambda: _timed(_stamp(303)),
    "another timestamp than the signed one": lambda: _timed(_stamp(), signed=_stamp(-60)),
    "a timestamp that the signature does not cover": lambda: post(
        BODY, x_webhook_signature=GOOD, x_webhook_timestamp=_stamp()
    ),
    "a timed signature without its timestamp": lambda: post(
        BODY, x_webhook_signature=sign(SECRET, raw(BODY), _stamp())
    ),
    "a timestamp that is a date": lambda: _timed("2025-10-04T12:00:00Z"),
    "a timestamp with a fraction": lambda: _timed(f"{_stamp()}.0"),
    "a negative timestamp": lambda: _timed("-1"),
    "an empty timestamp": lambda: _timed(""),
    "a timestamp of many digits": lambda: _timed("9" * 400),
    "a timestamp in other digits": lambda: post(BODY, x_webhook_signature=GOOD, x_webhook_timestamp="١٧٣٢١٥٠٠٠٠"),
    "a signature within, of another secret": lambda: post(signed_within(WITHOUT, "another-secret")),
    "a signature within, with another task": lambda: _altered_within(taskId="another"),
    "a signature within, with another event": lambda: _altered_within(event="cancelled"),
    "a signature within, with other data": lambda: _altered_within(data={**BODY["data"], "percentage": 51}),
    "a signature within, with one field more": lambda: _altered_within(more=1),
    "a signature within, of the raw bytes": lambda: post({**WITHOUT, "signature": sign(SECRET, raw(WITHOUT))}),
    "a signature within that is a number": lambda: post({**WITHOUT, "signature": 1}),
    "a signature within beside a wrong header": lambda: post(signed_within(WITHOUT), x_webhook_signature="0" * 64),
    "a signature within beside an empty header": lambda: post(signed_within(WITHOUT), x_webhook_signature=""),
    "a signature within beside a wrong previous header": lambda: post(
        signed_within(WITHOUT), x_webhook_signature_previous="0" * 64
    ),
    "a signature within beside a timestamp": lambda: post(signed_within(WITHOUT), x_webhook_timestamp=_stamp()),
    "a signature within a body with a key twice": lambda: post(
        raw(signed_within(WITHOUT))[:-1] + b', "taskId": "another"}'
    ),
    "a signature within a list": lambda: post([signed_within(WITHOUT)]),
}


@pytest.mark.parametrize("name", FORGED)
def test_it_is_refused_and_nothing_is_stored(name: str, outside: Task) -> None:
    response = FORGED[name]()
    body = response.json()
    assert (response.status_code, body["error"], body["statusCode"]) == (401, "INVALID_SIGNATURE", 401)
    assert set(body) == {"error", "message", "statusCode"}
    assert not ReceivedEvent.objects.exists()


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b"\xff", b"{}", raw({"event": "no such event"}), raw(document(data="none")), raw(BODY)]
)
def test_before_the_signature_is_known_to_be_good_every_body_is_answered_alike(body: bytes) -> None:
    responses = [post(body), post(body, x_webhook_signature="0" * 64)]
    assert {response.status_code for response in responses} == {401}
    assert {response.json()["message"] for response in responses} == {
        "The webhook's signature is missing or not valid."
    }


def test_sessions_tokens_and_keys_do_not_stand_in_for_a_signature(ann: Any) -> None:
    from tests.accounts.factories import make_key, sign_in

    ann.is_staff = True
    ann.save()
    token, (_, key) = sign_in(ann)["access_token"], make_key(ann)
    assert post(BODY, authorization=f"Bearer {token}").status_code == 401
    assert post(BODY, x_api_key=key).status_code == 401
    # And wrong ones do not spoil a good signature.
    assert deliver(BODY, authorization="Bearer nonsense", x_api_key="non.sense").status_code == 200


GENUINE: dict[str, Callable[[], Any]] = {
    "in the header": lambda: deliver(BODY),
    "with its prefix": lambda: post(BODY, x_webhook_signature=f"sha256={GOOD}"),
    "in capitals": lambda: post(BODY, x_webhook_signature=GOOD.upper()),
    "with a timestamp": lambda: deliver(BODY, age=0),
    "with a timestamp just young enough": lambda: deliver(BODY, age=290),
    "with a timestamp a little ahead": lambda: deliver(BODY, age=-290),
    "beside a wrong previous one": lambda: deliver(BODY, x_webhook_signature_previous="0" * 64),
    "in the previous header alone": lambda: post(BODY, x_webhook_signature_previous=GOOD),
    "beside a placeholder within": lambda: deliver(document(signature="hmac-signature")),
    "beside a wrong one within": lambda: deliver(signed_within(WITHOUT, "another-secret")),
    "of bytes with blanks of their own": lambda: deliver(json.dumps(BODY, indent=4).encode()),
    "within": lambda: post(signed_within(WITHOUT)),
    "within, of a body that is written otherwise": lambda: post(json.dumps(signed_within(WITHOUT), indent=2).encode()),
    "within, of text in other scripts": lambda: post(signed_within(FOX)),
    "within, of such text escaped": lambda: post(signed_within(FOX, escaped=True)),
}


@pytest.mark.parametrize("name", GENUINE)
def test_a_genuine_one_is_accepted(name: str) -> None:
    response = GENUINE[name]()
    assert (response.status_code, response.json()["success"]) == (200, True)
    assert ReceivedEvent.objects.count() == 1


def test_while_a_secret_is_replaced_both_are_accepted(settings: Settings) -> None:
    settings.WEBHOOK_SECRET_PREVIOUS = PREVIOUS
    assert deliver(document(iteration=1), secret=PREVIOUS).status_code == 200
    assert deliver(document(iteration=2), secret=PREVIOUS, age=5).status_code == 200
    assert post(signed_within(document(iteration=3), PREVIOUS)).status_code == 200
    assert deliver(document(iteration=4)).status_code == 200
    assert deliver(document(iteration=5), secret="a-third-secret").status_code == 401


def test_a_sender_that_signs_with_both_is_understood_by_a_receiver_that_knows_either(settings: Settings) -> None:
    body = raw(BODY)
    headers = {"x_webhook_signature": sign("a-newer-secret", body), "x_webhook_signature_previous": sign(SECRET, body)}
    assert post(body, **headers).status_code == 200


def test_without_a_secret_the_route_says_that_it_is_out_of_order(settings: Settings) -> None:
    settings.WEBHOOK_SECRET = ""
    settings.WEBHOOK_SECRET_PREVIOUS = PREVIOUS
    for response in (post(BODY), deliver(BODY, secret=""), deliver(BODY, secret=PREVIOUS)):
        assert (response.status_code, response.json()["error"]) == (503, "INTERNAL_ERROR")
    assert not ReceivedEvent.objects.exists()


def test_every_body_is_accepted_once() -> None:
    assert deliver(BODY).status_code == 200
    for again in (deliver(BODY), deliver(BODY, age=0), deliver(BODY, url="/api/v1/webhooks/automated-gather-progress")):
        assert (again.status_code, again.json()["error"]) == (409, "DUPLICATE_EVENT")
    # Signed anew with other bytes it is another body.
    assert deliver(json.dumps(BODY, indent=1).encode()).status_code == 200


def test_a_body_that_signs_itself_is_the_same_however_it_is_written() -> None:
    body = signed_within(WITHOUT)
    assert deliver(body).status_code == 200
    for again in (post(body), post(json.dumps(body, indent=3).encode()), post(dict(reversed(body.items())))):
        assert (again.status_code, again.json()["error"]) == (409, "DUPLICATE_EVENT")


def test_a_body_that_was_refused_may_come_again() -> None:
    assert post(BODY).status_code == 401
    assert deliver(BODY).status_code == 200


def test_too_long_a_body_is_refused_before_anything_else() -> None:
    long = raw(document(data={**BODY["data"], "message": "x" * 65_536}))
    for response in (post(long), deliver(long)):
        assert (response.status_code, response.json()["error"]) == (413, "PAYLOAD_TOO_LARGE")
    exactly = raw(BODY) + b" " * (65_536 - len(raw(BODY)))
    assert deliver(exactly).status_code == 200
