"""What the checks of JSON Schema say, in short, for the tests of them."""

from __future__ import annotations

from typing import Any

from pixtasks.common.errors import FieldError, InvalidInput
from tasktypes.schemas import check_schema, validate_parameters


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


def laughs(levels: int) -> dict[str, Any]:
    """Return a schema of a few hundred bytes that refers to 2 ** levels schemas."""
    defs: dict[str, Any] = {f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(levels)}
    return {"$ref": "#/$defs/d0", "$defs": {**defs, f"d{levels}": {"type": "object"}}}
