"""Image files are shared between jobs: they go only when no row points to them and they are old enough."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from django.core.files.storage import Storage
from django.utils import timezone

from jobs.fetch.keeping import sweeping
from jobs.fetch.storage import image_key, images_storage
from jobs.models import Image
from tasktypes.handlers import Context

_MINIMUM_AGE = timedelta(hours=1)
"""A chunk stores files shortly before it commits their rows; nothing younger is touched."""


def sweep_files(context: Context) -> dict[str, Any]:
    """Drop files of the image storage that no image row names.

    Returns:
        ``{"seen", "dropped", "used", "bytes"}``: files; the last two are the files that rows name, and their size.
    """
    storage = images_storage()
    seen = dropped = used = size = 0
    for folder in _folders(storage):
        context.progress({"seen": seen, "dropped": dropped})
        with sweeping(storage):
            names = [f"{folder}/{name}" for name in storage.listdir(folder)[1]]
            seen += len(names)
            sizes = _sizes(names)
            used += len(sizes)
            size += sum(sizes.values())
            for name in (name for name in names if _digest(name) not in sizes):
                if timezone.now() - storage.get_modified_time(name) > _MINIMUM_AGE:
                    storage.delete(name)
                    dropped += 1
    return {"seen": seen, "dropped": dropped, "used": used, "bytes": size}


def drop_files(digests: Iterable[str]) -> int:
    """Drop the files of these sha256 that no image row names any more, whatever their age; return how many."""
    storage = images_storage()
    dropped = 0
    # Nobody stores one of them meanwhile whose row is still to come.
    with sweeping(storage):
        for name in _unused([image_key(digest) for digest in digests]):
            if storage.exists(name):
                storage.delete(name)
                dropped += 1
    return dropped


def unused_files(*, older_than: timedelta) -> Iterator[tuple[str, int]]:
    """Yield name and size of the files that no image row names and that are older than ``older_than``."""
    storage = images_storage()
    for folder in _folders(storage):
        for name in _unused([f"{folder}/{name}" for name in storage.listdir(folder)[1]]):
            try:
                if timezone.now() - storage.get_modified_time(name) > older_than:
                    yield name, storage.size(name)
            except FileNotFoundError:  # Swept, or its rows were deleted and the file with them, a moment ago.
                continue


def missing_files(*, deep: bool, newest: int | None = None) -> Iterator[tuple[str, str]]:
    """Yield digest and fault of the image files that rows name and that are not as the rows say.

    Args:
        deep: read every file and compare its digest; else look at its size alone.
        newest: of the newest so many rows only.
    """
    storage = images_storage()
    rows = Image.objects.order_by("-pk").values_list("key", "sha256", "bytes")
    seen: set[str] = set()
    for key, sha256, size in (rows[:newest] if newest is not None else rows).iterator(chunk_size=2000):
        if key in seen:
            continue
        seen.add(key)
        fault = _fault(storage, key, sha256, size, deep=deep)
        # A job may have been deleted, and its files swept, since its row was read.
        if fault and Image.objects.filter(key=key).exists():
            yield sha256, fault


def _fault(storage: Storage, key: str, sha256: str, size: int, *, deep: bool) -> str:
    try:
        found = storage.size(key)
        if found != size:
            return f"{found} bytes instead of {size}"
        if deep:
            with storage.open(key, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if digest != sha256:
                return "other bytes than were stored"
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"not readable ({error.strerror})"
    return ""


def _sizes(names: list[str]) -> dict[str, int]:
    """Return digest and size of the files that rows name."""
    return dict(Image.objects.filter(sha256__in=[_digest(name) for name in names]).values_list("sha256", "bytes"))


def _unused(names: list[str]) -> list[str]:
    known = _sizes(names)
    return [name for name in names if _digest(name) not in known]


def _digest(name: str) -> str:
    return name.rsplit("/", 1)[1]


def _folders(storage: Storage) -> Iterator[str]:
    """Yield the folders ``ab/cd`` of the storage."""
    try:
        firsts = storage.listdir("")[0]
    except FileNotFoundError:
        return
    for first in sorted(name for name in firsts if len(name) == 2):
        for second in sorted(storage.listdir(first)[0]):
            yield f"{first}/{second}"
