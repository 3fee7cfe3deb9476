"""Which ``up`` runs on a data folder."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from pytest_django import Settings

from pixtasks.common.locks import LockHeld, file_lock, is_locked
from pixtasks.common.running import AlreadyRunning, RunningUp, only_up, running_up


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_none_runs_where_none_was_started() -> None:
    assert running_up() is None


def test_the_one_that_runs_is_found_by_address_and_only_while_it_runs(folder: Path) -> None:
    with only_up() as publish:
        assert running_up() is None
        publish("http://127.0.0.1:8123")
        assert running_up() == RunningUp(pid=os.getpid(), url="http://127.0.0.1:8123")
        assert stat.S_IMODE((folder / "up.json").stat().st_mode) == 0o600
    assert running_up() is None
    assert sorted(path.name for path in folder.iterdir()) == ["up.lock"]


def test_a_second_one_is_refused_with_the_address_of_the_first() -> None:
    with only_up() as publish:
        publish("http://127.0.0.1:8123")
        with pytest.raises(AlreadyRunning, match=re.escape("http://127.0.0.1:8123")), only_up():
            pass


def test_what_a_killed_one_left_behind_counts_for_nothing(folder: Path) -> None:
    script = (
        "import os, sys\nfrom django.conf import settings\nsettings.configure(DATA_DIR=sys.argv[1])\n"
        "from pixtasks.common.running import only_up\n"
        "with only_up() as publish:\n    publish('http://127.0.0.1:1')\n    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], timeout=60)
    assert (folder / "up.json").exists()
    assert running_up() is None
    with only_up():
        assert not (folder / "up.json").exists()


def test_a_lock_is_waited_for_and_given_up_in_the_end(folder: Path) -> None:
    path = folder / "some.lock"
    with file_lock(path, wait=0):
        assert is_locked(path)
        with pytest.raises(LockHeld), file_lock(path, wait=0.1):
            pass
    assert not is_locked(path)


def test_looking_at_a_lock_never_makes_a_start_fail(folder: Path) -> None:
    path = folder / "some.lock"
    path.touch()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            is_locked(path)

    watchers = [threading.Thread(target=look) for _ in range(2)]
    for watcher in watchers:
        watcher.start()
    try:
        for _ in range(20):
            with file_lock(path, wait=10):
                time.sleep(0)
    finally:
        stop.set()
        for watcher in watchers:
            watcher.join(timeout=30)
    assert not is_locked(path)
