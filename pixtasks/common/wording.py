"""What pydantic finds wrong, in the wording and codes of its version 1 (CONTRACT X11, J28)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from .errors import MOST_FAULTS, FieldError, InvalidInput, first_faults

Model = TypeVar("Model", bound=BaseModel)
T = TypeVar("T")
Loc = tuple[str | int, ...]

NOT_A_DICT = ("value is not a valid dict", "type_error.dict")
NOT_AN_INTEGER = ("value is not a valid integer", "type_error.integer")
NOT_A_FLOAT = ("value is not a valid float", "type_error.float")
NOT_A_STRING = ("str type expected", "type_error.str")
NOT_A_DECIMAL = ("value is not a valid decimal", "type_error.decimal")
NOT_A_UUID = ("value is not a valid uuid", "type_error.uuid")
BAD_DATETIME = ("invalid datetime format", "value_error.datetime")
BAD_DATE = ("invalid date format", "value_error.date")
BAD_TIME = ("invalid time format", "value_error.time")
BAD_DURATION = ("invalid duration format", "value_error.duration")

_MOST_FIELDS: Final = 1000

_FIXED: dict[str, tuple[str, str]] = {
    "missing": ("field required", "value_error.missing"),
    "extra_forbidden": ("extra fields not permitted", "value_error.extra"),
    "int_type": NOT_AN_INTEGER,
    "int_parsing": NOT_AN_INTEGER,
    "int_parsing_size": NOT_AN_INTEGER,
    "int_from_float": NOT_AN_INTEGER,
    "float_type": NOT_A_FLOAT,
    "float_parsing": NOT_A_FLOAT,
    "finite_number": ("ensure this value is a finite number", "value_error.number.not_finite_number"),
    "bool_type": ("value could not be parsed to a boolean", "type_error.bool"),
    "bool_parsing": ("value could not be parsed to a boolean", "type_error.bool"),
    "string_type": NOT_A_STRING,
    "string_unicode": NOT_A_STRING,
    "bytes_type": ("byte type expected", "type_error.bytes"),
    "list_type": ("value is not a valid list", "type_error.list"),
    "tuple_type": ("value is not a valid tuple", "type_error.tuple"),
    "set_type": ("value is not a valid set", "type_error.set"),
    "frozen_set_type": ("value is not a valid frozenset", "type_error.frozenset"),
    "dict_type": NOT_A_DICT,
    "mapping_type": NOT_A_DICT,
    "model_type": NOT_A_DICT,
    "model_attributes_type": NOT_A_DICT,
    "dataclass_type": NOT_A_DICT,
    "decimal_type": NOT_A_DECIMAL,
    "decimal_parsing": NOT_A_DECIMAL,
    "uuid_type": NOT_A_UUID,
    "uuid_parsing": NOT_A_UUID,
    "datetime_type": BAD_DATETIME,
    "datetime_parsing": BAD_DATETIME,
    "datetime_object_invalid": BAD_DATETIME,
    "datetime_from_date_parsing": BAD_DATETIME,
    "date_type": BAD_DATE,
    "date_parsing": BAD_DATE,
    "date_from_datetime_parsing": BAD_DATE,
    "date_from_datetime_inexact": BAD_DATE,
    "time_type": BAD_TIME,
    "time_parsing": BAD_TIME,
    "time_delta_type": BAD_DURATION,
    "time_delta_parsing": BAD_DURATION,
    "json_invalid": ("Invalid JSON", "value_error.json"),
    "json_type": ("JSON object must be str, bytes or bytearray", "type_error.json"),
    "url_type": ("invalid or missing URL scheme", "value_error.url.scheme"),
    "url_parsing": ("invalid or missing URL scheme", "value_error.url.scheme"),
    "url_scheme": ("URL scheme not permitted", "value_error.url.scheme"),
}

_COLLECTIONS = {"List": "list", "Set": "set", "Frozenset": "frozenset", "Tuple": "tuple", "Dictionary": "dict"}


def _number(word: str, key: str, code: str) -> Callable[[Mapping[str, Any]], tuple[str, str]]:
    return lambda ctx: (f"ensure this value is {word} {ctx[key]}", f"value_error.number.{code}")


def _characters(word: str, key: str) -> Callable[[Mapping[str, Any]], tuple[str, str]]:
    return lambda ctx: (f"ensure this value has {word} {ctx[key]} characters", f"value_error.any_str.{key}")


def _items(word: str, key: str, code: str) -> Callable[[Mapping[str, Any]], tuple[str, str]]:
    def render(ctx: Mapping[str, Any]) -> tuple[str, str]:
        kind = _COLLECTIONS.get(str(ctx.get("field_type")), "list")
        return f"ensure this value has {word} {ctx[key]} items", f"value_error.{kind}.{code}"

    return render


def _permitted(ctx: Mapping[str, Any]) -> tuple[str, str]:
    # pydantic lists "'fast', 'medium' or 'slow'"; the documented text has commas only (CONTRACT J28).
    values = ", ".join(str(ctx["expected"]).rsplit(" or ", 1))
    return f"value is not a valid enumeration member; permitted: {values}", "type_error.enum"


_WITH_LIMIT: dict[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "greater_than": _number("greater than", "gt", "not_gt"),
    "greater_than_equal": _number("greater than or equal to", "ge", "not_ge"),
    "less_than": _number("less than", "lt", "not_lt"),
    "less_than_equal": _number("less than or equal to", "le", "not_le"),
    "multiple_of": _number("a multiple of", "multiple_of", "not_multiple"),
    "string_too_short": _characters("at least", "min_length"),
    "string_too_long": _characters("at most", "max_length"),
    "too_short": _items("at least", "min_length", "min_items"),
    "too_long": _items("at most", "max_length", "max_items"),
    "string_pattern_mismatch": lambda ctx: (
        f'string does not match regex "{ctx["pattern"]}"',
        "value_error.str.regex",
    ),
    "enum": _permitted,
    "literal_error": _permitted,
    "value_error": lambda ctx: (str(ctx["error"]), "value_error"),
    "assertion_error": lambda ctx: (str(ctx["error"]), "assertion_error"),
}


def _words(fault: ErrorDetails) -> tuple[str, str]:
    kind = fault["type"]
    if fault.get("input") is None and kind.endswith("_type"):
        return "none is not an allowed value", "type_error.none.not_allowed"
    if kind in _FIXED:
        return _FIXED[kind]
    if kind in _WITH_LIMIT:
        return _WITH_LIMIT[kind](fault.get("ctx", {}))
    if "." in kind:  # A validator of ours raised PydanticCustomError with a v1 code.
        return fault["msg"], kind
    return fault["msg"], f"type_error.{kind}" if kind.endswith("_type") else f"value_error.{kind}"


def field_errors(error: ValidationError, loc: Loc) -> list[FieldError]:
    """Return the first faults that pydantic found, in the wording of its version 1.

    Args:
        error: what pydantic raised.
        loc: where the validated value sits: ``("body",)``, ``("query",)``, ``("body", "params")``.
    """
    found = []
    for fault in islice(error.errors(include_url=False), MOST_FAULTS):
        message, kind = _words(fault)
        # Wrapping validators add parts such as "function-before[...]" that no client wrote.
        inner = tuple(part for part in fault["loc"] if not (isinstance(part, str) and part.startswith("function-")))
        found.append(FieldError((*loc, *inner), message, kind))
    return first_faults(found, error.error_count())


def validate(model: type[Model], data: object, *, loc: Loc = ("body",)) -> Model:
    """Return the data as an instance of the model.

    Raises:
        InvalidInput: one FieldError per fault, each below ``loc``.
    """
    if not isinstance(data, Mapping):
        raise InvalidInput(FieldError(loc, *NOT_A_DICT))
    if len(data) > _MOST_FIELDS and model.model_config.get("extra") == "forbid":
        # Naming a hundred thousand fields that are not permitted takes seconds.
        raise InvalidInput(FieldError(loc, f"{len(data)} fields are more than there are", "value_error.extra"))
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidInput(field_errors(error, loc)) from error


def validate_with(adapter: TypeAdapter[T], data: object, *, loc: Loc = ("body",)) -> T:
    """Return the data as the adapter's type; for bodies that are lists.

    Raises:
        InvalidInput: one FieldError per fault, each below ``loc``.
    """
    try:
        return adapter.validate_python(data)
    except ValidationError as error:
        raise InvalidInput(field_errors(error, loc)) from error
