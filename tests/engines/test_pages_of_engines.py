"""Every engine has a page in docs/engines that says what the code does: options, values, defaults, settings, terms."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic.fields import FieldInfo

from jobs.engines import engines
from pixtasks.settings import product

DOCS = Path(__file__).resolve().parents[2] / "docs" / "engines"
BUILT_IN = sorted(engine.name for engine in engines)

every = pytest.mark.parametrize("name", BUILT_IN)


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text()


def rows(name: str) -> dict[str, str]:
    """Return the rows of the table of options by the names in their first cell."""
    found = {}
    for line in page(name).partition("## Options")[2].partition("\n## ")[0].splitlines():
        if line.startswith("| `"):
            first, rest = line[1:].split("|", 1)
            found.update(dict.fromkeys(re.findall(r"`(\w+)`", first), rest))
    return found


def literals(kind: Any) -> list[object]:
    """Return the values of every Literal within a type."""
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    return [value for each in get_args(kind) for value in literals(each)]


@every
def test_its_options_are_those_of_the_code(name: str) -> None:
    assert rows(name).keys() == engines[name].Options.model_fields.keys()


@every
def test_their_values_and_defaults_are_named(name: str) -> None:
    for option, field in engines[name].Options.model_fields.items():
        told = rows(name)[option]
        values = re.findall(r"`([^`]+)`", told)
        known = [str(value) for value in literals(field.annotation)]
        if "…" in told:
            assert not known or set(values) - {"null"} <= set(known), option
        else:
            assert set(known) <= set(values), option
        for value in _default(field):
            assert "default" in told and (f"`{value}`" in told or f"default {value}" in told), f"{option}: {value}"


def _default(field: FieldInfo) -> list[str]:
    """Return how a default reads on the page; nothing for those that filter nothing."""
    value = field.get_default(call_default_factory=True)
    if field.is_required() or (value in (None, 0) and not isinstance(value, bool)):
        return []
    if isinstance(value, list | tuple):
        return [str(each) for each in value]
    return [str(value).lower() if isinstance(value, bool) else str(value)]


@every
def test_its_settings_are_named(name: str, settings: Any) -> None:
    engine: Any = engines[name]
    text = page(name)
    for setting in (*getattr(engine, "settings", ()), *getattr(engine, "optional", ())):
        assert f"`{setting}`" in text
        assert hasattr(product, setting)
    if getattr(engine, "opt_in", False):
        assert f"PIXTASKS_ENGINES_ENABLED={name}" in text
    if getattr(engine, "default", False):
        assert "on by default | yes" in text


@every
def test_its_terms_and_the_list_lead_to_each_other(name: str) -> None:
    terms = getattr(engines[name], "terms", "")
    assert terms in page(name)
    assert f"[{name}]({name}.md)" in (DOCS / "README.md").read_text()
    assert page(name).startswith(f"# {name}\n")


@every
def test_its_example_is_a_job_that_can_be_made(name: str) -> None:
    _, _, written = page(name).partition(f'"options": {{"{name}": ')
    if written:
        written = written.partition("}}'")[0]
        engines[name].Options.model_validate(json.loads(written))


@every
def test_a_source_without_licences_is_said_to_be_one(name: str) -> None:
    if getattr(engines[name], "licensed", True) is False:
        assert re.search(r"^\| licences \| none", page(name), re.MULTILINE)


@every
def test_the_depth_that_the_plan_counts_by_is_told(name: str) -> None:
    depth = getattr(engines[name], "depth", None)
    if depth is not None:
        assert f"{depth:,}" in page(name)
