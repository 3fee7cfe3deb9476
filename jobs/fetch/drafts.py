"""Drafts: the files of images that are being fetched and have no name yet.

Each fetcher has a folder of its own and holds a lock on it as long as its process lives. The kernel drops the lock
however the process ends, so the next fetcher can remove what a killed one left, and never what a living one uses.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Final

# A folder this young may be between its creation and its lock.
_YOUNG_SECONDS: Final = 60.0
# A single file is a draft on its way from another file system; it stays there for seconds.
_OLD_SECONDS: Final = 3600.0


class DraftFolder:
    """A private folder below ``root``; removed with its files by ``close``.

    Args:
        root: on the file system of the storage, so that a draft can be renamed into it.
        mode: permissions of the files made here.
    """

    def __init__(self, root: Path, mode: int = 0o600) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_abandoned(root)
        self.path = root / f"{os.getpid()}-{secrets.token_hex(4)}"
        self.path.mkdir(mode=0o700)
        self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._mode = mode
        self._prefix = f"{self.path}{os.sep}"
        self._count = 0

    def create(self) -> tuple[int, str]:
        """Make the next draft; return its descriptor, open for writing, and its path."""
        self._count += 1
        path = f"{self._prefix}{self._count}"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, self._mode), path

    def close(self) -> None:
        """Remove the folder and every draft that nobody has adopted; safe to call twice."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


def remove_abandoned(root: Path) -> int:
    """Remove the folders of fetchers whose process is gone, and single files an hour old; return how many."""
    removed = 0
    for folder in root.iterdir():
        try:
            if folder.is_file():
                if time.time() - folder.stat().st_mtime > _OLD_SECONDS:
                    folder.unlink()
                    removed += 1
                continue
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # removed meanwhile, or no folder of ours
            continue
        try:
            if time.time() - os.fstat(handle).st_mtime > _YOUNG_SECONDS:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
                removed += 1
        except BlockingIOError:
            pass
        finally:
            os.close(handle)
    return removed
