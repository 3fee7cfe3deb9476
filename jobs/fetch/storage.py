"""Content-addressed storage of images: a file's name is the sha256 of its bytes, ``ab/cd/<sha256>``, no extension.

The order that keeps every promise after a crash: **fetch drafts, ``store_batch`` them, then commit the rows.** When
``store_batch`` returns, all files are durable under their final names; a row never points to a file that a power cut
can take. A crash in between leaves files without rows (the sweep removes them) or drafts (the next fetcher does).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from .drafts import DraftFolder
from .durable import sync_files, sync_names

_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DRAFTS: Final = ".drafts"
_UPLOADS_AT_ONCE: Final = 8


def image_key(sha256: str) -> str:
    """Return the storage name of the image with that digest.

    Raises:
        ValueError: not 64 lower-case hexadecimal digits (so that no name can leave its folder).
    """
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"{sha256!r} is not a sha256 in lower-case hexadecimal")
    return f"{sha256[:2]}/{sha256[2:4]}/{sha256}"


class ImageStorage(FileSystemStorage):
    """Local storage whose files appear whole or not at all, and are durable before they get their name."""

    @property
    def drafts_folder(self) -> Path:
        """Where drafts are written: the same file system, so that adopting one is a rename."""
        return Path(self.location) / _DRAFTS

    def adopt_batch(self, drafts: Sequence[tuple[Path, str]]) -> list[str]:
        """Move drafts to their names and make them durable; see ``store_batch``."""
        if not drafts:
            return []
        root = os.fspath(self.location)
        inside = os.path.join(root, _DRAFTS) + os.sep
        moves = [(os.fspath(draft), image_key(sha256)) for draft, sha256 in drafts]
        # A draft that is gone was adopted by an earlier call that was cut short.
        moves = [
            (path if path.startswith(inside) or not os.path.exists(path) else self._bring_inside(path), key)
            for path, key in moves
        ]
        # First the bytes, then the names: after a power cut a name must not show a hole.
        sync_files((path for path, _ in moves if os.path.exists(path)), root)
        placed = []
        for path, key in moves:
            target = os.path.join(root, key)
            self._place(path, target)
            placed.append(target)
        sync_names(placed, root)
        return [key for _, key in moves]

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        """Return folders and files below ``path``; the drafts are nobody's images."""
        folders, files = super().listdir(path)
        return [name for name in folders if name != _DRAFTS], files

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """Return the name as it is: the same name is the same bytes, so a second save replaces the first."""
        return name

    def _save(self, name: str, content: File[Any]) -> str:
        target = self.path(name)
        with contextlib.closing(DraftFolder(self.drafts_folder, self.file_mode)) as folder:
            handle, draft = folder.create()
            with os.fdopen(handle, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
            sync_files((draft,), os.fspath(self.location))
            self._make_folder(target)
            os.replace(draft, target)
        sync_names((target,), os.fspath(self.location))
        return name

    @property
    def file_mode(self) -> int:
        """Permissions of the files."""
        return 0o600 if self.file_permissions_mode is None else self.file_permissions_mode

    def _place(self, draft: str, target: str) -> None:
        try:
            present = os.stat(target).st_size
        except FileNotFoundError:
            present = None
        if present is not None:
            # Young again, so that the sweep of files without rows leaves it to the row that is about to come.
            os.utime(target)
            try:
                if os.stat(draft).st_size == present:
                    os.unlink(draft)
                    return
            except FileNotFoundError:
                return
        try:
            os.replace(draft, target)
        except FileNotFoundError:
            self._make_folder(target)
            os.replace(draft, target)

    def _make_folder(self, target: str) -> None:
        mode = 0o777 if self.directory_permissions_mode is None else self.directory_permissions_mode
        folder = os.path.dirname(target)
        try:
            os.mkdir(folder, mode)
        except FileNotFoundError:
            os.makedirs(folder, mode, exist_ok=True)
        except FileExistsError:
            pass

    def _bring_inside(self, path: str) -> str:
        self.drafts_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        inside = os.path.join(self.drafts_folder, f"brought-{os.getpid()}-{os.urandom(8).hex()}")
        return os.fspath(shutil.move(path, inside))


def images_storage() -> Storage:
    """Return the storage of the images, ``STORAGES["images"]``."""
    return storages["images"]


def open_drafts(storage: Storage) -> DraftFolder:
    """Return a new folder for drafts that are going into this storage."""
    if isinstance(storage, ImageStorage):
        return DraftFolder(storage.drafts_folder, storage.file_mode)
    return DraftFolder(Path(settings.DATA_DIR) / "drafts")


def store(storage: Storage, draft: Path, sha256: str) -> str:
    """Store one image; see ``store_batch``."""
    return store_batch(storage, [(draft, sha256)])[0]


def store_batch(storage: Storage, drafts: Iterable[tuple[Path, str]]) -> list[str]:
    """Move drafts into the storage and return their names, in the same order, once all of them are durable.

    Call it right before the transaction that inserts their rows, outside of any transaction. It is idempotent: a
    file that is there already stays, and calling it again after a crash, with the same drafts, completes the first
    call. The drafts are gone afterwards.

    Args:
        storage: an ``ImageStorage``, where a batch costs two calls of ``syncfs``, or any other Django storage, which
            is handed the files one by one, eight at once.
        drafts: each a file whose bytes have this sha256 (64 lower-case hexadecimal digits).

    Raises:
        ValueError: a digest is malformed; nothing has been stored.
        OSError: the storage failed; some files may be stored, none of the batch may be relied upon.
    """
    pairs = list(drafts)
    if isinstance(storage, ImageStorage):
        return storage.adopt_batch(pairs)
    keys = [image_key(sha256) for _, sha256 in pairs]
    with ThreadPoolExecutor(max_workers=_UPLOADS_AT_ONCE) as pool:
        # One upload per name, though the same bytes may come twice in a batch.
        uploads = dict(zip(keys, (draft for draft, _ in pairs), strict=True))
        for _ in pool.map(lambda item: _upload(storage, *item), uploads.items()):
            pass
    for draft, _ in pairs:
        draft.unlink(missing_ok=True)
    return keys


def _upload(storage: Storage, key: str, draft: Path) -> None:
    if storage.exists(key):
        return
    with draft.open("rb") as file:
        saved = storage.save(key, File(file))
    if saved != key:  # Another process was first, and this storage never overwrites.
        storage.delete(saved)
