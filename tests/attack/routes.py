"""Every route of the product, read from its URL resolver, and its operations in the OpenAPI document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from pixtasks.common.json import dump_json

CONSOLE = "/admin/"
VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Route:
    """One address with its parameters in braces, and the verbs that its view knows."""

    path: str
    verbs: tuple[str, ...]

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"\{(\w+)\}", self.path)


@cache
def routes() -> tuple[Route, ...]:
    """Return every route outside the console, in the resolver's order."""
    return tuple(
        Route(path, _verbs(pattern.callback))
        for path, pattern in _patterns(get_resolver(), "/")
        if not path.startswith(CONSOLE)
    )


def console_patterns() -> list[tuple[str, URLPattern]]:
    """Return every route of the console."""
    return [(path, pattern) for path, pattern in _patterns(get_resolver(), "/") if path.startswith(CONSOLE)]


@cache
def document() -> Any:
    """Return the OpenAPI document."""
    return json.loads(dump_json(SchemaGenerator().get_schema(request=None, public=True)))


def operations() -> dict[tuple[str, str], Any]:
    """Return the documented operations by (verb, path without the slash at its end)."""
    return {
        (verb.upper(), path.rstrip("/")): operation
        for path, verbs in document()["paths"].items()
        for verb, operation in verbs.items()
    }


def body_schema(operation: Any) -> Any:
    """Return the schema of an operation's JSON body, references resolved at the top; None where it takes none."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return None if schema is None else resolved(schema)


def resolved(schema: Any) -> Any:
    """Return what a local reference names."""
    while "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _patterns(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        path = prefix + _PARAMETER.sub(r"{\1}", str(entry.pattern)).removeprefix("^")
        if isinstance(entry, URLResolver):
            yield from _patterns(entry, path)
        else:
            yield path, entry


def _verbs(view: Any) -> tuple[str, ...]:
    kind = getattr(view, "view_class", None) or getattr(view, "cls", None)
    if kind is None:
        return ("GET",)
    return tuple(verb for verb in VERBS if hasattr(kind, verb.lower()))
