"""What a schema weighs and which of its references and patterns are refused; see :mod:`tasktypes.schemas`."""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import unquote

import jsonschema_rs

from pixtasks.common.errors import FieldError, InvalidInput
from pixtasks.common.json import dump_json

Loc: TypeAlias = tuple[str | int, ...]

MAX_SCHEMA_DEPTH = 20
"""How many arrays and objects of a schema may be nested in each other."""
MAX_EXPANDED_DEPTH = 100
"""The same after every reference was followed."""
MAX_WEIGHT = 10_000
"""JSON values of a schema with every reference written out; patterns weigh more, see ``pattern_weight``."""
MAX_PATTERN = 1_000
"""Characters of one pattern: building its program takes up to 35 us for each."""
MAX_ERRORS = 50
"""Faults told at once."""

_MAX_MESSAGE = 300
_MAX_BAD_PATTERNS = 10  # To refuse one takes up to 35 ms.

# Keywords that hold schemas, of all drafts together: a keyword that the draft does not know only adds weight.
_ONE_SCHEMA = {
    "additionalItems", "additionalProperties", "contains", "contentSchema", "else", "if", "items", "not",
    "propertyNames", "then", "unevaluatedItems", "unevaluatedProperties",
}  # fmt: skip
_LIST_OF_SCHEMAS = {"allOf", "anyOf", "items", "oneOf", "prefixItems"}
_MAP_OF_SCHEMAS = {"$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"}
_ONLY_DEFINES = {"$defs", "definitions"}
_UNEVALUATED = {"unevaluatedItems", "unevaluatedProperties"}
_UNEVALUATED_FACTOR = 4  # Each one evaluates what is beside it again; nested they multiply (measured: 2 to 4.4).

PATTERN_KILOBYTES: list[int] = [1 << power for power in range(11)]
_SAFE_INTEGER = 2**53  # Beyond, uniqueItems compares every pair (measured), as I-JSON's exact range ends there.


@dataclass(slots=True)
class Size:
    """What a JSON value measures: containers nested, values in it, extra bytes of long integers, and their pairs."""

    depth: int = 0
    values: int = 0
    long_integers: int = 0
    wide_integers: int = 0
    wide_digits: int = 0


def fault(loc: Loc, message: str, kind: str) -> FieldError:
    """Return a fault of the type ``value_error.jsonschema.<kind>``; a long message is cut."""
    text = message if len(message) <= _MAX_MESSAGE else f"{message[: _MAX_MESSAGE - 1]}…"
    return FieldError(loc, text, f"value_error.jsonschema.{kind}")


def refusal(loc: Loc, message: str, kind: str) -> InvalidInput:
    """Return the error that holds this one fault."""
    return InvalidInput(fault(loc, message, kind))


def _long_integer(number: int) -> tuple[int, int]:
    """Return an integer's digits, and the bytes it counts for: comparing long ones takes digits squared."""
    digits = int(number.bit_length() * 0.30103) + 1
    return digits, digits * digits // 20


def measure(value: object, *, loc: Loc, max_depth: int, what: str) -> Size:
    """Return the size of a JSON value, without recursion.

    Raises:
        InvalidInput: it is nested too deep, or holds what JSON does not know (NaN, lone surrogates, other objects).
    """
    size = Size()
    waiting: list[tuple[Loc, object, int]] = [(loc, value, 1)]
    while waiting:
        path, item, depth = waiting.pop()
        size.values += 1
        if isinstance(item, dict | list):
            if depth > max_depth:
                raise refusal(loc, f"{what} must not be nested deeper than {max_depth} levels", "depth")
            size.depth = max(size.depth, depth)
            pairs = item.items() if isinstance(item, dict) else enumerate(item)
            for key, child in pairs:
                if isinstance(item, dict):
                    _check_text(key, path)
                waiting.append(((*path, key), child, depth + 1))
        elif isinstance(item, str):
            _check_text(item, path)
        elif isinstance(item, bool) or item is None:
            continue
        elif isinstance(item, int):
            digits, counted = _long_integer(item)
            size.long_integers += counted
            if abs(item) > _SAFE_INTEGER:
                size.wide_integers += 1
                size.wide_digits += max(digits, counted)
        elif not (isinstance(item, float) and math.isfinite(item)):
            raise refusal(path, "value is not valid JSON", "json")
    return size


