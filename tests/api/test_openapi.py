"""Dialect J in the OpenAPI document, and the document against the product (CONTRACT J43, RFC 9110)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings
from schemathesis.specs.openapi.checks import ignored_auth, negative_data_rejection, positive_data_acceptance

from pixtasks.accounts.models import User
from tests import factories
from tests.accounts.factories import sign_in
from tests.document import many_requests, operations_of, rounds, turns

J = r"^/api/v1/(projects|jobs|images|validation)"
TAGS = {"Projects", "Jobs", "Images", "Licences", "Validation"}


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
    assert len(found) == 35
    for path, method, operation in found:
        where = f"{method} {path}"
        assert operation["summary"] and operation["tags"][0] in TAGS, where
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


@pytest.fixture
def token(owner: User, settings: Settings) -> Iterator[str]:
    """A token; many requests share the test's transaction and none is limited."""
    signed_in = sign_in(owner)["access_token"]  # Before: the test client connects the signals again.
    with many_requests(settings):
        yield signed_in


@operations_of(J)
@rounds(20)
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
