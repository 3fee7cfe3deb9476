"""JSON Schema of declared task types: what it says, and that neither schema nor data can take the service down."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from pixtasks.common.errors import FieldError, InvalidInput
from tasktypes.schema_weight import MAX_ERRORS
from tasktypes.schemas import _CACHED_SCHEMAS, _compiled, check_schema, validate_parameters

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


def faults(schema: Any, parameters: Any) -> list[tuple[tuple[str | int, ...], str]]:
    """Return (loc below the parameters, last word of the type) of every fault."""
    found: list[FieldError] = []
    try:
        validate_parameters(schema, parameters)
    except InvalidInput as error:
        found = error.errors
    assert all(fault.loc[:2] == ("body", "parameters") for fault in found)
    assert all(fault.type.startswith("value_error.jsonschema.") for fault in found)
    return [(fault.loc[2:], fault.type.rpartition(".")[2]) for fault in found]


def schema_faults(schema: Any) -> list[FieldError]:
    try:
        check_schema(schema, loc=("body", "parameters_schema"))
    except InvalidInput as error:
        return error.errors
    return []


def schema_kinds(schema: Any) -> list[str]:
    return [fault.type.rpartition(".")[2] for fault in schema_faults(schema)]


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


# --- what a schema says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [{}, {"a": [1, None, "ä"]}, [], "text", 1.5, None, True])
def test_the_empty_schema_accepts_everything(value: object) -> None:
    check_schema({})
    assert faults({}, value) == []


def test_keys_that_are_not_declared_are_accepted() -> None:
    schema = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}
    check_schema(schema)
    assert faults(schema, {"url": "x", "input_file": "a.png"}) == []


def test_each_fault_is_one_entry_with_its_path() -> None:
    schema = {
        "type": "object",
        "properties": {
            "count": {"type": "integer", "minimum": 1},
            "rows": {"type": "array", "items": {"properties": {"n": {"type": "integer"}}, "required": ["n"]}},
        },
        "required": ["name"],
        "additionalProperties": False,
    }
    check_schema(schema)
    found = faults(schema, {"count": 0, "rows": [{"n": 1}, {"n": "x"}, {}], "more": 1, "other": 2})
    assert sorted(found, key=repr) == sorted(
        [
            (("count",), "minimum"),
            (("rows", 1, "n"), "type"),
            (("rows", 2, "n"), "required"),
            (("name",), "required"),
            (("more",), "additionalProperties"),
            (("other",), "additionalProperties"),
        ],
        key=repr,
    )


def test_messages_are_sentences_without_the_values_of_the_client() -> None:
    schema = {"properties": {"age": {"type": "integer"}, "level": {"enum": ["fast", "slow"]}}, "required": ["name"]}
    with pytest.raises(InvalidInput) as caught:
        validate_parameters(schema, {"age": "secret", "level": "secret"}, loc=("body", 3, "parameters"))
    assert {fault.loc: fault.msg for fault in caught.value.errors} == {
        ("body", 3, "parameters", "age"): 'value is not of type "integer"',
        ("body", 3, "parameters", "level"): 'value is not one of "fast" or "slow"',
        ("body", 3, "parameters", "name"): "field required",
    }


@pytest.mark.parametrize(
    ("schema", "parameters", "expected"),
    [
        ({"additionalProperties": False}, {"a": 1}, [((), "additionalProperties")]),
        ({"items": {"additionalProperties": False}}, [{}, {"a": 1}], [((1,), "additionalProperties")]),
        ({"properties": {"a": False}}, {"a": 1}, [(("a",), "falseSchema")]),
        ({"properties": {"additionalProperties": False}}, {"additionalProperties": {"b": 1}},
         [(("additionalProperties",), "falseSchema")]),
        ({"properties": {"a": True}, "unevaluatedProperties": False}, {"a": 1, "b": 2},
         [(("b",), "unevaluatedProperties")]),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, [(("b",), "required")]),
        ({"properties": {"a": {"contains": {"type": "integer"}, "maxContains": 1}}}, {"a": [1, 2]},
         [(("a",), "contains")]),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {}, [((), "anyOf")]),
        ({"not": {"required": ["a"]}}, {"a": 1}, [((), "not")]),
    ],
)  # fmt: skip
def test_keywords_name_the_place_at_fault(schema: Any, parameters: Any, expected: Any) -> None:
    check_schema(schema)
    assert faults(schema, parameters) == expected


def test_a_boolean_is_a_schema_inside_but_not_as_a_whole() -> None:
    check_schema({"properties": {"a": True, "b": False}})
    for schema in (True, False, None, [], "x", 1):
        assert [(fault.loc, fault.type) for fault in schema_faults(schema)] == [
            (("body", "parameters_schema"), "type_error.dict")
        ]


def test_one_point_zero_is_an_integer_except_in_draft_4() -> None:
    schema: dict[str, Any] = {"properties": {"n": {"type": "integer"}, "c": {"const": 1}}}
    assert faults(schema, {"n": 1.0, "c": 1.0}) == []
    assert faults(schema, {"n": 1.5}) == [(("n",), "type")]
    assert faults(schema, {"n": True}) == [(("n",), "type")]
    assert faults(schema, {"c": True}) == [(("c",), "const")]
    assert faults(schema, {"n": 10**300}) == []
    old = {"$schema": "http://json-schema.org/draft-04/schema#", "properties": {"n": {"type": "integer"}}}
    assert faults(old, {"n": 1.0}) == [(("n",), "type")]


def test_decimals_are_multiples_as_people_count() -> None:
    assert faults({"properties": {"n": {"multipleOf": 0.01}}}, {"n": 19.99}) == []
    assert faults({"properties": {"n": {"multipleOf": 0.01}}}, {"n": 0.075}) == [(("n",), "multipleOf")]


def test_lengths_and_patterns_count_characters_not_bytes() -> None:
    schema = {"properties": {"名": {"type": "string", "maxLength": 2, "pattern": "^\\p{L}+$"}}}
    check_schema(schema)
    assert faults(schema, {"名": "äß"}) == []
    assert faults(schema, {"名": "äß𝒳"}) == [(("名",), "maxLength")]
    assert faults(schema, {"名": "1"}) == [(("名",), "pattern")]


@pytest.mark.parametrize(
    "draft",
    [
        "https://json-schema.org/draft/2020-12/schema",
        "https://json-schema.org/draft/2019-09/schema",
        "http://json-schema.org/draft-07/schema#",
        "http://json-schema.org/draft-06/schema#",
        "http://json-schema.org/draft-04/schema#",
    ],
)
def test_a_schema_is_checked_by_the_draft_that_it_names(draft: str) -> None:
    check_schema({"$schema": draft, "type": "object", "properties": {"a": {"type": "string", "minLength": 1}}})
    found = schema_faults({"$schema": draft, "properties": {"a": {"type": "text"}, "b": {"minLength": "x"}}})
    places = {fault.loc for fault in found}
    assert places == {
        ("body", "parameters_schema", "properties", "a", "type"),
        ("body", "parameters_schema", "properties", "b", "minLength"),
    }
    assert len(found) == 2


def test_drafts_differ_where_they_should() -> None:
    old = {"minimum": 1, "exclusiveMinimum": True}
    assert schema_kinds({"$schema": "http://json-schema.org/draft-04/schema#", **old}) == []
    assert schema_kinds(old) == ["schema"]


def test_an_unknown_draft_is_refused_and_the_known_ones_are_named() -> None:
    fault = schema_faults({"$schema": "https://example.com/mine"})[0]
    assert fault.loc == ("body", "parameters_schema", "$schema")
    assert "draft/2020-12" in fault.msg
    assert schema_kinds({"$schema": 7}) == ["draft"]
    mixed = {"properties": {"a": {"$schema": "http://json-schema.org/draft-04/schema#"}}}
    assert schema_kinds(mixed) == ["schema"]


def test_keywords_are_plain_names_below_properties() -> None:
    schema = {"properties": {"$ref": {"type": "integer"}, "$id": {"type": "integer"}, "pattern": {"type": "integer"}}}
    check_schema(schema)
    assert faults(schema, {"$ref": "x", "$id": 1, "pattern": 2}) == [(("$ref",), "type")]
    check_schema({"enum": [{"$ref": "http://example.com/x"}], "const": {"$id": "x"}})


def test_a_name_of_the_schema_itself_does_not_change_what_its_references_mean() -> None:
    metaschema = "https://json-schema.org/draft/2020-12/schema"
    schema = {"$id": metaschema, "$ref": "#/$defs/number", "$defs": {"number": {"type": "integer"}}}
    check_schema(schema)
    assert faults(schema, "x") == [((), "type")]
    assert faults(schema, 1) == []


# --- references -------------------------------------------------------------------------------------------------------


def test_references_into_the_schema_are_followed() -> None:
    schema = {
        "properties": {"a": {"$ref": "#/$defs/a~1b"}, "b": {"$ref": "#/$defs/100%25"}, "c": {"$ref": "#/allOf/0"}},
        "allOf": [{"minProperties": 0}],
        "$defs": {"a/b": {"type": "integer"}, "100%": {"$ref": "#/$defs/a~1b"}},
    }
    check_schema(schema)
    assert faults(schema, {"a": "x", "b": "x"}) == [(("a",), "type"), (("b",), "type")]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"properties": {"child": {"$ref": "#"}}},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}},
        {"$ref": "#/unknown/x", "unknown": {"x": {"not": {"$ref": "#/unknown/x"}}}},
    ],
)
def test_references_in_circles_are_refused(schema: Any) -> None:
    assert set(schema_kinds(schema)) == {"ref"}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/missing"},
        {"$ref": "#name", "$defs": {"a": {"$anchor": "name"}}},
        {"$ref": "other.json"},
        {"$ref": "file:///etc/hostname"},
        {"$ref": 3},
        {"$ref": "#/enum/0", "enum": ["text"]},
        {"$ref": "#/allOf/00", "allOf": [{}]},
        {"$ref": "#/$defs/a%2fb", "$defs": {"a": {"b": {}}, "a/b": {}}},
        {"$dynamicRef": "#/$defs/a", "$defs": {"a": {}}},
        {"$recursiveRef": "#"},
        {"properties": {"a": {"$id": "http://example.com/x", "$ref": "#/$defs/b"}}, "$defs": {"b": {}}},
        {"$schema": "http://json-schema.org/draft-04/schema#", "items": {"id": "http://example.com/x"}},
    ],
)
def test_references_that_leave_the_schema_or_lead_to_nothing_are_refused(schema: Any) -> None:
    assert set(schema_kinds(schema)) == {"ref"}


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """A server's address, and the paths that it was asked for."""
    paths: list[str] = []

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            body = b'{"type": "integer"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Recorder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", paths
        finally:
            server.shutdown()
            thread.join()


