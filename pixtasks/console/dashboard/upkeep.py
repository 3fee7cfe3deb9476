"""What stands still for longer: storage, the next scheduled runs, and what the doctor said last."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import DatabaseError, connection
from django.db.models import Sum
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from jobs.fetch.storage import images_storage
from jobs.handlers import SweepFiles
from pixtasks.common.errors import InvalidInput
from pixtasks.doctor.handler import Doctor
from tasktypes.models import Measure, Task, Throughput
from tasktypes.services import throughput
from tasktypes.services.cron import Cron, cron_of
from tasktypes.services.schedules import SUBMIT_SCHEDULED, arguments
from tasktypes.states import State

RUNS_SHOWN: Final = 6
FINDINGS_SHOWN: Final = 3
SCHEDULES_READ: Final = 1000
LOW_DISK: Final = 0.1
"""Share of the disk below which its free space is shown as a warning."""


@dataclass(frozen=True, slots=True)
class Storage:
    """What the images take, in bytes, and what is left.

    Attributes:
        files, bytes: of the images' files when they were last gone through.
        measured_at: when that was; None where it has not been done yet, and all that is known came since.
        new_files, new_bytes: of the images stored since, a file that was there before counted again.
        database: bytes of the database; None where it does not tell.
        free, disk: bytes of the disk that holds the images, or the data folder where they are somewhere else.
    """

    files: int
    bytes: int
    measured_at: datetime | None
    new_files: int
    new_bytes: int
    database: int | None
    free: int
    disk: int

    @property
    def used_files(self) -> int:
        """Files as far as is known now."""
        return self.files + self.new_files

    @property
    def used(self) -> int:
        """Bytes as far as is known now."""
        return self.bytes + self.new_bytes

    @property
    def full(self) -> bool:
        """Whether the disk is nearly full."""
        return self.free < LOW_DISK * self.disk


@dataclass(frozen=True, slots=True)
class NextRun:
    """A schedule that is switched on: when it runs next, and that in words."""

    id: int
    name: str
    what: str
    words: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Runs:
    """The next runs, and how many schedules there are beside them."""

    next: list[NextRun]
    further: int


@dataclass(frozen=True, slots=True)
class Said:
    """What the doctor said when it last went through its checks."""

    task: int
    at: datetime | None
    status: str
    findings: list[tuple[str, str, str]]
    """Title, level and message of each finding that is not ok, the worst first."""

    @property
    def shown(self) -> list[tuple[str, str, str]]:
        """The worst ones."""
        return self.findings[:FINDINGS_SHOWN]

    @property
    def further(self) -> int:
        """How many there are beside them."""
        return len(self.findings) - len(self.shown)


def storage() -> Storage:
    """Return what is used; no folder is walked: the hourly sweep has added it up, and new images are added to that."""
    swept = _latest_result(SweepFiles.name, having="bytes")
    since = swept[1] if swept else None
    new = Throughput.objects.filter(span__in=(0, 1, throughput.QUARTER), measure__in=[Measure.STORED, Measure.BYTES])
    if since is not None:
        new = new.filter(begins_at__gte=throughput.floor(since, 1))
    added = dict(new.order_by().values_list("measure").annotate(Sum("amount")))
    result = swept[2] if swept else {}
    disk = shutil.disk_usage(_folder())
    return Storage(
        files=int(result.get("used", 0)),
        bytes=int(result.get("bytes", 0)),
        measured_at=since,
        new_files=int(added.get(Measure.STORED, 0)),
        new_bytes=int(added.get(Measure.BYTES, 0)),
        database=_database_size(),
        free=disk.free,
        disk=disk.total,
    )


def next_runs() -> Runs:
    """Return what the scheduler will start next, the soonest first."""
    schedules = PeriodicTask.objects.filter(enabled=True).select_related("crontab", "interval", "clocked", "solar")
    found = [run for row in schedules.order_by("pk")[:SCHEDULES_READ] if (run := _next(row)) is not None]
    found.sort(key=lambda run: (run.at, run.name))
    return Runs(found[:RUNS_SHOWN], max(0, len(found) - RUNS_SHOWN))


def doctor() -> Said | None:
    """Return what the hourly examination found last; None where there was none yet."""
    latest = _latest_result(Doctor.name, having="checks")
    if latest is None:
        return None
    pk, at, result = latest
    findings = [
        (str(one.get("title", "")), str(one.get("status", "")), str(one.get("message", "")))
        for one in result["checks"]
        if isinstance(one, Mapping) and one.get("status") in ("warning", "error")
    ]
    findings.sort(key=lambda finding: finding[1] != "error")
    return Said(pk, at, str(result.get("status", "")), findings)


def _latest_result(type_name: str, *, having: str) -> tuple[int, datetime | None, dict[str, Any]] | None:
    rows = Task.objects.filter(type_name=type_name, status=State.COMPLETED).order_by("-id")
    row = rows.values_list("id", "completed_at", "result").first()
    if row is None or not isinstance(row[2], dict) or having not in row[2]:
        return None
    return row[0], row[1], row[2]


def _folder() -> Path:
    images = images_storage()
    folder = Path(images.location) if isinstance(images, FileSystemStorage) else Path(settings.DATA_DIR)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _database_size() -> int | None:
    try:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute("SELECT pg_database_size(current_database())")
            else:
                cursor.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()")
            return int(cursor.fetchone()[0])
    except DatabaseError:
        return None


def _next(row: PeriodicTask) -> NextRun | None:
    """Return when a schedule runs next; None where it never does."""
    now = timezone.now()
    words = str(row.scheduler)
    at: datetime | None = None
    if row.crontab is not None:
        cron = cron_of(row.crontab)
        words, at = cron.words, _next_time(cron, now.replace(second=0, microsecond=0))
    elif row.interval is not None:
        # The scheduler counts from the last run, and starts what has never run at once.
        at = max(now, row.last_run_at + row.interval.schedule.run_every) if row.last_run_at else now
    elif row.clocked is not None:
        at = row.clocked.clocked_time if not row.last_run_at else None
    elif row.solar is not None:
        at = now + row.schedule.remaining_estimate(row.last_run_at or now)
    if at is None or (row.expires is not None and row.expires <= now):
        return None
    if row.start_time is not None and row.start_time > at:
        at = row.start_time
    name, handler = (*arguments(row), "", "")[:2] if row.task == SUBMIT_SCHEDULED else ("", row.task)
    return NextRun(row.pk, row.name or str(name), str(handler), words, at)


@lru_cache(maxsize=4096)
def _next_time(cron: Cron, minute: datetime) -> datetime | None:
    """Return when an expression is next due after a full minute; the page asks for the same ones again and again."""
    try:
        return next(iter(cron.next_times(1, after=minute)), None)
    except (InvalidInput, OverflowError):
        return None
