"""Where the secret comes from, and how an operator gets to see it (CONTRACT G34, X47)."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings as live
from django.core.management import CommandError, call_command
from pytest_django import Settings


def _show(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", "webhook_secret"],
        cwd=live.BASE_DIR,
        env={**kept, "PIXTASKS_DATA_DIR": str(folder), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


def test_in_development_an_installation_makes_its_own_and_keeps_it(tmp_path: Path) -> None:
    first, again, other = _show(tmp_path / "a"), _show(tmp_path / "a"), _show(tmp_path / "b")
    path = tmp_path / "a" / "secrets" / "webhook"
    assert first.stdout == again.stdout == f"{path.read_text()}\n"
    assert len(first.stdout.strip()) >= 50 and first.stdout != other.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in first.stderr.replace("\n", "")


def test_a_given_one_counts_and_may_stand_in_a_file(tmp_path: Path) -> None:
    assert _show(tmp_path / "a", WEBHOOK_SECRET="given").stdout == "given\n"
    (tmp_path / "file").write_text("from a file\n")
    shown = _show(tmp_path / "b", WEBHOOK_SECRET_FILE=str(tmp_path / "file"))
    assert (shown.stdout, shown.stderr) == ("from a file\n", "It is WEBHOOK_SECRET.\n")


def test_where_there_is_none_the_operator_is_told_what_to_set(settings: Settings) -> None:
    settings.WEBHOOK_SECRET = ""
    with pytest.raises(CommandError, match="WEBHOOK_SECRET_FILE"):
        call_command("webhook_secret", stdout=StringIO(), stderr=StringIO())
