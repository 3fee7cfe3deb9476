"""An engine in a package of its own: the very example of docs/engines/writing-an-engine.md."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from jobs import engines as package
from jobs.engines import EngineNotConfigured, engines, load_entry_points, parse_options, resolve
from pixtasks.common.errors import InvalidInput
from pixtasks.testing.cassettes import content_of

from .sources import Reply, Source

ROOT = Path(package.__file__).parents[2]
PAGE = ROOT / "docs" / "engines" / "writing-an-engine.md"
FILES = ("pyproject.toml", "pixtasks_shelf.py", "test_pixtasks_shelf.py", "my_settings.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write the example's files, and what an installer would make of its ``pyproject.toml``."""
    blocks = dict(re.findall(r"```\w+\n# ([\w.]+)\n(.*?)```", PAGE.read_text(), re.DOTALL))
    for name in FILES:
        (tmp_path / name).write_text(blocks[name])
    project = tomllib.loads(blocks["pyproject.toml"])["project"]
    info = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return tmp_path


def test_an_installed_package_adds_its_engine(folder: Path, monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    monkeypatch.setattr(engines, "_items", dict(engines._items))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "pixtasks_shelf", raising=False)
    importlib.invalidate_caches()
    assert "shelf" not in engines
    assert "shelf" in load_entry_points()
    with pytest.raises(EngineNotConfigured, match="SHELF_API_KEY"):
        resolve("shelf")
    monkeypatch.setattr(settings, "SHELF_API_KEY", "k", raising=False)
    engine = resolve("shelf")
    assert parse_options(engine, {"size": "small"}).model_dump() == {"size": "small"}
    with pytest.raises(InvalidInput):
        parse_options(engine, {"size": "huge"})
    sys.modules.pop("pixtasks_shelf")


@pytest.mark.process
def test_its_author_can_record_its_source_and_run_the_contract(folder: Path) -> None:
    source = Source()
    source.play([Reply("/api/search", json.dumps(page(number)).encode(), {"page": str(number)}) for number in (1, 2)])
    try:
        options = ["--keyword", "red fox", "--options", '{"size": "large"}', "--through", source.origin]
        allowed = {"PIXTASKS_FETCH_ALLOW": f"127.0.0.1:{source.port}", "SHELF_API_KEY": "shelf-key"}
        said = run(folder, "pixtasks.testing.record", "pixtasks_shelf:ShelfEngine", "foxes", *options, **allowed)
    finally:
        source.stop()
    assert "red fox: 2 pages" in said
    assert source.asked[0].headers["authorization"] == "shelf-key"
    assert b"shelf-key" not in b"".join(content_of(folder / "foxes").values())
    said = run(folder, "pixtasks.testing.record", "pixtasks_shelf:ShelfEngine", "foxes", "--again")
    assert "foxes: is as it would be recorded now." in said
    said = run(folder, "pytest", "-q", "-p", "no:cacheprovider")
    assert "failed" not in said and re.search(r"\b[67]\d passed", said), said


def page(number: int) -> dict[str, object]:
    """What the library that does not exist answers."""
    return {
        "pictures": [
            {
                "id": each,
                "file": f"https://files.shelf.example/{each}.jpg",
                "page": f"https://shelf.example/{each}",
                "title": f"Fox {each}",
                "author": "Ann",
                "license": "CC BY 4.0",
            }
            for each in (number, number + 1)
        ],
        "pages": 2,
    }


def run(folder: Path, module: str, *arguments: str, **variables: str) -> str:
    """Run a module in the package's folder, and return what it said."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PIXTASKS_"))}
    variables |= {"PYTHONPATH": str(ROOT), "PIXTASKS_DATA_DIR": str(folder / "data")}
    if module != "pytest":
        variables["DJANGO_SETTINGS_MODULE"] = "my_settings"
    ran = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env=inherited | variables,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout
