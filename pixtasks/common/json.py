"""JSON in and out: a strict parser (RFC 8259, I-JSON's rules of RFC 7493) and a fast renderer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import IO, Any, NoReturn

import orjson
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.utils.functional import Promise
from pydantic import BaseModel
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from .errors import FieldError, InvalidInput, PayloadTooLarge
from .times import wire_time

MAX_DEPTH = 100
"""How many arrays and objects may be nested in each other."""

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_FAST = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_NAIVE_UTC
_OFFSET = re.compile(rb'T\d\d:\d\d:\d\d[+-]\d\d:\d\d"')


def _plain(value: object) -> object:
    """Return what JSON can hold of a value that orjson does not know."""
    if isinstance(value, datetime):
        return wire_time(value)
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, Promise):
        return str(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def dump_json(value: object, *, indented: bool = False) -> bytes:
    """Return the value as UTF-8 JSON; datetimes as CONTRACT G19 shows them.

    Args:
        indented: for people to read.

    Raises:
        TypeError: it holds something that JSON cannot express.
    """
    layout = orjson.OPT_INDENT_2 if indented else 0
    try:
        text = orjson.dumps(value, _plain, _FAST | layout)
        if _OFFSET.search(text):
            # A time of another zone keeps its offset there; each goes through wire_time here, ten times slower.
            text = orjson.dumps(value, _plain, orjson.OPT_PASSTHROUGH_DATETIME | layout)
        return text
    except TypeError:
        # Integers above 64 bits and keys that are not strings: rare, and the standard library writes them.
        style: dict[str, Any] = {"indent": 2} if indented else {"separators": (",", ":")}
        return json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False, **style).encode()


def _fault(message: str, *, position: int = 0) -> InvalidInput:
    return InvalidInput(FieldError(("body", position), message, "value_error.jsondecode"))


def _refuse_constant(name: str) -> NoReturn:
    raise _fault(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _fault(f"The number {text[:40]} is too large")
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _fault(f"The key {key[:100]!r} appears twice in one object")
            seen.add(key)
    return result


def _check_text(text: str, path: tuple[str | int, ...]) -> None:
    if "\x00" in text:
        raise InvalidInput(
            FieldError(("body", *path), "the character NUL (\\u0000) is not allowed", "value_error.str.nul")
        )
    if _LONE_SURROGATE.search(text):
        raise InvalidInput(FieldError(("body", *path), "a lone surrogate is not valid Unicode", "value_error.unicode"))


def _check_tree(document: object) -> None:
    """Refuse what PostgreSQL cannot store (NUL, lone surrogates) and what would exhaust a recursive reader."""
    waiting: list[tuple[tuple[str | int, ...], object]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if len(path) > MAX_DEPTH:
            raise _fault(f"The document is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, str):
            _check_text(value, path)
        elif isinstance(value, dict):
            for key, child in value.items():
                _check_text(key, path)
                waiting.append(((*path, key), child))
        elif isinstance(value, list):
            waiting.extend(((*path, index), child) for index, child in enumerate(value))


def load_json(body: bytes) -> Any:
    """Return the document, or ``{}`` for an empty body.

    Raises:
        InvalidInput: not UTF-8, not JSON, NaN or Infinity, a key twice in one object, NUL or a lone surrogate in a
            string, or nested deeper than ``MAX_DEPTH``. ``loc`` is ``("body", position)``.
    """
    if not body.strip():
        return {}
    try:
        text = body.decode("utf-8")
        document = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite, strict=True
        )
    except UnicodeDecodeError as error:
        raise _fault("The body is not valid UTF-8", position=error.start) from error
    except json.JSONDecodeError as error:
        raise _fault(str(error), position=error.pos) from error
    except RecursionError as error:
        raise _fault(f"The document is nested deeper than {MAX_DEPTH} levels") from error
    except ValueError as error:  # An integer of more digits than Python converts.
        raise _fault("A number has too many digits") from error
    # NUL and surrogates can only come from an escape, depth only from that many brackets: most bodies have neither.
    if b"\\u" in body or body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check_tree(document)
    return document


def read_body(request: HttpRequest) -> bytes:
    """Return the raw body, at most ``DATA_UPLOAD_MAX_MEMORY_SIZE`` bytes.

    Raises:
        PayloadTooLarge: the body is longer.
    """
    limit = int(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise PayloadTooLarge(f"The request body is larger than {limit} bytes") from error
    if len(body) > limit:
        raise PayloadTooLarge(f"The request body is larger than {limit} bytes")
    return body


class StrictJsonParser(BaseParser):
    """Parses ``application/json`` by :func:`load_json`; the raw bytes stay readable as ``request.body``."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any] | HttpRequest,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the document.

        Raises:
            InvalidInput: see :func:`load_json`.
            PayloadTooLarge: see :func:`read_body`.
        """
        return load_json(read_body(stream) if isinstance(stream, HttpRequest) else stream.read())


class FastJsonRenderer(BaseRenderer):
    """Renders JSON by :func:`dump_json`; indented inside the browsable API."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the body; no data is no body (204)."""
        if data is None:
            return b""
        return dump_json(data, indented="indent" in (renderer_context or {}))
