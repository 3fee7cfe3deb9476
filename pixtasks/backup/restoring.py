"""Restoring a backup of the embedded profile into a data folder that nobody serves."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from jobs.fetch.durable import sync_names
from pixtasks.backup.embedded import Places, places
from pixtasks.backup.manifest import (
    DATABASE,
    IMAGES,
    MEDIA,
    SECRETS,
    SIGN_IN,
    BadBackup,
    Manifest,
    Progress,
    Unreadable,
    copy_private,
    files_below,
)
from pixtasks.common.errors import Conflict, RuleViolation
from pixtasks.common.running import AlreadyRunning, only_up
from pixtasks.common.screen import counted
from pixtasks.doctor.examination import Report, examine
from pixtasks.installation import migrate
from pixtasks.settings.celery import celery_settings

_LOCKS = {"up.lock", "migrate.lock"}
_STAGE = ".restoring"
_SILENCE = 4


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored.

    Args:
        aside: the folder where what was there before lies now; None where there was nothing.
        report: how the installation is, at rest.
    """

    manifest: Manifest
    aside: Path | None
    report: Report


def restore_backup(source: Path, *, force: bool = False, progress: Progress) -> Restored:
    """Put a backup in the place of this installation's data, bring its tables up to date, and examine it.

    Args:
        source: a folder that :func:`pixtasks.backup.making.make_backup` has made; it stays as it is.
        force: move what the data folder holds aside, instead of refusing.
        progress: hears what is being done; what it raises ends the restore, before anything has its place.

    Raises:
        BadBackup: the backup is damaged or of a newer version.
        Conflict: the installation runs.
        RuleViolation: the data folder holds data, or this is not the embedded profile.
        OSError: the disk did not take it.
    """
    here = places()
    source = source.absolute()
    manifest = Manifest.read(source)
    _check_version(manifest)
    manifest.verify(source, progress)
    stage = here.data / _STAGE
    try:
        with only_up():
            _check_workers(here)
            held = _held(here)
            if held and not force:
                raise RuleViolation(
                    f"{here.data} holds data already ({', '.join(held)}). Set PIXTASKS_DATA_DIR to an empty folder, or "
                    "use --force, which moves what is there aside and removes nothing."
                )
            shutil.rmtree(stage, ignore_errors=True)  # Of a restore that was killed.
            try:
                _copy(source, stage, manifest, progress)
                connections.close_all()
                aside = _move_aside(here) if held else None
                _put_in_place(stage, here)
                # The folders of the filesystem broker were made at this process's start, and are aside now.
                celery_settings(redis_url=settings.REDIS_URL, broker_folder=here.data / "broker")
            finally:
                shutil.rmtree(stage, ignore_errors=True)
            progress("Bringing the tables up to date", 0, 1)
            migrate()
            progress("Looking whether all is well", 0, 1)
            return Restored(manifest, aside, examine(at_rest=True))
    except AlreadyRunning as error:
        raise Conflict(
            f'"manage.py up" runs on the data folder {here.data}. Stop it first: a restore replaces everything.'
        ) from error


def _check_version(manifest: Manifest) -> None:
    loader = MigrationLoader(None)
    apps = {app for app, _ in loader.disk_migrations}
    known = {f"{app}.{name}" for app, name in loader.disk_migrations}
    known |= {f"{app}.{name}" for one in loader.disk_migrations.values() for app, name in one.replaces}
    newer = [name for name in manifest.migrations if name.split(".")[0] in apps and name not in known]
    if newer:
        raise BadBackup(
            f"The backup was made by a newer version ({manifest.version}, with {counted(len(newer), 'migration')} that "
            f"this one does not know, such as {newer[0]}): restore it with that version."
        )


def _check_workers(here: Places) -> None:
    """Refuse where somebody who was started by hand works on the database.

    Raises:
        Conflict: a worker, dispatcher or scheduler was heard of lately.
    """
    if not here.database.exists() or not here.database.stat().st_size:
        return
    silence = f"-{_SILENCE * settings.PIXTASKS_WORKER_BEAT_SECONDS} seconds"
    names: list[str] = []
    with contextlib.closing(sqlite3.connect(here.database, timeout=5)) as connection:
        for table in ("tasktypes_worker", "tasktypes_process"):
            with contextlib.suppress(sqlite3.DatabaseError):  # Damaged, or of a version without that table.
                names += [
                    name
                    for (name,) in connection.execute(
                        f"SELECT name FROM {table} WHERE stopped_at IS NULL AND heartbeat_at > datetime('now', ?)",  # noqa: S608
                        [silence],
                    )
                ]
    if names:
        raise Conflict(
            f"{', '.join(sorted(names))} still works on {here.database}, or was killed less than "
            f"{_SILENCE * settings.PIXTASKS_WORKER_BEAT_SECONDS:g} s ago. Stop it first."
        )


def _held(here: Places) -> list[str]:
    """Return what of an installation's data is there; keys alone, as every command makes them, are no data."""
    held = []
    if here.database.exists() and here.database.stat().st_size:
        held.append(here.database.name)
    for name, folder in ((IMAGES, here.images), (MEDIA, here.media)):
        if any(not path.name.startswith(".") for path in files_below(folder)):
            held.append(name)
    return held


def _copy(source: Path, stage: Path, manifest: Manifest, progress: Progress) -> None:
    """Copy the backup's files beside their places, and compare what was copied.

    Raises:
        BadBackup: a file changed meanwhile.
    """
    stage.mkdir(mode=0o700)
    for number, (name, facts) in enumerate(manifest.files.items()):
        progress("Copying", number, len(manifest.files))
        target = stage / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            same = copy_private(source / name, target) == facts
        except Unreadable as error:
            raise BadBackup(f"{source / name} cannot be read any more: {error}.") from error
        if not same:
            raise BadBackup(f"{source / name} changed while it was copied.")
    progress("Copying", len(manifest.files), len(manifest.files))
    sync_names(map(str, files_below(stage)), str(stage))


def _move_aside(here: Places) -> Path:
    """Move everything but the locks into a folder beside the data folder, and return that."""
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")
    aside = here.data.with_name(f"{here.data.name}.before-restore-{stamp}")
    aside.mkdir(mode=0o700)
    for path in sorted(here.data.iterdir()):
        if path.name not in _LOCKS and path.name != _STAGE:
            path.rename(aside / path.name)
    # Where settings put them elsewhere than into the data folder.
    for path in (*_database_files(here), here.images, here.media):
        if path.exists():
            shutil.move(path, aside / path.name)
    return aside


def _database_files(here: Places) -> list[Path]:
    return [here.database, *(here.database.with_name(f"{here.database.name}{end}") for end in ("-wal", "-shm"))]


def _put_in_place(stage: Path, here: Places) -> None:
    """Rename what was copied to its places, the database last: without it nothing is there."""
    for name, place in ((IMAGES, here.images), (MEDIA, here.media), (SECRETS, here.secrets)):
        shutil.rmtree(place, ignore_errors=True)  # Empty, but for locks, drafts and keys that nothing was made with.
        if (stage / name).exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(stage / name, place)
    for name, place in ((SIGN_IN, here.data / SIGN_IN), (DATABASE, here.database)):
        if name == DATABASE:
            for path in _database_files(here):
                path.unlink(missing_ok=True)
        if (stage / name).exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(stage / name, place)
    sync_names((str(here.database),), str(here.data))
