"""Thumbnails: made once from a stored file, kept beside the files, dropped when the file is."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections.abc import Iterator
from typing import Final

import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.db import connection

from jobs.fetch.storage import ImageStorage, image_key, images_storage
from jobs.models import Image
from jobs.services.pictures import THUMBNAIL_TYPE, FileGone, Unshowable, make_thumbnail, placeholder, read_file
from pixtasks.common.errors import Unavailable

__all__ = [
    "SIZES",
    "THUMBNAIL_TYPE",
    "FileGone",
    "Unshowable",
    "drop_thumbnails",
    "placeholder",
    "sweep_thumbnails",
    "tag",
    "thumbnail",
]

logger = structlog.get_logger(__name__)

SIZES: Final = {"small": 320, "large": 1280}
"""Longer side in pixels, by name; no other size is kept, so that nobody fills the disk with sizes."""
_FOLDER: Final = "thumbnails"
_BEGIN, _END = b"\xff\xd8", b"\xff\xd9"
_AT_ONCE: Final = 2
_PATIENCE: Final = 20.0
# Decoding costs memory and a core: so many requests of this process do it at a time, the others wait for their turn.
_turns = threading.BoundedSemaphore(_AT_ONCE)


def thumbnail(image: Image, name: str = "small") -> bytes:
    """Return a JPEG of the image; the first call makes and keeps it.

    The header is judged before anything is decoded (see :func:`jobs.services.pictures.make_thumbnail`), and no more
    than two pictures are decoded at once.

    Args:
        name: one of ``SIZES``.

    Raises:
        FileGone: the storage does not have the file.
        Unshowable: the picture is broken or too large to be decoded.
        Unavailable: so much is being decoded that this one's turn did not come.
    """
    storage = images_storage()
    size = SIZES[name]
    key = _key(image.sha256, size)
    kept = _read(storage, key)
    if kept is not None:
        return kept
    data = read_file(image)
    # While it waits for its turn it needs no database, and others do.
    if not connection.in_atomic_block:
        connection.close()
    if not _turns.acquire(timeout=_PATIENCE):
        raise Unavailable("Too many pictures are being made smaller; try again in a moment.", retry_after=2)
    try:
        made = make_thumbnail(data, image.format, size)
    finally:
        _turns.release()
    _keep(storage, key, made)
    return made


def tag(image: Image, name: str) -> str:
    """Return the entity tag of a thumbnail: it changes with the picture and the size only."""
    return hashlib.sha256(f"{image.sha256}:{SIZES[name]}".encode()).hexdigest()[:32]


def drop_thumbnails(sha256: str) -> None:
    """Drop what was kept of a picture."""
    storage = images_storage()
    for size in SIZES.values():
        storage.delete(_key(sha256, size))


def sweep_thumbnails() -> int:
    """Drop the thumbnails of pictures that no image row names; return how many.

    A thumbnail can be made again at any time, so none is too young to go.
    """
    storage = images_storage()
    dropped = 0
    for folder in _folders(storage):
        names = storage.listdir(folder)[1]
        known = set(Image.objects.filter(sha256__in=names).values_list("sha256", flat=True))
        for name in names:
            if name not in known:
                storage.delete(f"{folder}/{name}")
                dropped += 1
    return dropped


def _key(sha256: str, size: int) -> str:
    return f"{_FOLDER}/{size}/{image_key(sha256)}"


def _folders(storage: Storage) -> Iterator[str]:
    """Yield the folders that hold thumbnails, four levels below the storage's root."""
    level = [_FOLDER]
    for _ in range(3):
        level = [f"{folder}/{name}" for folder in level for name in _subfolders(storage, folder)]
    yield from level


def _subfolders(storage: Storage, folder: str) -> list[str]:
    try:
        return sorted(storage.listdir(folder)[0])
    except FileNotFoundError:
        return []


def _read(storage: Storage, key: str) -> bytes | None:
    try:
        with storage.open(key, "rb") as file:
            data: bytes = file.read()
    except FileNotFoundError:
        return None
    except OSError as error:  # Then it is made from the file, whose storage says what is wrong.
        logger.warning("thumbnail_unreadable", key=key, error=str(error))
        return None
    # A power cut may leave a hole, since nothing waits for the disk; such a one is made again.
    return data if data.startswith(_BEGIN) and data.endswith(_END) else None


def _keep(storage: Storage, key: str, data: bytes) -> None:
    """Keep a thumbnail whole or not at all; where that fails, the next reader makes it again."""
    try:
        if isinstance(storage, ImageStorage):
            _replace(storage, key, data)
        elif not storage.exists(key):
            storage.save(key, ContentFile(data))
    except OSError as error:
        logger.warning("thumbnail_not_kept", key=key, error=str(error))


def _replace(storage: ImageStorage, key: str, data: bytes) -> None:
    # Without the storage's own save: that waits for the disk, which something that can be made again need not.
    target = storage.path(key)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    storage.drafts_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A single file among the drafts: what a killed process leaves there is removed after an hour.
    draft = os.path.join(storage.drafts_folder, f"thumbnail-{os.getpid()}-{secrets.token_hex(6)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, storage.file_mode)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    os.replace(draft, target)
