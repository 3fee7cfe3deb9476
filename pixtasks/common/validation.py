"""Bodies and query strings of requests against pydantic models."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from django.http import QueryDict
from rest_framework.request import Request

from .wording import Model, validate


def body_of(request: Request) -> Any:
    """Return the parsed body; an empty one is ``{}``, whatever its Content-Type.

    Raises:
        InvalidInput: the body is not acceptable JSON.
        PayloadTooLarge: it is too long.
    """
    data = request.data
    return {} if isinstance(data, QueryDict) else data


def parse_body(model: type[Model], request: Request) -> Model:
    """Return the body as an instance of the model; an empty body counts as ``{}``.

    Raises:
        InvalidInput: with ``loc`` below ``("body",)``.
        PayloadTooLarge: the body is too long.
    """
    return validate(model, body_of(request))


def _is_list(annotation: object) -> bool:
    origin = get_origin(annotation)
    return origin in {list, tuple, set, frozenset} or any(_is_list(part) for part in get_args(annotation))


def parse_query(model: type[Model], request: Request) -> Model:
    """Return the query string as an instance of the model; of a repeated parameter the last value counts.

    Parameters that the model does not name are ignored, unless it forbids extra fields. Fields that hold a list take
    every value.

    Raises:
        InvalidInput: with ``loc`` below ``("query",)``.
    """
    data: dict[str, Any] = dict(request.query_params.items())
    for name, info in model.model_fields.items():
        key = info.alias or name
        if key in data and _is_list(info.annotation):
            data[key] = request.query_params.getlist(key)
    return validate(model, data, loc=("query",))
