"""What a job brought, to take away: a list with source and licence of every image, and the files themselves.

Everything is made page by page, so a job of a million images costs no more memory than one of a hundred.
"""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from collections.abc import Container, Iterator
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.text import slugify

from jobs.models import Image
from jobs.services.dataset import label_of
from jobs.services.pictures import FileGone, read_file
from pixtasks.common.json import dump_json

COLUMNS: Final = (
    "image_id", "file_name", "label", "keyword", "engine", "backend", "source_url", "page_url", "title", "creator",
    "creator_url", "license", "license_version", "license_url", "attribution", "width", "height", "format", "bytes",
    "sha256", "is_valid", "issues", "decision", "fetched_at", "job_id",
    "query", "external_id", "tags",
)  # fmt: skip
_SAME: Final = COLUMNS[COLUMNS.index("keyword") : COLUMNS.index("issues")]
CSV_TYPE: Final = "text/csv; charset=utf-8"
JSONL_TYPE: Final = "application/jsonl"
ZIP_TYPE: Final = "application/zip"
_PAGE: Final = 500
_PIECE: Final = 256 * 1024
# A spreadsheet takes a text that begins so for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
# Names that Windows gives no file.
_RESERVED: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
)
_LONGEST_FOLDER: Final = 80


def records(images: QuerySet[Image], *, without: Container[int] = ()) -> Iterator[dict[str, Any]]:
    """Return what is known of each image, by the names in ``COLUMNS``, in the order of their ids.

    Args:
        images: their ordering is replaced.
        without: ids of images whose file is not there; their ``file_name`` is empty.
    """
    for image in paged(images):
        yield {
            "image_id": image.pk,
            "file_name": "" if image.pk in without else file_name(image),
            "label": label_of(image),
            **{name: getattr(image, name) for name in _SAME},
            "issues": sorted({issue.kind for issue in image.issues.all()}),
            "decision": image.decision,
            "fetched_at": image.fetched_at,
            "job_id": image.job_id,
            "query": image.query or image.keyword,
            "external_id": image.external_id,
            "tags": image.tags,
        }


_NOT_HASHED: Final = frozenset({"image_id", "job_id", "fetched_at"})


def manifest_hash(images: QuerySet[Image]) -> str:
    """Return the sha256 of what a job brought, whenever and in whichever order it was stored.

    The same images with the same facts, found at the same places, have the same hash; ids and times do not count.
    """
    lines = sorted(
        hashlib.sha256(dump_json({name: value for name, value in record.items() if name not in _NOT_HASHED})).digest()
        for record in records(images)
    )
    return hashlib.sha256(b"".join(lines)).hexdigest()


def file_name(image: Image) -> str:
    """Return the path of an image's file in the archive: a folder per label, the name from its content."""
    folder = slugify(label_of(image))[:_LONGEST_FOLDER].strip("-_") or "keyword"
    folder = f"{folder}_" if folder in _RESERVED else folder
    suffix = "jpg" if image.format == "jpeg" else image.format
    return f"{folder}/{image.sha256[:16]}.{suffix}"


def as_jsonl(images: QuerySet[Image], *, without: Container[int] = ()) -> Iterator[bytes]:
    """Return the list as JSON, one object per line."""
    yield from gathered(dump_json(record) + b"\n" for record in records(images, without=without))


def as_csv(images: QuerySet[Image], *, without: Container[int] = ()) -> Iterator[bytes]:
    """Return the list as CSV (RFC 4180, UTF-8), with a head line.

    Texts that a spreadsheet would take for a formula are preceded by an apostrophe.
    """
    yield from gathered(_csv_lines(images, without))


def as_zip(images: QuerySet[Image]) -> Iterator[bytes]:
    """Return an archive of the files, and ``manifest.csv`` and ``manifest.jsonl`` beside them.

    One file at a time is held in memory. Files that are gone are left out; their lines have no ``file_name``. The same
    images make the same archive, byte for byte.
    """
    sink = _Sink()
    gone: set[int] = set()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]
        written: set[str] = set()
        for image in paged(images):
            name = file_name(image)
            if name in written:
                continue
            try:
                data = read_file(image)
            except FileGone:
                gone.add(image.pk)
                continue
            written.add(name)
            archive.writestr(_entry(name), data)
            if sink.size >= _PIECE:
                yield sink.take()
        lists = {"manifest.csv": as_csv, "manifest.jsonl": as_jsonl}
        for name, made in lists.items():
            with archive.open(_entry(name, zipfile.ZIP_DEFLATED), "w", force_zip64=True) as target:
                for part in made(images, without=gone):
                    target.write(part)
                    if sink.size >= _PIECE:
                        yield sink.take()
    yield sink.take()


class _Sink:
    """Takes what the archive writes and hands it on; it cannot be wound back, so the archive does not try to."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        pass

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts, self.size = [], 0
        return data


def _entry(name: str, how: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # 1980-01-01
    entry.compress_type = how
    entry.external_attr = 0o100644 << 16
    return entry


def paged(images: QuerySet[Image]) -> Iterator[Image]:
    """Return images in the order of their ids, a page at a time."""
    last = 0
    while True:
        page = list(images.filter(pk__gt=last).order_by("pk")[:_PAGE])
        yield from page
        if len(page) < _PAGE:
            return
        last = page[-1].pk


def _csv_lines(images: QuerySet[Image], without: Container[int]) -> Iterator[bytes]:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for record in records(images, without=without):
        # Tags hold spaces, so they stay a list.
        record["tags"] = dump_json(record["tags"]).decode() if record["tags"] else ""
        writer.writerow([_cell(record[name]) for name in COLUMNS])
        yield buffer.getvalue().encode()
        buffer.seek(0)
        buffer.truncate()
    if buffer.tell():
        yield buffer.getvalue().encode()


def _cell(value: Any) -> Any:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list():
            return " ".join(value)
        case str():
            return f"'{value}" if value.startswith(_FORMULA) else value
        case int():
            return value
    return dump_json(value).decode().strip('"')


def gathered(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Return lines in larger parts: each part is a write to the network."""
    parts: list[bytes] = []
    size = 0
    for line in lines:
        parts.append(line)
        size += len(line)
        if size >= _PIECE:
            yield b"".join(parts)
            parts, size = [], 0
    if parts:
        yield b"".join(parts)
