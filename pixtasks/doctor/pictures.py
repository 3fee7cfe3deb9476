"""Image datasets: counters of jobs, room and rights of the storage, missing and orphaned files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db import connection

from jobs.fetch.storage import images_storage
from jobs.services.files import missing_files, sweep_files, unused_files
from jobs.services.recount import job_mismatches, recount_job
from pixtasks.common.checkup import Check, Finding, error, ok, register, warning
from pixtasks.common.screen import counted, size
from pixtasks.doctor.ledger import RECENT_DAYS
from tasktypes.handlers import Context

LITTLE_ROOM = 2_000_000_000
NO_ROOM = 200_000_000
"""Bytes."""
_OLD = timedelta(hours=3)
"""The hourly sweep drops what is older than an hour."""
_NEWEST = 200
_NAMED = 3
_KEPT = 100


@register
class JobsCheck(Check):
    """The counters of crawl jobs."""

    name = "jobs"
    title = "Counters of jobs"
    place = 42

    def examine(self, *, deep: bool) -> Finding:
        """Compare the counters with chunks and image rows."""
        found = list(job_mismatches(days=None if deep else RECENT_DAYS))
        if found:
            jobs = ", ".join(str(one.job_id) for one in found[:_NAMED])
            return error(
                f"The counters of {counted(len(found), 'job')} differ from the stored images (job {jobs}). Please "
                'report it with the log of that time; "manage.py doctor --fix" counts again.',
                jobs=[{"job": one.job_id, "counters": one.counters, "counted": one.counted} for one in found[:_KEPT]],
            )
        which = "all jobs" if deep else f"the jobs of the last {RECENT_DAYS} days"
        return ok(f"The counters of {which} fit.")

    def mend(self, *, deep: bool) -> list[str]:
        """Count again, one job after the other."""
        found = list(job_mismatches(days=None if deep else RECENT_DAYS))
        mended = [recount_job(one.job_id, fix=True) for one in found]
        return [f"Job {one.job_id}: {one.counters} became {one.counted}." for one in mended if one is not None]


@register
class StorageCheck(Check):
    """Where files are written."""

    name = "storage"
    title = "Storage"
    place = 60
    needs_database = False

    def examine(self, *, deep: bool) -> Finding:
        """Write something and take it away again, and look how much room is left."""
        storage = images_storage()
        try:
            for folder in _folders():
                _write_into(folder)
            if not isinstance(storage, FileSystemStorage):
                storage.delete(storage.save("doctor-was-here", ContentFile(b"doctor")))
        except OSError as fault:
            return error(
                f"{fault.filename or 'The image storage'} cannot be written ({fault.strerror or fault}): images cannot "
                "be stored. Give its owner the right, or mend the disk."
            )
        room = {str(folder): _room(folder) for folder in _folders()}
        where, least = min(room.items(), key=lambda pair: pair[1])
        facts = {"free_bytes": least}
        if least < NO_ROOM:
            return error(f"{where} has only {size(least)} of room left: make room before anything is lost.", **facts)
        if least < LITTLE_ROOM:
            return warning(f"{where} has {size(least)} of room left: make room soon.", **facts)
        return ok(f"Files can be written; {size(least)} of room left.", **facts)


def _folders() -> Iterator[Path]:
    """Yield the local folders that the product writes into."""
    storage = images_storage()
    folders = [Path(settings.DATA_DIR)]
    if isinstance(storage, FileSystemStorage):
        folders.append(Path(storage.location))
    if connection.vendor == "sqlite":
        folders.append(Path(str(connection.settings_dict["NAME"])).parent)
    for folder in dict.fromkeys(folders):
        if folder.exists() or folder == Path(settings.DATA_DIR):  # The others come with the first file.
            yield folder


def _write_into(folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"doctor")
            file.flush()
            os.fsync(file.fileno())
    except OSError as fault:
        raise OSError(fault.errno, fault.strerror, str(folder)) from fault


def _room(folder: Path) -> int:
    facts = os.statvfs(folder)
    return facts.f_bavail * facts.f_frsize


@register
class MissingFilesCheck(Check):
    """Image rows whose file is not there."""

    name = "missing_files"
    title = "Files of images"
    place = 61

    def examine(self, *, deep: bool) -> Finding:
        """Look for the file of every row; of a remote storage at the newest only, unless ``deep``."""
        newest = None if deep or isinstance(images_storage(), FileSystemStorage) else _NEWEST
        found = list(missing_files(deep=deep, newest=newest))
        if found:
            shown = ", ".join(f"{sha256[:12]}… {fault}" for sha256, fault in found[:_NAMED])
            are = "is" if len(found) == 1 else "are"
            return error(
                f"{counted(len(found), 'file')} of images {are} not as stored ({shown}). "
                "Copy them from a backup (images/ab/cd/<sha256>), or delete their jobs and crawl again.",
                number=len(found),
                files=[{"sha256": sha256, "fault": fault} for sha256, fault in found[:_KEPT]],
            )
        which = f"the newest {_NEWEST} images" if newest else "all images"
        return ok(f"The files of {which} are there{' and unchanged' if deep else ''}.", number=0)


@register
class OrphanedFilesCheck(Check):
    """Files that no image row names."""

    name = "orphaned_files"
    title = "Unused files"
    place = 62

    def examine(self, *, deep: bool) -> Finding:
        """Look for old files without a row; in a remote storage only if ``deep``."""
        if not deep and not isinstance(images_storage(), FileSystemStorage):
            return ok("Not looked for in a remote storage; --deep does.")
        number, total = 0, 0
        for _, length in unused_files(older_than=_OLD):
            number += 1
            total += length
        if number:
            return warning(
                f"{counted(number, 'file')} ({size(total)}) that no image names: the hourly sweep should have dropped "
                'them; see that the scheduler runs. "manage.py doctor --fix" sweeps now.',
                number=number, bytes=total,
            )  # fmt: skip
        return ok("No old file is unused.", number=0, bytes=0)

    def mend(self, *, deep: bool) -> list[str]:
        """Sweep, as the hourly task does."""
        dropped = sweep_files(cast(Context, _Unheard()))["dropped"]
        return [f"{counted(dropped, 'unused file')} {'was' if dropped == 1 else 'were'} dropped."] if dropped else []


class _Unheard:
    """What the sweep reports to where no task runs it."""

    def progress(self, progress: dict[str, Any]) -> None:
        """Hear and forget."""
