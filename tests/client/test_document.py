"""What docs/task-service.md shows can be run as it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as live

from tests.client.test_typescript import NODE, SOURCE
from tests.processes.stack import Stack, running_stack

DOCUMENT = (Path(live.BASE_DIR) / "docs" / "task-service.md").read_text()
pytestmark = pytest.mark.process


def _code(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)


def _run(stack: Stack, command: list[str], folder: Path) -> list[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        command, cwd=folder, env={**kept, "TASKS_API_URL": stack.url}, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_its_examples_work_on_a_running_installation(tmp_path: Path) -> None:
    (tmp_path / "stack").mkdir()
    with running_stack(tmp_path / "stack") as stack:
        first, asynchronous = _code("python")
        said, status, done = _run(stack, [sys.executable, "-W", "error", "-c", first], Path(live.BASE_DIR))
        assert re.fullmatch(r"(\d+) Task ExampleDatabaseTask created as new task \1", said)
        assert status in ("not_started", "success")
        assert done.startswith("success {") and "'said': ['this']" in done
        [cancelled] = _run(stack, [sys.executable, "-W", "error", "-c", asynchronous], Path(live.BASE_DIR))
        assert cancelled in ("True", "False")  # A worker may have been quicker.

        shutil.copy(SOURCE, tmp_path)
        (tmp_path / "package.json").write_text('{"type": "module"}')
        (tmp_path / "main.ts").write_text(_code("typescript")[0])
        [shown] = _run(stack, [str(NODE), "main.ts"], tmp_path)
        assert re.fullmatch(r'\[\d+,"(?:not_started|success)"\]', shown)
        assert stack.stop() == 0
