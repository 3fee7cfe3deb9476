"""Makes files survive a power cut, many at once.

Measured (600 files of 91 KB into two levels of folders, ext4, batches of 200, files per second): no sync 3,264; one
``syncfs`` before the renames and one after 2,679; ``fsync`` from eight threads 1,987; ``fdatasync`` and folder
``fsync`` per file 1,069. So where the kernel has ``syncfs`` a whole batch costs two calls.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache


def sync_files(paths: Iterable[str], folder: str) -> None:
    """Return when the content of all these files is on the disk.

    Args:
        paths: existing files, all on the file system of ``folder``.
        folder: an existing folder.

    Raises:
        OSError: the disk did not take it; nothing may be relied upon.
    """
    _sync(paths, folder)


def sync_names(paths: Iterable[str], folder: str) -> None:
    """Return when these files will be found under their names, up to ``folder``, after a power cut.

    Raises:
        OSError: as for ``sync_files``.
    """
    if _syncfs() is not None:
        _sync((), folder)
        return
    folders = {folder}
    for path in paths:
        parent = os.path.dirname(path)
        while parent not in folders and parent.startswith(folder):
            folders.add(parent)
            parent = os.path.dirname(parent)
    _sync_each(folders)


def _sync(paths: Iterable[str], folder: str) -> None:
    syncfs = _syncfs()
    if syncfs is None:
        _sync_each(paths)
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if syncfs(handle) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), folder)
    finally:
        os.close(handle)


@cache
def _syncfs() -> Callable[[int], int] | None:
    """Return the C library's ``syncfs`` (Linux; reports write errors since 5.8), None where it has none."""
    function: Callable[[int], int] | None = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
    return function


def _sync_each(paths: Iterable[str]) -> None:
    # Threads, because journalling file systems commit several waiting fsyncs as one.
    with ThreadPoolExecutor(max_workers=8) as pool:
        for _ in pool.map(_fsync, paths):
            pass


def _fsync(path: str) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
