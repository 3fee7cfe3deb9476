"""Processes that end with the test that started them, even where that is killed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from pixtasks.common import lifeline


def tied(command: Sequence[str]) -> list[str]:
    """Return a command that the kernel kills when the thread that starts it ends."""
    return [sys.executable, "-I", "-S", lifeline.__file__, "exec", str(os.getpid()), *command]
