"""The progress webhook in the OpenAPI document, and against it (CONTRACT G26, G36)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from pixtasks.common.signing import PREVIOUS_SIGNATURE_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from tests.document import many_requests, operations_of, rounds
from tests.gather_incoming.conftest import URL, signed_within


@pytest.fixture(autouse=True)
def _unlimited(db: None, settings: Settings) -> Iterator[None]:
    with many_requests(settings):
        yield


def test_it_is_there_once_and_asks_for_no_credentials() -> None:
    paths = Client().get("/openapi.json").json()["paths"]
    assert [path for path in paths if path.endswith("automated-gather-progress")] == [URL]
    operation = paths[URL]["post"]
    assert operation.get("security", []) in ([], [{}])
    assert {"200", "400", "401", "409", "413", "415", "429", "503"} <= set(operation["responses"])
    example = operation["requestBody"]["content"]["application/json"]["examples"]["Progress"]["value"]
    assert (example["taskId"], example["signature"]) == ("abc123-def456", "hmac-signature")


@operations_of(rf"^{URL}$")
@rounds(40)
def test_whatever_is_sent_it_answers_as_the_document_says(case: Any) -> None:
    # Asked elsewhere: which data an event of progress needs, and what is accepted only once.
    excluded = [positive_data_acceptance]
    if isinstance(case.body, dict):
        try:
            case.body = signed_within(case.body)
        except (TypeError, ValueError):
            pass
        case.headers = {
            name: value
            for name, value in (case.headers or {}).items()
            if name.lower()
            not in {header.lower() for header in (SIGNATURE_HEADER, PREVIOUS_SIGNATURE_HEADER, TIMESTAMP_HEADER)}
        }
    case.validate_response(case.call(), excluded_checks=excluded)