def _check_text(text: object, path: Loc) -> None:
    if not isinstance(text, str):
        raise refusal(path, "the keys of an object must be strings", "json")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise refusal(path, "a lone surrogate is not valid Unicode", "json") from None


def json_length(value: object, *, loc: Loc, limit: int, what: str) -> int:
    """Return how many bytes a measured value takes as JSON.

    Raises:
        InvalidInput: more than ``limit``, or an integer of more digits than Python writes.
    """
    try:
        length = len(dump_json(value))
    except ValueError as error:
        raise refusal(loc, f"{what} hold a number of too many digits", "size") from error
    if length > limit:
        raise refusal(loc, f"{what} must not be larger than {limit} bytes as JSON; these are {length}", "size")
    return length


def build(validator: type[jsonschema_rs.Validator], schema: dict[str, Any], kilobytes: int) -> jsonschema_rs.Validator:
    """Return a schema compiled: linear-time patterns of at most that size each, nothing fetched, no values in messages.

    Raises:
        ValueError: the schema cannot be compiled (jsonschema_rs.ValidationError is one).
    """
    return validator(
        schema,
        validate_formats=False,
        mask="value",
        pattern_options=jsonschema_rs.RegexOptions(size_limit=kilobytes * 1024, dfa_size_limit=256 * 1024),
        offline=True,
    )


@lru_cache(maxsize=1024)
def pattern_weight(pattern: str) -> int | None:
    """Return what a pattern weighs: 4 per kilobyte of its program; None if the linear engine cannot run it.

    Matching takes at most (size of the program) x (length of the text), whatever both are.
    """
    if len(pattern) > MAX_PATTERN or not _fits(pattern, PATTERN_KILOBYTES[-1]):
        return None
    smallest = bisect_left(PATTERN_KILOBYTES, True, key=lambda kilobytes: _fits(pattern, kilobytes))
    return 4 * PATTERN_KILOBYTES[smallest]


def _fits(pattern: str, kilobytes: int) -> bool:
    try:
        build(jsonschema_rs.Draft202012Validator, {"pattern": pattern}, kilobytes)
    except jsonschema_rs.ValidationError:
        return False
    return True


