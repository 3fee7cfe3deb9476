"""Names, aliases, options and plug-ins of engines."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from jobs import engines as package
from jobs.engines import EngineNotConfigured, Page, Query, UnknownEngine, Web, engines, parse_options, registry, resolve
from pixtasks.common.errors import InvalidInput, RuleViolation

# Sources that answer nobody else's questions: their starts count against no bucket.
LOCAL = {"directory", "sample", "site", "urls"}


class NoOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")


class KeyedEngine:
    """An engine of another package, that needs a key."""

    name = "keyed"
    description = "Needs a key."
    rate_limited = True
    Options: type[BaseModel] = NoOptions

    def missing(self) -> list[str]:
        return ["KEYED_API_KEY"]

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        return Page((), None)


def test_the_built_in_engines_are_there_without_being_listed_anywhere() -> None:
    assert {"directory", "site", "urls"} < set(engines.names())
    for engine in engines:
        assert engine.description
        assert engine.Options.model_config.get("extra") == "forbid"
    assert {name for name in engines.names() if not engines[name].rate_limited} == LOCAL


def test_an_alias_leads_to_its_backend_and_wins_over_an_engine_of_that_name(settings) -> None:
    settings.PIXTASKS_ENGINE_ALIASES = {"google": "urls", "site": "urls"}
    assert resolve("google").name == resolve("site").name == resolve("urls").name == "urls"


def test_an_unknown_name_is_refused_with_the_known_ones(settings) -> None:
    settings.PIXTASKS_ENGINE_ALIASES = {"mine": "nothing"}
    with pytest.raises(UnknownEngine, match=r"'altavista'.*directory") as caught:
        resolve("altavista")
    assert caught.value.status == 422
    with pytest.raises(UnknownEngine, match="'nothing'"):
        resolve("mine")


def test_a_contract_name_that_misses_a_setting_names_it(settings) -> None:
    settings.PIXTASKS_ENGINE_ALIASES = {}
    for name, setting in (
        ("google", "PIXTASKS_GOOGLE_API_KEY, PIXTASKS_GOOGLE_CX"),
        ("bing", "PIXTASKS_ENGINES_ENABLED"),
    ):
        with pytest.raises(EngineNotConfigured, match=setting) as caught:
            resolve(name)
        assert isinstance(caught.value, RuleViolation)
        assert caught.value.status == 400


def test_an_engine_without_its_key_names_the_setting() -> None:
    with engines.temporarily(KeyedEngine()), pytest.raises(EngineNotConfigured, match="KEYED_API_KEY"):
        resolve("keyed")
    assert "keyed" not in engines


def test_wrong_options_are_told_with_their_place_in_the_body() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_options(engines["site"], {"max_pages": 0, "x": 1}, loc=("body", "options", "site"))
    assert {error.loc for error in caught.value.errors} == {
        ("body", "options", "site", "url"),
        ("body", "options", "site", "max_pages"),
        ("body", "options", "site", "x"),
    }


def test_plug_ins_are_loaded_once_and_a_broken_one_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    points = [
        EntryPoint("keyed", f"{__name__}:KeyedEngine", registry.ENTRY_POINT_GROUP),
        EntryPoint("broken", "no_such_package_anywhere:Engine", registry.ENTRY_POINT_GROUP),
        EntryPoint("wrong", "pathlib:Path", registry.ENTRY_POINT_GROUP),
    ]
    monkeypatch.setitem(sys.modules, __name__, sys.modules[KeyedEngine.__module__])
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    with engines.temporarily(KeyedEngine()):
        assert registry.load_entry_points() == ["keyed"]
        assert registry.load_entry_points() == ["keyed"]
        assert {"urls", "keyed"} < set(engines.names())
    assert "broken" in caplog.text
    assert "wrong" in caplog.text


def test_engines_can_be_imported_without_the_apps_and_import_no_models() -> None:
    code = "import jobs.engines, sys; from django.apps import apps; assert not apps.ready; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=_root())
    loaded = set(run.stdout.split())
    assert "django.db.models" not in loaded
    assert "PIL" not in loaded


def test_the_name_of_the_offline_source_stands_in_no_other_module() -> None:
    own = Path(package.__file__).parent / "sample"
    for path in Path(package.__file__).parent.rglob("*.py"):
        if own not in path.parents:
            strings = (node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant))
            assert "sample" not in strings, path


def _root() -> Path:
    return Path(package.__file__).parents[2]
