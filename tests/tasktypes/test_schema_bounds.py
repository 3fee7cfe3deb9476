"""JSON Schema of declared task types: neither schema nor data can take the service down."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pixtasks.common.errors import InvalidInput
from tasktypes.schema_weight import MAX_ERRORS
from tasktypes.schemas import _CACHED_SCHEMAS, _compiled, check_schema, validate_parameters
from tests.tasktypes.schema_faults import faults, laughs, schema_faults, schema_kinds

ROOT = Path(__file__).resolve().parents[2]
# Answers each case on a line of its own.
SCRIPT = """
import json, resource, sys
from django.conf import settings
settings.configure(DATA_UPLOAD_MAX_MEMORY_SIZE=1_000_000)
from pixtasks.common.errors import InvalidInput
from tasktypes.schemas import check_schema, validate_parameters

resource.setrlimit(resource.RLIMIT_AS, (1_500_000_000, 1_500_000_000))
for setup, call in json.load(sys.stdin):
    names = {"check_schema": check_schema, "validate_parameters": validate_parameters}
    exec(setup, names)
    try:
        exec(call, names)
        print("accepted", flush=True)
    except InvalidInput as error:
        print("refused", len(error.errors), error.errors[0].type.rpartition(".")[2], flush=True)
"""


def in_a_process(cases: list[tuple[str, str]]) -> list[str]:
    """Return what a process of its own answers to each case; it is killed after a minute and may not take 1.5 GB."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-2000:]}"
    return done.stdout.splitlines()


# --- size and depth ---------------------------------------------------------------------------------------------------


def nested(levels: int, key: str) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(levels - 1):
        value = {key: value}
    return value


def test_a_schema_may_be_20_levels_deep() -> None:
    check_schema(nested(20, "not"))
    assert schema_kinds(nested(21, "not")) == ["depth"]
    assert schema_kinds(nested(100_000, "not")) == ["depth"]


def test_a_schema_may_take_32_kilobytes() -> None:
    frame = len(json.dumps({"description": ""}, separators=(",", ":")))
    check_schema({"description": "x" * (32 * 1024 - frame)})
    assert schema_kinds({"description": "x" * (32 * 1024 - frame + 1)}) == ["size"]
    assert schema_kinds({"description": "ä" * 20_000}) == ["size"]


def test_parameters_may_be_100_levels_deep() -> None:
    for schema in ({}, {"type": "object"}):
        assert faults(schema, nested(100, "a")) == []
        assert faults(schema, nested(101, "a")) == [((), "depth")]
        assert faults(schema, nested(100_000, "a")) == [((), "depth")]


