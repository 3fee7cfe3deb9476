"""Which ``manage.py up`` runs on this data folder: held by a lock, described by ``up.json`` beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from django.conf import settings

from pixtasks.common.errors import Conflict
from pixtasks.common.locks import LockHeld, file_lock, is_locked

# Longer than the moment in which a caller of running_up() holds the lock to look.
_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RunningUp:
    """A ``manage.py up`` that runs now: its process id and the address it serves."""

    pid: int
    url: str


class AlreadyRunning(Conflict):
    """Another "manage.py up" already runs on this data folder."""


def running_up() -> RunningUp | None:
    """Return the ``up`` of this data folder, or None where none runs (or one is only just starting)."""
    if not is_locked(_lock_path()):
        return None
    try:
        return RunningUp(**json.loads(_json_path().read_text()))
    except (OSError, ValueError, TypeError):
        return None


@contextmanager
def only_up() -> Iterator[Callable[[str], None]]:
    """Be the only ``up`` of this data folder; the value is a function that publishes the address.

    Raises:
        AlreadyRunning: another one runs; the sentence names it.
    """
    try:
        with file_lock(_lock_path(), wait=_WAIT_SECONDS):
            _json_path().unlink(missing_ok=True)  # Left by one that was killed.
            try:
                yield _publish
            finally:
                _json_path().unlink(missing_ok=True)
    except LockHeld:
        other = running_up()
        where = f" (process {other.pid}, {other.url})" if other else ""
        raise AlreadyRunning(
            f'Another "manage.py up" already runs on the data folder {settings.DATA_DIR}{where}. '
            "Stop it first, or set PIXTASKS_DATA_DIR to another folder."
        ) from None


def _publish(url: str) -> None:
    path = _json_path()
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        json.dump(asdict(RunningUp(pid=os.getpid(), url=url)), handle)
    draft.replace(path)


def _lock_path() -> Path:
    return Path(settings.DATA_DIR) / "up.lock"


def _json_path() -> Path:
    return Path(settings.DATA_DIR) / "up.json"