def test_nothing_is_ever_fetched(asked: tuple[str, list[str]]) -> None:
    address, paths = asked
    remote = f"{address}/schema.json"
    for schema in (
        {"$ref": remote},
        {"$schema": remote},
        {"$id": remote, "$ref": "other.json"},
        {"allOf": [{"$ref": f"{remote}#/x"}]},
        {"$defs": {"unused": {"$ref": remote}}},
        {"$dynamicRef": remote},
        {"$recursiveRef": remote},
        {"unknown": {"$ref": remote}, "$ref": "#/unknown"},
    ):
        assert schema_faults(schema), schema
        assert faults(schema, {"a": 1}) == [((), "schema")]
    for schema in ({"enum": [{"$ref": remote}]}, {"$id": remote}, {"unknown": {"$ref": remote}}):
        check_schema(schema)
        faults(schema, {"a": 1})
    assert paths == []


def laughs(levels: int) -> dict[str, Any]:
    """Return a schema of a few hundred bytes that refers to 2 ** levels schemas."""
    defs: dict[str, Any] = {f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{levels}": {"type": "object"}}}


def test_references_count_as_if_each_were_written_out() -> None:
    check_schema(laughs(6))
    assert faults(laughs(6), {}) == []
    assert schema_kinds(laughs(30)) == ["weight"]
    assert faults(laughs(30), {}) == [((), "schema")]


def test_a_long_chain_of_references_is_refused() -> None:
    chain = {"$ref": "#/$defs/d0", "$defs": {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(900)} | {"d900": {}}}
    assert set(schema_kinds(chain)) == {"ref"}
    turned = {"$defs": dict(reversed(chain["$defs"].items())), "$ref": "#/$defs/d0"}  # type: ignore[union-attr]
    assert set(schema_kinds(turned)) == {"ref"}


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
    assert [fault.loc for fault in found] == [(*place, "pattern"), (*place, "patternProperties", pattern)]
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