def test_parameters_may_be_as_long_as_a_body(settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert faults({}, {"a": "x" * 992}) == []
    assert faults({}, {"a": "x" * 993}) == [((), "size")]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", {1: 2}, {"\ud800": 1}, object(), b"x", (1,)])
def test_what_json_cannot_express_is_refused(value: object) -> None:
    for schema in ({}, {"type": "object"}):
        assert [kind for _, kind in faults(schema, {"a": value})] == ["json"]
    assert schema_kinds({"const": value}) == ["json"]


def test_integers_of_too_many_digits_are_refused() -> None:
    assert faults({}, {"a": 10**5000}) == [((), "size")]
    assert schema_kinds({"minimum": 10**5000}) == ["size"]
    assert schema_kinds({"minimum": 10**2000}) == ["weight"]


def test_at_most_50_faults_are_told() -> None:
    schema = {"properties": {f"k{n}": {"type": "integer"} for n in range(60)}}
    found = faults(schema, {f"k{n}": "x" for n in range(60)})
    assert len(found) == MAX_ERRORS
    closed = {"properties": {"a": True}, "additionalProperties": False}
    assert len(faults(closed, {f"k{n}": 1 for n in range(60)})) == MAX_ERRORS
    assert len(schema_faults({"allOf": [1] * 60})) == MAX_ERRORS
    assert len(schema_faults({"properties": {f"k{n}": {"type": 1} for n in range(60)}})) == MAX_ERRORS


def test_of_very_many_parameters_the_first_fault_is_told() -> None:
    schema = {"items": {"type": "integer"}}
    assert faults(schema, ["x"] * 100_000) == [((0,), "type")]


def test_work_beyond_the_limit_is_refused_and_ordinary_work_is_not() -> None:
    schema = {"items": {"properties": {f"k{n}": {"type": "integer"} for n in range(20)}, "required": ["k0"]}}
    assert faults(schema, [{"k0": 1, "k1": 2}] * 20_000) == []
    heavy = {"items": {"enum": [[n] for n in range(2000)]}}
    check_schema(heavy)
    assert faults(heavy, [[1999]] * 10) == []
    assert faults(heavy, [[1999]] * 20_000) == [((), "work")]


def test_a_stored_schema_that_is_not_usable_says_so() -> None:
    with pytest.raises(InvalidInput) as caught:
        validate_parameters({"type": "nope"}, {})
    assert caught.value.errors[0].loc == ("body", "parameters")
    assert "parameters_schema cannot be used" in caught.value.errors[0].msg


def test_compiled_schemas_are_kept_but_not_without_bound() -> None:
    _compiled.cache_clear()
    validate_parameters({"type": "object", "minProperties": 0}, {})
    validate_parameters({"minProperties": 0, "type": "object"}, {})
    assert (_compiled.cache_info().hits, _compiled.cache_info().misses) == (1, 1)
    for number in range(2 * _CACHED_SCHEMAS):
        validate_parameters({"maxProperties": number}, {})
    assert _compiled.cache_info().currsize == _CACHED_SCHEMAS


def test_schemas_that_differ_only_in_true_and_one_are_two() -> None:
    assert faults({"const": 1}, 1) == []
    assert faults({"const": True}, True) == []
    assert faults({"const": True}, 1) == [((), "const")]


# --- patterns ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<!a)b", "(a)\\1", "(", "(a{1000}){1000}", "a" * 1001])
def test_patterns_without_a_linear_form_are_refused_where_they_stand(pattern: str) -> None:
    place = ("body", "parameters_schema", "properties", "x")
    found = schema_faults({"properties": {"x": {"pattern": pattern, "patternProperties": {pattern: {}}}}})
    named = pattern[:200]  # What a caller wrote is told back cut.
    assert [fault.loc for fault in found] == [(*place, "pattern"), (*place, "patternProperties", named)]
    assert {fault.type for fault in found} == {"value_error.jsonschema.pattern"}
    assert schema_kinds({"$defs": {"unused": {"pattern": pattern}}}) == ["pattern"]


@pytest.mark.parametrize(
    ("pattern", "good", "bad"),
    [
        ("^\\d{4}-\\d{2}-\\d{2}$", "2026-01-31", "٢٠٢٦-01-31"),
        ("^[^@\\s]+@[^@\\s]+\\.[a-z]{2,}$", "ann@example.com", "ann"),
        ("^https?://\\S+$", "https://example.com/a", "ftp://x"),
        ("^.{1,255}$", "x", ""),
        ("^[a-z0-9]+(?:-[a-z0-9]+)*$", "a-b-c", "a--b"),
    ],
)
def test_patterns_of_everyday_schemas_work(pattern: str, good: str, bad: str) -> None:
    schema = {"properties": {"x": {"pattern": pattern}}}
    check_schema(schema)
    assert faults(schema, {"x": good}) == []
    assert faults(schema, {"x": bad}) == [(("x",), "pattern")]


def test_patterns_that_explode_under_backtracking_answer() -> None:
    cases = []
    for pattern in ("(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(a+a+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$"):
        setup = f"schema = {{'properties': {{'x': {{'pattern': {pattern!r}}}}}}}; check_schema(schema)"
        cases.append((setup, "validate_parameters(schema, {'x': 'a' * 100_000 + '!'})"))
    assert in_a_process(cases) == ["refused 1 pattern"] * 5


def test_python_would_not_answer_such_a_pattern() -> None:
    """The control: without the linear engine the same question does not end."""
    script = "import re; re.search('(a+)+$', 'a' * 40 + '!')"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", script], timeout=1)


# --- bombs ------------------------------------------------------------------------------------------------------------

UNEVALUATED = """
s = {'properties': {'a': True}}
for _ in range(8):
    s = {'anyOf': [s, {'properties': {'b': {'type': 'string'}}}], 'unevaluatedProperties': {'type': 'integer'}}
"""
BOMBS = {
    "every item is wrong a thousand times": (
        "s = {'allOf': [{'items': {'type': 'integer'}}] * 1000}",
        "validate_parameters(s, ['x'] * 200_000)",
        "refused 1 work",
    ),
    "a long value is wrong often": (
        "s = {'allOf': [{'type': 'integer'}] * 25}",
        "validate_parameters(s, 'x' * 900_000)",
        "refused 25 type",
    ),
    "a long value is wrong very often": (
        "s = {'items': {'allOf': [{'type': 'integer'}] * 40}}",
        "validate_parameters(s, ['x' * 100_000] * 5)",
        "refused 1 type",
    ),
    "what is expected is long, and told at every item": (
        "s = {'items': {'const': 'y' * 10_000}}",
        "validate_parameters(s, [1] * 25_000)",
        "refused 1 const",
    ),
    "the path is long, and told at every item": (
        "s = {'properties': {'y' * 10_000: {'items': {'type': 'string'}}}}",
        "validate_parameters(s, {'y' * 10_000: [1] * 8_000})",
        "refused 1 type",
    ),
    "uniqueItems compares long integers pair by pair": (
        "s = {'uniqueItems': True}",
        "validate_parameters(s, [10**30 + n for n in range(30_000)])",
        "refused 1 work",
    ),
    "uniqueItems with small integers": (
        "s = {'uniqueItems': True}",
        "validate_parameters(s, list(range(100_000)))",
        "accepted",
    ),
    "uniqueItems with a thousand ids of 64 bits": (
        "s = {'uniqueItems': True}",
        "validate_parameters(s, [2**60 + n for n in range(1000)])",
        "accepted",
    ),
    "unevaluatedProperties evaluate what is inside again": (
        UNEVALUATED,
        "check_schema(s)",
        "refused 1 weight",
    ),
    "a pattern with a large program against a long text": (
        "s = {'pattern': '[01]*1[01]{1000}2'}; check_schema(s)",
        "validate_parameters(s, '01101' * 100_000)",
        "refused 1 work",
    ),
    "many patterns that take long to refuse": (
        "s = {'allOf': [{'pattern': r'(?i:\\p{L})' * 90 + str(n)} for n in range(30)]}",
        "check_schema(s)",
        "refused 10 pattern",
    ),
    "many patterns with large programs": (
        "s = {'patternProperties': {'^.{1,255}%d' % n: True for n in range(1000)}}",
        "check_schema(s)",
        "refused 1 pattern",
    ),
    "very many faults of a schema": ("s = {'allOf': [1] * 15_000}", "check_schema(s)", "refused 50 schema"),
    "references that double thirty times": (
        f"s = {json.dumps(laughs(30))}",
        "check_schema(s)",
        "refused 1 weight",
    ),
}


def test_bombs_are_answered_in_little_memory() -> None:
    said = in_a_process([(setup, call) for setup, call, _ in BOMBS.values()])
    assert dict(zip(BOMBS, said, strict=True)) == {name: expected for name, (_, _, expected) in BOMBS.items()}
