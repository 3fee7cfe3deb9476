"""The OpenAPI document and its readers (CONTRACT J43, J44, X63)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular.validation import validate_schema
from pydantic import BaseModel, Field
from pytest_django import Settings

from pixtasks.common.openapi import coded_errors, errors, query_parameters

pytestmark = pytest.mark.django_db


def _walk(value: Any) -> Any:
    yield value
    if isinstance(value, dict):
        for child in value.values():
            yield from _walk(child)
    elif isinstance(value, list):
        for child in value:
            yield from _walk(child)


@pytest.fixture
def document() -> Any:
    response = Client().get("/openapi.json")
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    return response.json()


def test_the_document_is_openapi_3_1_and_valid(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    validate_schema(document)


def test_nothing_of_openapi_3_0_is_left_in_it(document: Any) -> None:
    assert not [part for part in _walk(document) if isinstance(part, dict) and "nullable" in part]


def test_it_is_made_without_a_warning(tmp_path: Path) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(tmp_path / "openapi.yaml"))


def test_every_security_scheme_that_is_named_is_defined(document: Any) -> None:
    defined = set(document["components"]["securitySchemes"])
    named = {
        name
        for part in _walk(document["paths"])
        if isinstance(part, dict)
        for requirement in part.get("security", [])
        for name in requirement
    }
    assert named <= defined
    assert {"bearerAuth", "apiKeyAuth", "sessionAuth"} <= defined


def test_every_reference_leads_somewhere(document: Any) -> None:
    schemas = document["components"]["schemas"]
    references = {part["$ref"] for part in _walk(document) if isinstance(part, dict) and "$ref" in part}
    assert all(reference.removeprefix("#/components/schemas/") in schemas for reference in references)


def test_bodies_are_json_only_and_have_the_names_of_their_models(document: Any) -> None:
    login = document["paths"]["/api/v1/auth/login"]["post"]
    assert list(login["requestBody"]["content"]) == ["application/json"]
    assert login["requestBody"]["content"]["application/json"]["schema"]["$ref"].endswith("/LoginRequest")
    assert set(login["responses"]) == {"200", "401", "413", "415", "422", "429", "503"}
    unprocessable = login["responses"]["422"]["content"]["application/json"]["schema"]["$ref"]
    assert unprocessable.endswith("/ValidationErrors")


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/redoc", "/redoc/"])
def test_the_readers_ask_nobody_else_and_show_the_support_address(path: str, settings: Settings) -> None:
    response = Client().get(path)
    page = response.content.decode()
    assert response.status_code == 200
    assert settings.SPECTACULAR_SETTINGS["CONTACT"]["email"] in page
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page)
    assert loaded
    assert all(address.startswith(("/", "mailto:", "data:")) for address in loaded)
    assert not re.search(r"@import|url\(\s*['\"]?https?:", page)
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"https?:|\*", policy)
    assert '"/openapi.json"' in page.replace("\\u002D", "-").replace("\\u002F", "/").replace("\\/", "/")


def test_what_the_readers_load_is_served_here(settings: Settings) -> None:
    for path in ("/docs", "/redoc"):
        page = Client().get(path).content.decode()
        for address in re.findall(r"""(?:src|href)=["'](/static/[^"']+)["']""", page):
            response = Client().get(address)
            assert response.status_code == 200, address
            assert b"".join(response.streaming_content)  # type: ignore[attr-defined]


class Filters(BaseModel):
    status: str | None = None
    limit: int = Field(default=100, ge=1, le=1000, description="Rows.")
    name: str


def test_a_query_model_becomes_parameters_without_null() -> None:
    found = {parameter.name: parameter for parameter in query_parameters(Filters)}
    assert found["status"].type == {"type": "string"}
    assert found["limit"].type == {"default": 100, "minimum": 1, "maximum": 1000, "type": "integer"}
    assert (found["limit"].description, found["limit"].required, found["name"].required) == ("Rows.", False, True)


def test_error_helpers_name_what_every_operation_may_answer() -> None:
    assert list(errors(404)) == [404, 429, 503]
    assert list(errors(body=True)) == [413, 415, 422, 429, 503]
    assert list(coded_errors(404, body=True)) == [400, 404, 413, 415, 429, 503]
