"""JSON Schema of declared task types: what it says, and where its references lead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from pixtasks.common.errors import InvalidInput
from tasktypes.schemas import check_schema, validate_parameters
from tests.tasktypes.schema_faults import faults, laughs, schema_faults, schema_kinds

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
