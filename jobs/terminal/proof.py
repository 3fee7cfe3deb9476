"""Is what was promised really there? Rows against files, files against their digests, counters against rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from django.core.files.storage import FileSystemStorage, Storage

from jobs.fetch.storage import image_key, images_storage
from jobs.models import FetchFailure, Image
from jobs.terminal.figures import JobFigures
from pixtasks.common.screen import counted

_CHUNK = 1 << 20
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One promise: whether it holds, and the sentence that says so or says what does not."""

    ok: bool
    sentence: str

    def as_dict(self) -> dict[str, object]:
        """Return what ``--json`` prints."""
        return {"ok": self.ok, "check": self.sentence}


def prove(figures: JobFigures) -> list[Check]:
    """Check a job that has ended: every file is read again."""
    return [_files(figures), _counters(figures), *([_verdicts(figures)] if figures.validation is not None else [])]


def example_keys(figures: JobFigures, number: int = _NAMED) -> list[str]:
    """Return the storage names of some of a job's images."""
    return list(Image.objects.filter(job=figures.job).order_by("pk").values_list("key", flat=True)[:number])


def images_folder() -> Path | None:
    """Return the folder of the image files; None where they lie in a storage of another kind."""
    storage = images_storage()
    return Path(storage.location) if isinstance(storage, FileSystemStorage) else None


def _files(figures: JobFigures) -> Check:
    storage = images_storage()
    wrong = [
        key
        for sha256, key, size in Image.objects.filter(job=figures.job)
        .order_by("pk")
        .values_list("sha256", "key", "bytes")
        .iterator()
        if not _is_whole(storage, sha256, key, size)
    ]
    if wrong:
        named = ", ".join(wrong[:_NAMED])
        return Check(False, f"{counted(len(wrong), 'file')} missing or with other bytes than their name says: {named}")
    if not figures.rows:
        return Check(False, "there is no image at all")
    return Check(
        True, f"{counted(figures.rows, 'row')}, and for each a file whose name is the sha256 of its bytes (all hashed)"
    )


def _is_whole(storage: Storage, sha256: str, key: str, size: int) -> bool:
    digest = hashlib.sha256()
    try:
        with storage.open(key, "rb") as file:
            while block := file.read(_CHUNK):
                digest.update(block)
                size -= len(block)
    except OSError:
        return False
    return size == 0 and digest.hexdigest() == sha256 and key == image_key(sha256)


def _counters(figures: JobFigures) -> Check:
    job = figures.job
    failures = FetchFailure.objects.filter(chunk__job=job)
    pairs = {
        "images": (job.images, figures.rows),
        "images of the chunks": (figures.stored, figures.rows),
        "duplicates": (job.duplicates, failures.filter(outcome="duplicate").count()),
        "failures": (sum(figures.failed.values()), failures.exclude(outcome="duplicate").count()),
        "outcomes": (sum(job.outcomes.values()), figures.found),
    }
    wrong = [
        f"{name}: counted {counter:,}, rows {rows:,}" for name, (counter, rows) in pairs.items() if counter != rows
    ]
    if wrong:
        return Check(False, f"counters differ from rows; {'; '.join(wrong)}")
    return Check(True, f"{counted(figures.found, 'candidate')} found, each with one recorded outcome; counters = rows")


def _verdicts(figures: JobFigures) -> Check:
    validation = figures.validation
    assert validation is not None
    valid, invalid = (Image.objects.filter(job=figures.job, is_valid=verdict).count() for verdict in (True, False))
    if validation.unchecked or (valid, invalid) != (validation.valid, validation.invalid):
        return Check(
            False,
            f"{validation.unchecked:,} images without a verdict; counted {validation.valid:,} valid and "
            f"{validation.invalid:,} invalid, rows {valid:,} and {invalid:,}",
        )
    return Check(True, f"a verdict for every image: {valid:,} valid, {invalid:,} invalid")
