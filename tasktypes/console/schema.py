"""What a JSON Schema asks for, as a flat list of inputs: the launch form is made of them.

Objects with known properties are taken apart; what has no input of its own (free objects, unions, references in
circles) is entered as JSON. The form only helps: the service validates what is sent against the schema itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Path = tuple[str, ...]
Kind = Literal["text", "long", "integer", "number", "boolean", "choice", "choices", "lines", "json"]

MOST_INPUTS: Final = 80
"""A schema with more is entered as one JSON text: such a form would help nobody."""
_DEEPEST: Final = 4
_LONG: Final = 300
_REFERENCE: Final = re.compile(r"\s*\(CONTRACT [^()]*\)")
_NUMBERS: Final = {"integer": "whole number", "number": "number"}


@dataclass(frozen=True, slots=True)
class Input:
    """One value to enter.

    Attributes:
        path: where it goes in the parameters.
        kind: how it is entered.
        label: its title.
        hint: its type and bounds, in words.
        description: what the schema says about it.
        required: whether it must be there as soon as the object around it is.
        default: what the schema gives where it is left out; ``initial`` says whether there is one.
        choices: the values of an enumeration, of any type.
        item: the type of the lines of a list.
        least, most: bounds of a number.
        longest: of a text.
    """

    path: Path
    kind: Kind
    label: str
    hint: str = ""
    description: str = ""
    required: bool = False
    initial: bool = False
    default: Any = None
    choices: tuple[Any, ...] = ()
    item: str = "string"
    least: float | None = None
    most: float | None = None
    longest: int | None = None


@dataclass(slots=True)
class Reading:
    """The inputs of a schema, and the objects that they stand in.

    Attributes:
        groups: title and description of each object below the outermost.
        needed: the objects that must be there.
    """

    inputs: list[Input] = field(default_factory=list)
    groups: dict[Path, tuple[str, str]] = field(default_factory=dict)
    needed: set[Path] = field(default_factory=set)


def read_schema(schema: Mapping[str, Any]) -> Reading | None:
    """Return what a schema asks for; None where it does not describe an object with few, known properties."""
    reading = Reading()
    top = _resolved(schema, schema, ())
    if top is None or not _is_plain_object(top):
        return None
    if not _read_object(top, schema, (), reading) or not reading.inputs:
        return None
    return reading


def _read_object(node: Mapping[str, Any], root: Mapping[str, Any], path: Path, reading: Reading) -> bool:
    required = set(_texts(node.get("required")))
    inner: list[tuple[Path, Mapping[str, Any]]] = []
    # What must be there comes first: PostgreSQL keeps no order of a declared schema's names.
    for name, raw in sorted(node["properties"].items(), key=lambda item: item[0] not in required):
        here = (*path, str(name))
        spec = _resolved(raw, root, ()) if isinstance(raw, Mapping) else None
        if spec is None:
            reading.inputs.append(Input(here, "json", str(name), "JSON", required=name in required))
        elif _is_plain_object(spec) and len(here) < _DEEPEST and spec["properties"] and "default" not in spec:
            reading.groups[here] = (".".join(here), _text(spec.get("description")))
            if name in required:
                reading.needed.add(here)
            inner.append((here, spec))
        else:
            reading.inputs.append(_input(spec, here, required=name in required))
        if len(reading.inputs) > MOST_INPUTS:
            return False
    # Objects come behind the plain values beside them, so that every value stands under its own heading.
    return all(_read_object(spec, root, here, reading) for here, spec in inner)


def _input(spec: Mapping[str, Any], path: Path, *, required: bool) -> Input:
    kind, hint, extra = _kind(spec)
    return Input(
        path,
        kind,
        _title(spec, path[-1]),
        hint,
        _text(spec.get("description")),
        required=required,
        initial="default" in spec and spec["default"] is not None,
        default=spec.get("default"),
        **extra,
    )


def _kind(spec: Mapping[str, Any]) -> tuple[Kind, str, dict[str, Any]]:
    if isinstance(spec.get("enum"), list) and spec["enum"]:
        return "choice", "", {"choices": tuple(spec["enum"])}
    if "const" in spec:
        return "choice", "", {"choices": (spec["const"],)}
    kind = spec.get("type")
    if kind == "boolean":
        return "boolean", "", {}
    if kind in ("integer", "number"):
        least = _bound(spec, "minimum", "exclusiveMinimum")
        most = _bound(spec, "maximum", "exclusiveMaximum")
        return kind, _between(_NUMBERS[kind], least, most), {"least": least, "most": most}
    if kind == "string":
        return _text_kind(spec)
    items = spec.get("items")
    if kind == "array" and isinstance(items, Mapping):
        if isinstance(items.get("enum"), list) and items["enum"]:
            return "choices", "", {"choices": tuple(items["enum"])}
        if items.get("type") in ("string", "integer", "number"):
            count = _between("", _bound(spec, "minItems"), _bound(spec, "maxItems"))
            what = {"string": "one per line", "integer": "whole numbers, one per line"}
            hint = what.get(items["type"], "numbers, one per line") + (f"; {count}" if count else "")
            return "lines", hint, {"item": items["type"]}
    return "json", "JSON" + (f" {kind}" if isinstance(kind, str) else ""), {}


def _text_kind(spec: Mapping[str, Any]) -> tuple[Kind, str, dict[str, Any]]:
    longest = spec.get("maxLength")
    longest = longest if isinstance(longest, int) and 0 < longest < 10**6 else None
    parts = []
    if isinstance(spec.get("format"), str):
        example = {"date-time": "such as 2026-01-31T12:00:00Z", "date": "such as 2026-01-31", "uri": "an address"}
        parts.append(example.get(spec["format"], spec["format"]))
    if longest is not None:
        parts.append(f"at most {longest:,} characters")
    if isinstance(spec.get("pattern"), str):
        parts.append(f"pattern {spec['pattern']}")
    return "long" if longest and longest >= _LONG else "text", "; ".join(parts), {"longest": longest}


def _between(what: str, least: float | None, most: float | None) -> str:
    if least is not None and most is not None and abs(most) < 2**53:
        text = f"{least:,g} to {most:,g}" if most < 10**6 else f"{least:,.0f} to {most:,.0f}"
    elif least is not None:
        text = f"at least {least:,g}"
    elif most is not None:
        text = f"at most {most:,.0f}"
    else:
        text = ""
    return f"{what}, {text}".strip(", ") if what else text


def _bound(spec: Mapping[str, Any], *names: str) -> float | None:
    for name in names:
        value = spec.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
    return None


def _resolved(node: Any, root: Mapping[str, Any], seen: tuple[str, ...]) -> Mapping[str, Any] | None:
    """Return a schema with its reference followed and "or null" taken off; None where that leads nowhere."""
    if not isinstance(node, Mapping):
        return None
    reference = node.get("$ref")
    if isinstance(reference, str):
        if reference in seen or len(seen) > _DEEPEST:
            return None
        target = _resolved(_look_up(root, reference), root, (*seen, reference))
        return None if target is None else {**target, **{key: value for key, value in node.items() if key != "$ref"}}
    for word in ("anyOf", "oneOf", "allOf"):
        parts = node.get(word)
        if isinstance(parts, list):
            rest = [part for part in parts if not (isinstance(part, Mapping) and part.get("type") == "null")]
            if len(rest) != 1:
                return {key: value for key, value in node.items() if key in ("title", "description", "default")}
            only = _resolved(rest[0], root, seen)
            return None if only is None else {**only, **{key: value for key, value in node.items() if key != word}}
    kind = node.get("type")
    if isinstance(kind, list):
        kinds = [one for one in kind if one != "null"]
        return {**node, "type": kinds[0]} if len(kinds) == 1 else {k: v for k, v in node.items() if k != "type"}
    return node


def _look_up(root: Mapping[str, Any], reference: str) -> Any:
    found: Any = root
    for part in _parts(reference):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found if reference.startswith("#") else None


def _parts(reference: str) -> Iterator[str]:
    for part in reference.lstrip("#").split("/")[1:]:
        yield part.replace("~1", "/").replace("~0", "~")


def _is_plain_object(spec: Mapping[str, Any]) -> bool:
    kind_fits = spec.get("type", "object") == "object"
    return kind_fits and isinstance(spec.get("properties"), Mapping) and "enum" not in spec


def _title(spec: Mapping[str, Any], name: str) -> str:
    title = _text(spec.get("title"))
    # pydantic's own title is the name with capitals; the name itself is what people know from the API.
    same = title.replace(" ", "").lower() == name.replace("_", "").replace(" ", "").lower()
    return name if not title or same or spec.get("type") == "object" else title


def _text(value: Any) -> str:
    return _REFERENCE.sub("", value) if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
