"""A process that uses the product's services for a test, as a web process does; it may be made to crash."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.faults.fleet import MANAGE, ROOT
from tests.faults.tied import tied


class Died(Exception):
    """The process ended before it had answered."""


class Control:
    """Calls ``do_…`` of the command ``faults_control``."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self.environment = dict(environment)
        self._process: subprocess.Popen[str] | None = None

    def __call__(self, request: str, /, **arguments: Any) -> Any:
        """Call one and return its answer.

        Raises:
            Died: it crashed; the next call starts another.
            AssertionError: it raised.
        """
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(json.dumps({"do": request, **arguments}) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            code = process.wait(timeout=30)
            self.close()
            raise Died(f"{request}: code {code}")
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["answer"]

    def close(self) -> None:
        """End it."""
        if self._process is None:
            return
        process, self._process = self._process, None
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=10)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            with (self._folder / "control.log").open("ab") as log:
                self._process = subprocess.Popen(
                    tied([sys.executable, MANAGE, "faults_control"]),
                    env=self.environment,
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    start_new_session=True,
                )
        return self._process