@dataclass(slots=True)
class Walk:
    """One pass over a schema: finds every fault that is ours to find, and the schema's weight."""

    root: dict[str, Any]
    loc: Loc
    old_ids: bool
    faults: list[FieldError] = field(default_factory=list)
    unique_lists: bool = False
    patterns: int = 0
    bad_patterns: int = 0
    weights: dict[int, tuple[int, int]] = field(default_factory=dict)
    open: set[int] = field(default_factory=set)

    def add(self, path: Loc, message: str, kind: str) -> None:
        found = fault((*self.loc, *path), message, kind)
        if len(self.faults) < MAX_ERRORS and found not in self.faults:
            self.faults.append(found)

    def weigh(self, schema: object, path: Loc, depth: int) -> tuple[int, int]:
        """Return (weight, height) of a subschema; a fault counts 1 and lets the rest be looked at."""
        if isinstance(schema, bool):
            return 1, 1
        if not isinstance(schema, dict):
            self.add(path, "a schema must be an object or a boolean", "schema")
            return 1, 1
        key = id(schema)
        if key in self.weights:
            return self.weights[key]
        if key in self.open:
            self.add(path, "references must not lead back to where they come from", "ref")
            return 1, 1
        if depth > MAX_EXPANDED_DEPTH:
            self.add(path, f"references must not lead deeper than {MAX_EXPANDED_DEPTH} levels", "ref")
            return 1, 1
        self.open.add(key)
        weight, height = 1, 1
        for keyword, value in schema.items():
            for inner, place in self.parts(keyword, value, path):
                part, below = self.weigh(inner, place, depth + 1)
                # What is only defined is looked at here and weighed where it is used.
                if keyword not in _ONLY_DEFINES:
                    weight, height = weight + part, max(height, below + 1)
            weight += self.own_weight(keyword, value, path)
        if _UNEVALUATED & schema.keys():
            weight *= _UNEVALUATED_FACTOR
        if depth + height > MAX_EXPANDED_DEPTH:
            self.add(path, f"references must not lead deeper than {MAX_EXPANDED_DEPTH} levels", "ref")
        self.open.discard(key)
        self.weights[key] = weight, height
        return weight, height

    def parts(self, keyword: str, value: object, path: Loc) -> Iterator[tuple[object, Loc]]:
        """Yield the schemas that a keyword applies, with their paths."""
        here = (*path, keyword)
        if keyword == "$ref":
            yield from self.target(value, here)
        elif isinstance(value, list):
            if keyword in _LIST_OF_SCHEMAS:
                yield from ((inner, (*here, index)) for index, inner in enumerate(value))
        elif keyword in _ONE_SCHEMA:
            yield value, here
        elif keyword in _MAP_OF_SCHEMAS and isinstance(value, dict):
            for name, inner in value.items():
                if not (keyword == "dependencies" and isinstance(inner, list)):
                    yield inner, (*here, name)

    def own_weight(self, keyword: str, value: object, path: Loc) -> int:
        """Return what a keyword weighs without the schemas in it, and note its faults."""
        here = (*path, keyword)
        if keyword in {"$dynamicRef", "$recursiveRef"}:
            self.add(here, "only $ref with a reference '#/…' into this schema is followed", "ref")
        elif path and (keyword == "$id" or (self.old_ids and keyword == "id" and isinstance(value, str))):
            self.add(here, "only the schema as a whole may have an id: inside, it would change what '#/…' means", "ref")
        elif path and keyword == "$schema" and value != self.root.get("$schema"):
            self.add(here, "one schema must not mix drafts", "schema")
        elif keyword == "pattern" and isinstance(value, str):
            return self.pattern(value, here)
        elif keyword == "patternProperties" and isinstance(value, dict):
            return sum(self.pattern(name, (*here, name)) for name in value)
        elif keyword == "uniqueItems" and value is True:
            self.unique_lists = True
        if keyword in _ONE_SCHEMA | _LIST_OF_SCHEMAS | _MAP_OF_SCHEMAS:
            # Lists of names in "dependencies" are the only values in these that are not schemas.
            lists = value.values() if keyword == "dependencies" and isinstance(value, dict) else ()
            return 1 + sum(len(names) for names in lists if isinstance(names, list))
        size = measure(value, loc=here, max_depth=MAX_SCHEMA_DEPTH, what="parameters_schema")
        return size.values + size.long_integers

    def pattern(self, text: str, path: Loc) -> int:
        """Return what a pattern weighs; when the schema is refused for its patterns anyway, no more are built."""
        if self.bad_patterns >= _MAX_BAD_PATTERNS or self.patterns > MAX_WEIGHT:
            return 1
        weight = pattern_weight(text)
        if weight is None:
            self.bad_patterns += 1
            self.add(
                path,
                "not a regular expression that can be matched in linear time: look-around, back-references, very large "
                f"repetitions and more than {MAX_PATTERN} characters are not supported",
                "pattern",
            )
            return 1
        self.patterns += weight
        if self.patterns > MAX_WEIGHT:
            self.add(path, "the patterns of this schema are too large together; use fewer or smaller ones", "pattern")
        return weight

    def target(self, reference: object, path: Loc) -> Iterator[tuple[object, Loc]]:
        """Yield the schema that a reference names, if it is one inside this schema."""
        if not isinstance(reference, str):
            self.add(path, "a reference must be a string", "ref")
            return
        if reference != "#" and not reference.startswith("#/"):
            self.add(path, "only references into this schema, '#/…', are followed; nothing is fetched", "ref")
            return
        if re.search("%(2f|7e)", reference, re.IGNORECASE):
            self.add(path, "write '/' in a reference as ~1 and '~' as ~0", "ref")
            return
        found: object = self.root
        steps: list[str | int] = []
        for token in reference.split("/")[1:]:
            name = unquote(token).replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict) and name in found:
                found = found[name]
                steps.append(name)
            elif isinstance(found, list) and re.fullmatch("0|[1-9][0-9]{0,4}", name) and int(name) < len(found):
                found = found[int(name)]
                steps.append(int(name))
            else:
                self.add(path, f"the reference {reference} leads to nothing in this schema", "ref")
                return
        if isinstance(found, dict | bool):
            yield found, tuple(steps)
        else:
            self.add(path, f"the reference {reference} does not lead to a schema", "ref")
