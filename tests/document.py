"""The OpenAPI document against the product, in process: what every dialect's test of it shares."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any

import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck
from hypothesis import settings as limits
from pytest_django import Settings

from pixtasks.common.json import dump_json

turns = count()
"""Numbers the examples, so that a test may give every other one something that is there."""


def operations_of(path_regex: str) -> Callable[[Callable[..., None]], Any]:
    """Ask all operations of these paths (decorator of a test that takes ``case``)."""
    return schema().include(path_regex=path_regex).parametrize()


def times(examples: int) -> int:
    """Return the number of examples; the long form asks for more."""
    return int(os.environ.get("PIXTASKS_TEST_EXAMPLES", examples))


def rounds(examples: int) -> Any:
    """Return the limits of such a test: the same examples at every run; more of them in the long form."""
    return limits(
        max_examples=times(examples),
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
    )


@contextmanager
def many_requests(settings: Settings) -> Iterator[None]:
    """Keep the test's transaction open over many requests, as Django's own client does, and limit none of them."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    rates = dict.fromkeys(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "")
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def schema() -> Any:
    """Return the document as Schemathesis reads it. One per module: it remembers what was asked of it."""
    loaded = schemathesis.openapi.from_dict(json.loads(dump_json(SchemaGenerator().get_schema(public=True))))
    loaded.app = _product
    return loaded


@cache
def _application() -> Any:
    return get_wsgi_application()


def _product(environ: Any, start_response: Any) -> Any:
    """The WSGI application, made at its first request: in a test, not while tests are collected."""
    return _application()(environ, start_response)
