"""JSON Schema of the task types that users declare over HTTP (CONTRACT R28, X34; RELIABILITY.md "JSON Schema").

Whoever may declare a type writes both the schema and the data, so neither is trusted. What keeps both bounded:

* jsonschema-rs with the ``RegexOptions`` engine: patterns match in linear time, never by backtracking; ``offline``:
  nothing is fetched. Python's ``re`` under the package jsonschema offers neither.
* Only acyclic references into the schema itself, counted as if each were written out: the **weight** of a schema.
* Work is weight x length of the parameters, known before validation starts and limited by ``MAX_WORK``. The weights
  were measured: one unit took at most 20 ns on one core, twice where the parameters are refused.

``format`` is an annotation in every draft, as draft 2020-12 has it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import jsonschema_rs
from django.conf import settings

from pixtasks.common.errors import FieldError, InvalidInput
from pixtasks.common.json import MAX_DEPTH as MAX_PARAMETERS_DEPTH

from .schema_weight import (
    MAX_ERRORS,
    MAX_SCHEMA_DEPTH,
    MAX_WEIGHT,
    PATTERN_KILOBYTES,
    Loc,
    Size,
    Walk,
    build,
    fault,
    json_length,
    measure,
    refusal,
)

MAX_SCHEMA_BYTES = 32 * 1024
"""Length of a schema as JSON, UTF-8."""
MAX_WORK = 50_000_000
"""Weight of the schema x bytes of the parameters."""

# All faults come as one list, each takes 16 us and holds copies of its value, its path and what was expected there:
# they are collected only where few can be.
_MAX_FAULTS_FOUND = 50_000
_MAX_BYTES_COPIED = 100_000_000
_CACHED_SCHEMAS = 64

_DRAFTS: dict[str, type[jsonschema_rs.Validator]] = {
    "https://json-schema.org/draft/2020-12/schema": jsonschema_rs.Draft202012Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema_rs.Draft201909Validator,
    "http://json-schema.org/draft-07/schema": jsonschema_rs.Draft7Validator,
    "http://json-schema.org/draft-06/schema": jsonschema_rs.Draft6Validator,
    "http://json-schema.org/draft-04/schema": jsonschema_rs.Draft4Validator,
}
_NEWEST = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class _Compiled:
    validator: jsonschema_rs.Validator
    weight: int
    unique_lists: bool
    length: int


@cache
def _metaschema(draft: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.validator_for(
        {"$schema": draft, "$ref": draft}, validate_formats=False, mask="value", offline=True
    )


def _metaschema_faults(draft: str, schema: dict[str, Any], loc: Loc) -> list[FieldError]:
    found: dict[FieldError, None] = {}
    for error in _metaschema(draft).iter_errors(schema):
        message = error.message.replace(" listed in the 'anyOf' keyword", " that are possible here")
        found[fault((*loc, *error.instance_path), f"not valid in a schema: {message}", "schema")] = None
    return list(found)[:MAX_ERRORS]


def _checked(schema: object, loc: Loc) -> _Compiled:
    """Return the schema compiled.

    Raises:
        InvalidInput: see :func:`check_schema`.
    """
    if not isinstance(schema, dict):
        raise InvalidInput(FieldError(loc, "value is not a valid dict", "type_error.dict"))
    measure(schema, loc=loc, max_depth=MAX_SCHEMA_DEPTH, what="parameters_schema")
    length = json_length(schema, loc=loc, limit=MAX_SCHEMA_BYTES, what="parameters_schema")
    named = schema.get("$schema", _NEWEST)
    draft = named.removesuffix("#") if isinstance(named, str) else ""
    if draft not in _DRAFTS:
        message = f"$schema must be one of {', '.join(_DRAFTS)}, or be left out for the first of these"
        raise refusal((*loc, "$schema"), message, "draft")
    old_ids = _DRAFTS[draft] is jsonschema_rs.Draft4Validator
    walk = Walk(schema, loc, old_ids)
    weight, _ = walk.weigh(schema, (), 1)
    faults = walk.faults or _metaschema_faults(draft, schema, loc)
    if not faults and weight > MAX_WEIGHT:
        faults = [fault(loc, f"too large with its references followed: more than {MAX_WEIGHT} values", "weight")]
    if faults:
        raise InvalidInput(faults)
    # The names of the whole schema play no part below, and one that is the metaschema's own would shadow "#/…".
    names = {"$id", "$schema", "id"} if old_ids else {"$id", "$schema"}
    try:
        plain = {keyword: value for keyword, value in schema.items() if keyword not in names}
        validator = build(_DRAFTS[draft], plain, PATTERN_KILOBYTES[-1])
    except ValueError as error:  # ValidationError is one, and so is what its reader raises.
        raise refusal(loc, f"not usable: {getattr(error, 'message', error)}", "schema") from error
    return _Compiled(validator, weight, walk.unique_lists, length)


@lru_cache(maxsize=_CACHED_SCHEMAS)
def _compiled(canonical: str) -> _Compiled:
    return _checked(json.loads(canonical), ())


def check_schema(schema: object, *, loc: Loc = ("body", "parameters_schema")) -> None:
    """Refuse what cannot be the schema of a task type's parameters.

    Args:
        schema: what the user declares, as parsed from JSON.
        loc: where it sits in the request.

    Raises:
        InvalidInput: one FieldError per fault, at most ``MAX_ERRORS``: not an object; not valid in its draft (the one
            named in ``$schema``: 2020-12, 2019-09, 7, 6 or 4; without one 2020-12); larger than ``MAX_SCHEMA_BYTES``;
            deeper than ``MAX_SCHEMA_DEPTH``; references that leave the schema, lead to nothing or in circles, or make
            it too large; patterns that have no linear-time form.
    """
    _checked(schema, loc)


def validate_parameters(schema: Mapping[str, Any], parameters: object, *, loc: Loc = ("body", "parameters")) -> None:
    """Check parameters against the schema of their task type; ``{}`` accepts every JSON value.

    Args:
        schema: one that :func:`check_schema` accepted; any other is refused here.
        parameters: as parsed from JSON; at most ``DATA_UPLOAD_MAX_MEMORY_SIZE`` bytes, ``MAX_PARAMETERS_DEPTH`` deep.
        loc: where they sit in the request.

    Raises:
        InvalidInput: one FieldError per fault, at most ``MAX_ERRORS``; only the first fault where the parameters are
            so many that finding all would take long. Types are ``value_error.jsonschema.<keyword>``.
    """
    size = measure(parameters, loc=loc, max_depth=MAX_PARAMETERS_DEPTH, what="the parameters")
    length = json_length(parameters, loc=loc, limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE, what="the parameters")
    if not schema:
        return
    try:
        compiled = _compiled(json.dumps(schema, sort_keys=True, ensure_ascii=False, allow_nan=False))
    except (ValueError, TypeError, RecursionError, InvalidInput) as error:
        raise refusal(loc, f"the task type's parameters_schema cannot be used: {error}", "schema") from error
    work = compiled.weight * (length + size.long_integers)
    if compiled.unique_lists:
        work += size.wide_integers * size.wide_digits
    if work > MAX_WORK:
        message = (
            f"too much to validate: {length} bytes against a schema of {compiled.weight} values with its references "
            "followed; send fewer parameters or simplify the type's parameters_schema"
        )
        raise refusal(loc, message, "work")
    if not compiled.validator.is_valid(parameters):
        raise InvalidInput(list(_parameter_faults(compiled, parameters, size, length, loc))[:MAX_ERRORS])


def _parameter_faults(
    compiled: _Compiled, parameters: object, size: Size, length: int, loc: Loc
) -> Iterator[FieldError]:
    possible = compiled.weight * size.values
    if possible <= _MAX_FAULTS_FOUND and possible * (compiled.length + length) <= _MAX_BYTES_COPIED:
        for error in compiled.validator.iter_errors(parameters):
            yield from _rendered(error, loc)
        return
    try:
        compiled.validator.validate(parameters)
    except jsonschema_rs.ValidationError as error:
        yield from _rendered(error, loc)


def _rendered(error: jsonschema_rs.ValidationError, loc: Loc) -> Iterator[FieldError]:
    """Yield what the client reads of an error: one entry per missing or unexpected key, else one."""
    here: Loc = (*loc, *error.instance_path)
    keyword = error.kind.name
    applied = str(error.schema_path[-1]) if error.schema_path else ""
    match error.kind:
        case jsonschema_rs.ValidationErrorKind.Required(property=name):
            yield fault((*here, name), "field required", keyword)
        case (
            jsonschema_rs.ValidationErrorKind.AdditionalProperties(unexpected=names)
            | jsonschema_rs.ValidationErrorKind.UnevaluatedProperties(unexpected=names)
        ):
            for name in names[:MAX_ERRORS]:
                yield fault((*here, name), "extra fields not permitted", keyword)
        case jsonschema_rs.ValidationErrorKind.FalseSchema():
            # So it comes, with the object's path, where the schema declares no properties at all.
            if applied == "additionalProperties" and error.instance_path[-1:] != [applied]:
                yield fault(here, "extra fields not permitted", applied)
            else:
                yield fault(here, "no value is permitted here", keyword)
        case jsonschema_rs.ValidationErrorKind.Contains():
            yield fault(here, "the number of items that match 'contains' is not the one asked for", keyword)
        case _:
            yield fault(here, error.message, keyword)
