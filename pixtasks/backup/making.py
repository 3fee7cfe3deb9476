"""Making a backup of the embedded profile while it runs.

The order is what makes it consistent: the files are held in place, then the database is copied at one moment, then the
files that the copied rows name. A file is durable before its row is committed, so each one is there; its name is its
digest, so it cannot be half-written. What is still running in the copy has a lease that is over when it is restored.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from jobs.fetch.durable import sync_names
from jobs.fetch.keeping import storing
from jobs.fetch.storage import image_key, images_storage
from pixtasks import __version__
from pixtasks.backup.embedded import Places, places
from pixtasks.backup.manifest import (
    DATABASE,
    IMAGES,
    MEDIA,
    SECRETS,
    SIGN_IN,
    BadBackup,
    FileFacts,
    Manifest,
    Progress,
    Unreadable,
    copy_private,
    facts_of,
    files_below,
)
from pixtasks.common.errors import RuleViolation


@dataclass(frozen=True, slots=True)
class Made:
    """What was made.

    Args:
        linked: files that share their bytes with the installation or with the previous backup.
        copied: files that have bytes of their own.
    """

    folder: Path
    manifest: Manifest
    linked: int
    copied: int


class _Filling:
    """Puts files into the folder of a backup that is being made."""

    def __init__(self, folder: Path, *, previous: Path | None, copy: bool) -> None:
        self.folder = folder
        self.previous = previous
        self.known = Manifest.read(previous).files if previous is not None else {}
        self.copy = copy
        self.files: dict[str, FileFacts] = {}
        self.missing: dict[str, str] = {}
        self.linked = self.copied = 0

    def add(self, source: Path, name: str) -> None:
        """Copy a small file."""
        (self.folder / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.files[name] = copy_private(source, self.folder / name)
        self.copied += 1

    def add_image(self, images: Path, sha256: str) -> None:
        """Take an image from the previous backup, or from the installation; note it where it is not as stored."""
        key = image_key(sha256)
        name = f"{IMAGES}/{key}"
        target = self.folder / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._from_previous(name, target):
            return
        try:
            facts = self._place(images / key, target)
        except Unreadable as error:
            self.missing[sha256] = str(error)
            return
        if facts.sha256 != sha256:
            target.unlink()
            self.missing[sha256] = "the file holds other bytes than were stored"
            return
        self.files[name] = facts

    def _from_previous(self, name: str, target: Path) -> bool:
        facts = self.known.get(name)
        if self.previous is None or facts is None:
            return False
        try:
            if (self.previous / name).stat().st_size != facts.bytes:
                return False
            os.link(self.previous / name, target)
        except OSError:  # On another file system, say: then the installation's own file is taken.
            return False
        self.files[name] = facts
        self.linked += 1
        return True

    def _place(self, source: Path, target: Path) -> FileFacts:
        """Link or copy a file, and read it either way: a backup of damaged bytes is none.

        Raises:
            Unreadable: it cannot be read.
            OSError: it cannot be written.
        """
        if not self.copy and _linked(source, target):
            self.linked += 1
            try:
                return facts_of(target)
            except OSError as error:
                target.unlink()
                raise Unreadable(error.strerror or str(error)) from error
        facts = copy_private(source, target)
        self.copied += 1
        return facts


def _linked(source: Path, target: Path) -> bool:
    """Give a file a second name; say whether that was possible (it is not on another file system, say)."""
    try:
        os.link(source, target)
    except OSError:
        return False
    return True


def make_backup(target: Path, *, previous: Path | None = None, copy: bool = False, progress: Progress) -> Made:
    """Back the installation up into a folder, which appears complete or not at all.

    Args:
        target: a folder that does not exist or is empty.
        previous: an earlier backup; images that it has are linked to, where both lie on one file system.
        copy: give every image bytes of its own, instead of links to the installation's files where that is possible.
        progress: hears what is being done; what it raises ends the backup, and nothing of it stays.

    Raises:
        RuleViolation: the target or the previous backup cannot be used, or this is not the embedded profile.
        OSError: the disk did not take it.
    """
    here = places()
    target = target.absolute()
    _check_target(target, here)
    if not here.database.is_file():
        raise RuleViolation(f"There is nothing to back up: {here.database} does not exist.")
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.parent / f".{target.name}.partial-{secrets.token_hex(4)}"
    filling = _Filling(partial, previous=previous.absolute() if previous is not None else None, copy=copy)
    partial.mkdir(mode=0o700)
    try:
        # Until the last file is taken, the sweep of files that no row names has to wait.
        with storing(images_storage()):
            progress("Copying the database", 0, 1)
            made_at = datetime.now(UTC)
            _copy_database(here.database, partial / DATABASE)
            filling.files[DATABASE] = facts_of(partial / DATABASE)
            filling.copied += 1
            rows, migrations, digests = _read(partial / DATABASE)
            for number, digest in enumerate(digests):
                progress("Taking image files", number, len(digests))
                filling.add_image(here.images, digest)
            progress("Taking image files", len(digests), len(digests))
        _add_others(filling, here)
        manifest = Manifest(
            version=__version__,
            made_at=made_at.isoformat(timespec="milliseconds"),
            migrations=migrations,
            rows=rows,
            files=dict(sorted(filling.files.items())),
            missing=filling.missing,
        )
        manifest.write(partial)
        sync_names(map(str, files_below(partial)), str(partial))
        partial.rename(target)  # Onto an empty folder, too.
        sync_names((str(target),), str(target.parent))
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return Made(target, manifest, filling.linked, filling.copied)


def _check_target(target: Path, here: Places) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RuleViolation(f"{target} is not empty: name a folder that does not exist yet.")
    for folder in (here.data, here.images, here.media):
        if target.resolve().is_relative_to(folder.resolve()):
            raise RuleViolation(f"{target} lies inside of {folder}, which is to be backed up: name a folder elsewhere.")


def _copy_database(source: Path, target: Path) -> None:
    """Copy SQLite's file at one moment: in a single step, which writers need not wait for and cannot start again.

    Raises:
        RuleViolation: SQLite could not copy it.
        BadBackup: the copy is not whole.
    """
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with (
            contextlib.closing(sqlite3.connect(source, timeout=60)) as reading,
            contextlib.closing(sqlite3.connect(target)) as writing,
        ):
            reading.backup(writing, pages=-1)
            writing.execute("PRAGMA journal_mode=DELETE")  # One file, without a log beside it.
            faults = [row[0] for row in writing.execute("PRAGMA quick_check(3)") if row[0] != "ok"]
    except sqlite3.Error as error:
        raise RuleViolation(
            f"The backup was not made: SQLite could not copy the database ({error}). See that there is room for it."
        ) from error
    if faults:
        raise BadBackup(f'The database is damaged ({"; ".join(faults)}): see "manage.py doctor --deep".')


def _read(database: Path) -> tuple[dict[str, int], list[str], list[str]]:
    """Return the number of rows by table, the migrations and the digests of the images of a copied database."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)) as connection:
        return (
            count_rows(connection),
            [
                f"{app}.{name}"
                for app, name in connection.execute("SELECT app, name FROM django_migrations ORDER BY id")
            ],
            [row[0] for row in connection.execute("SELECT DISTINCT sha256 FROM jobs_image ORDER BY sha256")],
        )


def count_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """Return the number of rows of every table."""
    tables = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
    ).fetchall()
    return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables}  # noqa: S608


def _add_others(filling: _Filling, here: Places) -> None:
    for path in files_below(here.media):
        filling.add(path, f"{MEDIA}/{path.relative_to(here.media).as_posix()}")
    for path in files_below(here.secrets):
        if not path.name.startswith("."):  # A draft of one that is just being made.
            filling.add(path, f"{SECRETS}/{path.name}")
    if (here.data / SIGN_IN).is_file():
        filling.add(here.data / SIGN_IN, SIGN_IN)
