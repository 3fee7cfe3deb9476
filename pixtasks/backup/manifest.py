"""What a backup holds: every file with its digest, every table with its number of rows."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pixtasks.common.errors import RuleViolation
from pixtasks.common.screen import counted

MANIFEST = "manifest.json"
DATABASE = "database.sqlite3"
IMAGES = "images"
MEDIA = "media"
SECRETS = "secrets"
SIGN_IN = "first-sign-in.txt"
FORMAT = 1

Progress = Callable[[str, int, int], None]
"""Hears what is being done, how much of it is done, and of how much."""


class BadBackup(RuleViolation):
    """This is no complete backup."""


class Unreadable(Exception):
    """A file that is to be backed up cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """A file as it was backed up."""

    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup's list of contents.

    Args:
        version: of the product that made it.
        made_at: when the database was copied, ISO 8601.
        migrations: those that its database has, ``app.name``.
        rows: number of rows by table.
        files: by path below the backup's folder, with ``/``.
        missing: digests of images whose file was missing or damaged when the backup was made, and why.
    """

    version: str
    made_at: str
    migrations: list[str]
    rows: dict[str, int]
    files: dict[str, FileFacts] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """How large it is."""
        return sum(facts.bytes for facts in self.files.values())

    def write(self, folder: Path) -> None:
        """Write it into a backup's folder."""
        body: dict[str, Any] = {"format": FORMAT, "product": "pixtasks", **asdict(self)}
        write_private(folder / MANIFEST, json.dumps(body, indent=1, ensure_ascii=False).encode())

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Read a backup's manifest.

        Raises:
            BadBackup: there is none, or it is not of this format.
        """
        path = folder / MANIFEST
        try:
            body = json.loads(path.read_bytes())
            if body.pop("product") != "pixtasks" or body.pop("format") != FORMAT:
                raise BadBackup(f"{path} is of another product or of another format than {FORMAT}.")
            files = {name: FileFacts(**facts) for name, facts in body.pop("files").items()}
            manifest = cls(files=files, **body)
        except OSError as error:
            raise BadBackup(
                f"{folder} holds no backup: {MANIFEST} cannot be read ({error.strerror}). "
                'Name a folder that "manage.py backup" has made.'
            ) from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadBackup(f"{path} is damaged: {error}. Use another backup.") from error
        for name in manifest.files:
            parts = PurePosixPath(name).parts
            if PurePosixPath(name).is_absolute() or ".." in parts or not parts:
                raise BadBackup(f"{path} names a file outside of the backup: {name!r}. Do not use it.")
        if DATABASE not in manifest.files:
            raise BadBackup(f"{path} names no database. Use another backup.")
        return manifest

    def verify(self, folder: Path, progress: Progress) -> None:
        """Read every file and compare it with what is written here.

        Raises:
            BadBackup: a file is missing or was changed.
        """
        faults = []
        for number, (name, facts) in enumerate(self.files.items()):
            progress("Verifying", number, len(self.files))
            fault = _fault(folder / name, facts)
            if fault:
                faults.append(f"{name} {fault}")
        progress("Verifying", len(self.files), len(self.files))
        if faults:
            more = f" and {counted(len(faults) - 3, 'more file')}" if len(faults) > 3 else ""
            raise BadBackup(f"The backup {folder} is damaged: {'; '.join(faults[:3])}{more}. Use another backup.")


def _fault(path: Path, facts: FileFacts) -> str:
    try:
        mode = path.lstat()
        if not stat.S_ISREG(mode.st_mode):
            return "is no ordinary file"
        if mode.st_size != facts.bytes:
            return f"has {mode.st_size} bytes instead of {facts.bytes}"
        return "" if facts_of(path) == facts else "holds other bytes than were backed up"
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def facts_of(path: Path) -> FileFacts:
    """Return digest and size of a file.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileFacts(digest, file.tell())


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that its owner alone can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def copy_private(source: Path, target: Path) -> FileFacts:
    """Copy a file so that its owner alone can read the copy; return the facts of what was copied.

    Raises:
        Unreadable: the source cannot be read; there is no copy.
        OSError: the copy cannot be written.
    """
    digest, length = hashlib.sha256(), 0
    try:
        reader = source.open("rb", buffering=0)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    with reader, os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as writer:
        while True:
            try:
                block = reader.read(1_000_000)
            except OSError as error:
                target.unlink()
                raise Unreadable(error.strerror or str(error)) from error
            if not block:
                return FileFacts(digest.hexdigest(), length)
            digest.update(block)
            length += len(block)
            writer.write(block)


def files_below(folder: Path) -> Iterable[Path]:
    """Yield the ordinary files below a folder, in order; nothing where there is no folder."""
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
