"""What a source's change of format looks like: one field has another name, wherever it was."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .recorded import Answer


def fields_of(answer: Answer) -> Iterator[str]:
    """Yield every field of a JSON answer that was a success, such as "pictures[].file"; nothing for others.

    Entries of one list count as alike, so a field of theirs is yielded as often as it is there.
    """
    value = _json(answer)
    if answer.status == 200 and value is not None:
        yield from _fields(value, "")


def renamed(answer: Answer, field: str) -> Answer:
    """Return the answer with a field renamed at every place where it is."""
    value = _json(answer)
    if answer.status != 200 or value is None:
        return answer
    _rename(value, field.replace("[]", ".[]").lstrip(".").split("."))
    headers = {name: each for name, each in answer.headers.items() if name.lower() != "content-type"}
    return replace(answer, body=value, headers=headers)


def _json(answer: Answer) -> Any:
    """Return a fresh copy of what the answer holds, None where it is no JSON."""
    body = answer.body
    try:
        return json.loads(body if isinstance(body, bytes | str) else json.dumps(body))
    except (ValueError, RecursionError):
        return None


def _fields(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _fields(each, f"{path}[]")
    elif isinstance(value, dict):
        for name, each in value.items():
            here = f"{path}.{name}" if path else name
            if "." not in name and "[" not in name:
                yield here
                yield from _fields(each, here)


def _rename(value: Any, steps: list[str]) -> None:
    step, *rest = steps
    if step == "[]":
        for each in value if isinstance(value, list) else ():
            _rename(each, rest)
    elif isinstance(value, dict) and step in value:
        if rest:
            _rename(value[step], rest)
        else:
            value[f"{step}_renamed"] = value.pop(step)
