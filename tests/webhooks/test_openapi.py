"""The webhooks API against its own description: whatever is sent, it answers as the OpenAPI document says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pytest_django import Settings
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from pixtasks.accounts.models import User
from tasktypes.models import WebhookDelivery
from tasktypes.services.cancel import cancel_task
from tasktypes.webhooks.services.endpoints import create_endpoint
from tests.accounts.factories import sign_in
from tests.document import many_requests, operations_of, rounds, turns
from tests.webhooks.conftest import put


@pytest.fixture
def token(ann: User, settings: Settings) -> Iterator[str]:
    """A token; many requests share the test's transaction and none is limited."""
    signed_in = sign_in(ann)["access_token"]  # Before: the test client connects the signals again.
    with many_requests(settings):
        yield signed_in


@operations_of(r"^/api/webhooks/(endpoints|deliveries)")
@rounds(30)
def test_it_answers_as_the_document_says(case: Any, ann: User, token: str) -> None:
    # Asked elsewhere: credentials, and addresses and tasks that cannot be told from their form.
    excluded = [ignored_auth, positive_data_acceptance]
    # Every other example is about something that is there.
    if next(turns) % 2:
        # It was perhaps the path that had been made wrong.
        excluded.append(negative_data_rejection)
        endpoint, _ = create_endpoint(owner=ann, url="https://hooks.example.com/")
        cancel_task(put(ann).pk)
        delivery = WebhookDelivery.objects.filter(endpoint=endpoint).get()
        real = {"endpoint_id": endpoint.pk, "delivery_id": str(delivery.event_id)}
        case.path_parameters = {name: real[name] for name in case.path_parameters or {}}
    response = case.call(headers={"Authorization": f"Bearer {token}"})
    case.validate_response(response, excluded_checks=excluded)
