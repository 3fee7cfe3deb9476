"""An engine in a package of its own: the very example of docs/engines/writing-an-engine.md."""

from __future__ import annotations

import importlib
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

ROOT = Path(package.__file__).parents[2]
PAGE = ROOT / "docs" / "engines" / "writing-an-engine.md"
FILES = ("pyproject.toml", "pixtasks_shelf.py", "test_pixtasks_shelf.py")


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
def test_its_author_can_run_the_contract(folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PIXTASKS_"))}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "failed" not in ran.stdout and re.search(r"\b3\d passed", ran.stdout), ran.stdout
