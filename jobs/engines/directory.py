"""The images of a local folder, below a root that the operator opened; read where they are, never changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from pixtasks.common.errors import FieldError, InvalidInput, RuleViolation

from .base import Candidate, EngineError, Page, Query, Web
from .folders import ROOTS_SETTING, allowed_roots, inside, resolve_below

PAGE_SIZE = 500
DEPTH_MAX = 64  # folders below one another
SUFFIXES = frozenset({"jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "bmp", "tif", "tiff", "avif"})


class DirectoryOptions(BaseModel):
    """Which folder, and whether the folders below it too."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(min_length=1, max_length=4096, description="A folder below one of PIXTASKS_DIRECTORY_ROOTS.")
    recursive: bool = Field(default=True, description="Also the folders below it.")


class DirectoryEngine:
    """Image files of a local folder, in the order of their names.

    Taken are files with an image's suffix or with none; hidden ones are left out. Links to files count where they lead
    to a file below a root; links to folders are not followed, because they can go round in circles.
    """

    name = "directory"
    description = f"Images of a local folder below one of {ROOTS_SETTING}."
    rate_limited = False
    page_size = PAGE_SIZE
    licensed = False
    Options: type[BaseModel] = DirectoryOptions

    def missing(self) -> list[str]:
        """Return ``PIXTASKS_DIRECTORY_ROOTS`` while no folder is open."""
        return [] if allowed_roots() else [ROOTS_SETTING]

    def check(self, options: BaseModel) -> None:
        """Refuse a folder that cannot be read.

        Raises:
            RuleViolation: no folder is open on this installation.
            InvalidInput: not below a root, not there, or not a folder.
        """
        _folder(options)

    def search(self, query: Query, cursor: str | None, web: Web) -> Page:
        """Return the next files; the cursor is the JSON of the last file's path, one string per part.

        Raises:
            EngineError: the folder is not there any more or not allowed any more.
        """
        try:
            folder, recursive = _folder(query.options)
        except (InvalidInput, RuleViolation) as error:
            raise EngineError(f"The folder cannot be read: {error.message}") from error
        after = _after(cursor)
        roots = allowed_roots()
        found = _files(folder, (), after, roots=roots, recursive=recursive)
        page = list(islice(found, PAGE_SIZE + 1))
        more = len(page) > PAGE_SIZE
        page = page[:PAGE_SIZE]
        candidates = tuple(_candidate(parts, path) for parts, path in page)
        return Page(candidates, json.dumps(page[-1][0]) if more else None)


def _folder(options: BaseModel) -> tuple[Path, bool]:
    if not isinstance(options, DirectoryOptions):
        raise TypeError(f"options of another engine: {options!r}")
    roots = allowed_roots()
    if not roots:
        raise RuleViolation(
            f"Local folders are not open to jobs here. Set {ROOTS_SETTING} to the folders that jobs may read."
        )
    folder = resolve_below(options.path, roots, loc=("path",))
    if not folder.is_dir():
        raise InvalidInput(FieldError(("path",), "is not a folder", "value_error.path"))
    return folder, options.recursive


def _after(cursor: str | None) -> tuple[str, ...]:
    if cursor is None:
        return ()
    try:
        parts = json.loads(cursor)
    except ValueError:
        parts = None
    if not isinstance(parts, list) or not parts or not all(isinstance(part, str) for part in parts):
        raise EngineError(f"The cursor {cursor!r} is not one of this engine's; start the search anew.")
    return tuple(parts)


def _files(
    folder: Path, above: tuple[str, ...], after: tuple[str, ...], *, roots: list[Path], recursive: bool
) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Yield (path in parts, real path) in the order of names; ``after`` is where, in this folder, to go on."""
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if not above:
            raise EngineError(f"The folder cannot be read: {error.strerror}.") from error
        return  # A folder below that may not be read must not hide the others.
    for entry in listed:
        name = entry.name
        if name.startswith(".") or (after and name < after[0]):
            continue
        parts = (*above, name)
        if entry.is_dir(follow_symlinks=False):
            if recursive and len(parts) < DEPTH_MAX:
                rest = after[1:] if after and name == after[0] else ()
                yield from _files(folder / name, parts, rest, roots=roots, recursive=True)
        elif not (after and name == after[0]) and _wanted(name):
            path = _real_file(entry)
            if path is not None and inside(path, roots):
                yield parts, path


def _wanted(name: str) -> bool:
    _, dot, suffix = name.rpartition(".")
    return not dot or suffix.lower() in SUFFIXES


def _real_file(entry: os.DirEntry[str]) -> Path | None:
    """Return the regular file behind an entry, links resolved, None where there is none."""
    try:
        path = Path(entry.path).resolve(strict=True)
        return path if path.is_file() else None
    except (OSError, RuntimeError):
        return None


def _candidate(parts: tuple[str, ...], path: Path) -> Candidate:
    # Names need not be UTF-8 on disk, but everything in the database is.
    shown = os.fsencode("/".join(parts)).decode("utf-8", "replace")
    stem, dot, suffix = shown.rpartition("/")[2].rpartition(".")
    return Candidate(
        image_url="",
        title=stem if dot else suffix,
        external_id=shown,
        filetype=suffix.lower() if dot else "",
        raw={"file": shown},
        path=path,
    )


ENGINE = DirectoryEngine()
