"""The webhooks API against its own description: whatever is sent, it answers as the OpenAPI document says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck
from hypothesis import settings as limits
from pytest_django import Settings
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from pixtasks.accounts.models import User
from pixtasks.common.json import dump_json
from tasktypes.models import WebhookDelivery
from tasktypes.services.cancel import cancel_task
from tasktypes.webhooks.services.endpoints import create_endpoint
from tests.accounts.factories import sign_in
from tests.webhooks.conftest import put


@cache
def application() -> Any:
    return get_wsgi_application()


def product(environ: Any, start_response: Any) -> Any:
    """The WSGI application, made at its first request: in a test, not while tests are collected."""
    return application()(environ, start_response)


schema = schemathesis.openapi.from_dict(json.loads(dump_json(SchemaGenerator().get_schema(public=True))))
schema.app = product
turns = count()


@pytest.fixture
def token(ann: User, settings: Settings) -> Iterator[str]:
    """A token. The test's transaction stays open over many requests, as with Django's own client; none is limited."""
    signed_in = sign_in(ann)["access_token"]
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    rates = dict.fromkeys(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "")
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    yield signed_in
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@schema.include(path_regex=r"^/api/webhooks/(endpoints|deliveries)").parametrize()
@limits(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
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
