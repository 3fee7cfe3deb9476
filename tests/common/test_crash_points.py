"""Named crash points: nothing without their variable, the end of the process with it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pixtasks import checks
from pixtasks.common import crash_points

ROOT = Path(__file__).resolve().parents[2]
PASS = "from pixtasks.common.crash_points import crash_point\nfor n in range(4): print(n); crash_point({name!r})"


def run(name: str, wanted: str) -> tuple[int, int]:
    """Let another process come by a point four times; return its code and how far it came."""
    done = subprocess.run(
        [sys.executable, "-u", "-c", PASS.format(name=name)],
        cwd=ROOT,
        env={**os.environ, crash_points.VARIABLE: wanted},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, len(done.stdout.split())


def test_unset_a_point_does_nothing() -> None:
    assert not crash_points.armed()
    assert run("claim.after_commit", "") == (0, 4)


def test_a_process_ends_at_the_point_that_is_named_the_nth_time() -> None:
    assert run("claim.after_commit", "claim.after_commit") == (crash_points.EXIT_CODE, 1)
    assert run("claim.after_commit", "claim.after_commit:3") == (crash_points.EXIT_CODE, 3)
    assert run("claim.after_commit", "settle.after_commit") == (0, 4)


def test_a_file_in_a_folder_ends_one_process_once(tmp_path: Path) -> None:
    (tmp_path / "claim.after_commit").touch()
    assert run("settle.after_commit", f"@{tmp_path}") == (0, 4)
    assert run("claim.after_commit", f"@{tmp_path}") == (crash_points.EXIT_CODE, 1)
    assert run("claim.after_commit", f"@{tmp_path}") == (0, 4)


def test_every_point_stands_in_the_code_and_no_other() -> None:
    placed = set()
    for folder in ("tasktypes", "jobs"):
        for path in (ROOT / folder / "services").glob("*.py"):
            placed |= set(re.findall(r"crash_(?:point|after_commit)\(\"([a-z_.]+)\"\)", path.read_text()))
    assert placed == set(crash_points.POINTS)


def test_production_refuses_to_start_with_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crash_points, "_wanted", "claim.after_commit")
    assert "pixtasks.E010" in {fault.id for fault in checks._faults()}
