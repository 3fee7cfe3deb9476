"""Keeps the sweep of unused files and the storing of new ones out of each other's way.

A file may lie unused for a day and be found again at the very moment at which the sweep deletes it: the chunk would
commit a row whose file is gone. Whoever stores holds a shared lock from the file to the row's commit; the sweep holds
the exclusive one from its look at the rows to the deletion.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.files.storage import Storage

from .storage import ImageStorage

_LOCK = ".lock"


@contextmanager
def storing(storage: Storage) -> Iterator[None]:
    """Hold files of the storage in place: open it before ``store_batch``, leave it after the rows' commit."""
    with _locked(storage, fcntl.LOCK_SH):
        yield


@contextmanager
def sweeping(storage: Storage) -> Iterator[None]:
    """Be alone with the storage: nobody stores a file whose row is still to come."""
    with _locked(storage, fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(storage: Storage, kind: int) -> Iterator[None]:
    # Other storages have no such lock; there the minimum age of what is swept has to do.
    if not isinstance(storage, ImageStorage):
        yield
        return
    os.makedirs(storage.location, exist_ok=True)
    handle = os.open(os.path.join(storage.location, _LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, kind)
        yield
    finally:
        os.close(handle)  # Lets go of the lock, as the end of a killed process does.
