"""Image files are shared between jobs: they go only when no row points to them and they are old enough."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.core.files.storage import Storage
from django.utils import timezone

from jobs.fetch.keeping import sweeping
from jobs.fetch.storage import images_storage
from jobs.models import Image
from tasktypes.handlers import Context

_MINIMUM_AGE = timedelta(hours=1)
"""A chunk stores files shortly before it commits their rows; nothing younger is touched."""


def sweep_files(context: Context) -> dict[str, Any]:
    """Drop files of the image storage that no image row names.

    Returns:
        ``{"seen", "dropped"}``.
    """
    storage = images_storage()
    seen = dropped = 0
    for folder in _folders(storage):
        context.progress({"seen": seen, "dropped": dropped})
        with sweeping(storage):
            names = [f"{folder}/{name}" for name in storage.listdir(folder)[1]]
            seen += len(names)
            for name in _unused(names):
                if timezone.now() - storage.get_modified_time(name) > _MINIMUM_AGE:
                    storage.delete(name)
                    dropped += 1
    return {"seen": seen, "dropped": dropped}


def _unused(names: list[str]) -> list[str]:
    known = set(Image.objects.filter(sha256__in=[_digest(name) for name in names]).values_list("sha256", flat=True))
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
