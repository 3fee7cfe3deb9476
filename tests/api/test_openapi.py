"""Dialect J in the OpenAPI document, and the document against the product (CONTRACT J43, RFC 9110)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck
from hypothesis import settings as limits
from pytest_django import Settings
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from pixtasks.accounts.models import User
from pixtasks.common.json import dump_json
from tests import factories
from tests.accounts.factories import sign_in

J = r"^/api/v1/(projects|jobs|images|validation)"


@pytest.fixture
def document(db: None) -> Any:
    return Client().get("/openapi.json").json()


def operations(document: Any) -> list[tuple[str, str, Any]]:
    return [
        (path, method, operation)
        for path, methods in document["paths"].items()
        if path.startswith(("/api/v1/projects", "/api/v1/jobs", "/api/v1/images", "/api/v1/validation"))
        for method, operation in methods.items()
    ]


def test_the_document_is_made_without_a_warning(tmp_path: Path) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(tmp_path / "openapi.yaml"))


def test_every_operation_says_what_it_does_and_what_it_answers(document: Any) -> None:
    found = operations(document)
    assert len(found) == 26
    for path, method, operation in found:
        where = f"{method} {path}"
        assert operation["summary"] and operation["tags"][0] in {"Projects", "Jobs", "Images", "Validation"}, where
        assert {"401", "429", "503"} <= set(operation["responses"]), where
        assert "{" not in path or {"403", "404"} <= set(operation["responses"]), where
        assert method not in {"post", "patch"} or "requestBody" not in operation or "422" in operation["responses"]
        assert {} not in operation["security"], where
        for status, response in operation["responses"].items():
            assert status in {"204", "304"} or response["content"], f"{where} {status}"


def test_the_documented_form_of_a_path_is_the_one_of_the_contract(document: Any) -> None:
    """CONTRACT X08."""
    assert "/api/v1/jobs/{job_id}/start" in document["paths"]
    assert "/api/v1/validation/job/{job_id}/" in document["paths"]


def test_the_examples_are_those_of_the_contract(document: Any) -> None:
    start = document["paths"]["/api/v1/jobs/{job_id}/start"]["post"]["responses"]
    refused = start["400"]["content"]["application/json"]["examples"]["NotPending"]["value"]
    assert refused == {"detail": "Cannot start job with status 'running'. Only pending jobs can be started."}
    progress = document["paths"]["/api/v1/jobs/{job_id}/progress"]["get"]["responses"]["200"]
    assert progress["content"]["application/json"]["examples"]["Running"]["value"]["downloaded_images"] == 750


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
def token(owner: User, settings: Settings) -> Iterator[str]:
    """A token. The test's transaction stays open over many requests, as with Django's own client; none is limited."""
    signed_in = sign_in(owner)["access_token"]
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    rates = dict.fromkeys(settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "")
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    yield signed_in
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@schema.include(path_regex=J).parametrize()
@limits(
    max_examples=20,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_the_product_answers_as_the_document_says(case: Any, owner: User, token: str) -> None:
    """Whatever is sent: no 5xx, no status, type or body that is not documented."""
    # Asked elsewhere: credentials (test_ownership.py), and what the state of a job refuses (a module per endpoint).
    excluded = [ignored_auth, positive_data_acceptance]
    # Every other example is about something that is there.
    if next(turns) % 2:
        # It was perhaps the path that had been made wrong.
        excluded.append(negative_data_rejection)
        job = factories.started_job(owner=owner)
        image = factories.image(job, b"\xff\xd8\xff of no picture")
        real = {"project_id": job.project_id, "job_id": job.pk, "image_id": image.pk}
        case.path_parameters = {name: real[name] for name in case.path_parameters or {}}
    response = case.call(headers={"Authorization": f"Bearer {token}"})
    case.validate_response(response, excluded_checks=excluded)
