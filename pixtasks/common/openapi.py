"""What views say about themselves in the OpenAPI document: error bodies, and queries made of pydantic models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse
from pydantic import BaseModel, Field


class ErrorDetail(BaseModel):
    """Any error but invalid input."""

    detail: str = Field(description="A sentence that says what to do.")


class FieldFault(BaseModel):
    """One fault of a body or query."""

    loc: list[str | int] = Field(description="Where: body or query, then the path to the value.")
    msg: str
    type: str = Field(description="The machine-readable kind, such as value_error.missing.")


class ValidationErrors(BaseModel):
    """Invalid input: one entry per fault."""

    detail: list[FieldFault]


class ErrorResponse(BaseModel):
    """Any error of the gather API."""

    error: str = Field(description="A word such as VALIDATION_ERROR or TASK_NOT_FOUND.")
    message: str
    details: list[FieldFault] | None = None
    statusCode: int = Field(description="The HTTP status.")  # noqa: N815 -- the documented key


_DESCRIPTIONS = {
    400: "Not allowed in the present state, or the request cannot be read",
    401: "Credentials are missing, wrong or expired",
    403: "The object belongs to somebody else",
    404: "There is no such object",
    405: "The route does not have this method",
    409: "The request conflicts with what is there",
    411: "The body has no length",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "Invalid input",
    429: "Too many requests; Retry-After says when to come back",
    500: "An error on our side; the text names the request's id",
    503: "Something this needs is not available; Retry-After says when to come back",
}
_ALWAYS = (429, 503)
_WITH_BODY = (413, 415, 422)


def errors(*statuses: int, body: bool = False) -> dict[int, Any]:
    """Return the documented error responses of an operation, for ``extend_schema(responses={200: …, **errors(404)})``.

    Args:
        statuses: what this operation answers; 429 and 503 are added, as every operation may.
        body: it reads a body, so 413, 415 and 422 are added.
    """
    wanted = {*statuses, *_ALWAYS, *(_WITH_BODY if body else ())}
    return {
        status: OpenApiResponse(ValidationErrors if status == 422 else ErrorDetail, description=_DESCRIPTIONS[status])
        for status in sorted(wanted)
    }


def coded_errors(*statuses: int, body: bool = False) -> dict[int, Any]:
    """Return the same for the gather API, whose bodies carry a word and where invalid input is 400."""
    wanted = {*statuses, *_ALWAYS, *({400, 413, 415} if body else ())}
    return {status: OpenApiResponse(ErrorResponse, description=_DESCRIPTIONS[status]) for status in sorted(wanted)}


def query_parameters(model: type[BaseModel], *, skip: Iterable[str] = ()) -> list[OpenApiParameter]:
    """Return the query parameters that :func:`pixtasks.common.validation.parse_query` reads with this model."""
    schema = model.model_json_schema(mode="validation")
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    return [
        OpenApiParameter(
            name=name,
            location=OpenApiParameter.QUERY,
            required=name in required,
            description=str(part.get("description", "")),
            type=_present(part, definitions),
        )
        for name, part in schema.get("properties", {}).items()
        if name not in set(skip)
    ]


def _present(part: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a value that is there: a query cannot send null, it leaves the parameter out."""
    kept = {key: value for key, value in part.items() if key not in {"title", "description", "anyOf"}}
    if kept.get("default", 0) is None:
        del kept["default"]
    choices = [choice for choice in part.get("anyOf", []) if choice.get("type") != "null"]
    if len(choices) == 1:
        kept = {**kept, **choices[0]}
    elif choices:
        kept["anyOf"] = [_present(choice, definitions) for choice in choices]
    reference = kept.pop("$ref", None)
    if reference:
        target = definitions[reference.rsplit("/", 1)[1]]
        kept = {**{key: value for key, value in target.items() if key not in {"title", "description"}}, **kept}
    return kept
