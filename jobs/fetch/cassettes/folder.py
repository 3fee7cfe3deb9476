"""The folder of a cassette: written by several processes at once, and read without trust in who made it.

A cassette may come from somebody else. So nothing in it is a path: bodies are found by their sha256 alone and must have
it, links are not followed, and every size is bounded.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pixtasks.common.errors import PixtasksError

ABOUT: Final = "cassette.json"
INDEX: Final = "index.jsonl"
BODIES: Final = "bodies"
FORMAT: Final = "pixtasks-cassette/1"
INDEX_MOST: Final = 500_000_000  # bytes
LINE_MOST: Final = 1_000_000
ABOUT_MOST: Final = 10_000_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class CassetteError(PixtasksError):
    """The folder is no cassette, or not one that can be used for this."""

    status = 422


class NotOnCassette(CassetteError):
    """Something was asked that was not asked when the cassette was recorded."""


def begin_cassette(folder: Path, about: Mapping[str, Any]) -> None:
    """Make the folder of a new cassette.

    Args:
        folder: must not exist, or be empty.
        about: what is recorded.

    Raises:
        CassetteError: it cannot be made, or there is something in it.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise CassetteError(f"{folder} is not empty; record into a new folder.")
        (folder / BODIES).mkdir(mode=0o700)
        (folder / INDEX).touch(mode=0o600)
        handle = os.open(folder / ABOUT, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump({"format": FORMAT, **about}, file, indent=2, sort_keys=True)
    except OSError as error:
        raise CassetteError(f"{folder} cannot be written: {error.strerror}.") from error


def read_about(folder: Path) -> dict[str, Any]:
    """Return what a cassette says of itself.

    Raises:
        CassetteError: the folder is no cassette of this format.
    """
    try:
        value = json.loads(_read(folder / ABOUT, ABOUT_MOST))
    except (OSError, ValueError) as error:
        raise CassetteError(f"{folder} is no cassette: its {ABOUT} cannot be read.") from error
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise CassetteError(f"{folder} is no cassette of the format {FORMAT}.")
    return value


class CassetteWriter:
    """Adds answers to a cassette; several processes may at the same time.

    Args:
        folder: made by :func:`begin_cassette`.
    """

    def __init__(self, folder: Path) -> None:
        self.about = read_about(folder)
        self._folder = folder

    def add(self, line: Mapping[str, Any], body: bytes | Path | None = None, *, sha256: str = "") -> None:
        """Keep one answer: its body first, so that a killed process leaves no line without one.

        Args:
            line: what it answers; JSON values.
            body: what came: bytes, or a file that is copied.
            sha256: of the file, where it is one.
        """
        kept = dict(line)
        if body is not None:
            digest = sha256 or hashlib.sha256(body if isinstance(body, bytes) else body.read_bytes()).hexdigest()
            kept["body"] = digest
            self._keep(digest, body)
        text = json.dumps(kept, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        if len(text) > LINE_MOST:
            raise CassetteError(f"an answer's line would have {len(text)} bytes; {LINE_MOST} are possible")
        handle = os.open(self._folder / INDEX, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            end = os.lseek(handle, 0, os.SEEK_END)
            if os.write(handle, text) < len(text):
                # A disk that is full in the middle of a line must not spoil the lines before it.
                os.ftruncate(handle, end)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(handle)

    def _keep(self, sha256: str, body: bytes | Path) -> None:
        target = _body_path(self._folder, sha256)
        if target.exists():
            return
        target.parent.mkdir(mode=0o700, exist_ok=True)
        draft = target.parent / f".{secrets.token_hex(8)}"
        draft.write_bytes(body if isinstance(body, bytes) else body.read_bytes())
        os.replace(draft, target)


class CassetteReader:
    """Finds answers on a cassette.

    Of several answers to one request the last good one counts: what was refused and asked again is answered at once.

    Args:
        folder: any folder; nothing in it is trusted.

    Attributes:
        asking, paged, local: engines that asked through their ``Web``, whose pages were kept, that read local files.
        signed: engines whose requests carried a token.

    Raises:
        CassetteError: it is no cassette, or its index is not valid.
    """

    def __init__(self, folder: Path) -> None:
        self.about = read_about(folder)
        self._folder = folder
        self._exchanges: dict[tuple[str, str], dict[str, Any]] = {}
        self._pages: dict[str, dict[str, Any]] = {}
        self._images: dict[str, dict[str, Any]] = {}
        self.paged: set[str] = set()
        self.local: set[str] = set()
        self.asking: set[str] = set()
        self.signed: set[str] = set()
        for line in self._lines():
            self._take(line)

    def exchange(self, method: str, url: str) -> dict[str, Any] | None:
        """Return the answer to a request; the address is without secrets."""
        return self._exchanges.get((method, url))

    def exchanges(self) -> Iterator[dict[str, Any]]:
        """Yield the answer to each request of a source."""
        yield from self._exchanges.values()

    def page(self, key: str) -> dict[str, Any] | None:
        """Return a page that an engine with a client of its own gave."""
        return self._pages.get(key)

    def image(self, url: str) -> dict[str, Any] | None:
        """Return how the fetch of an image ended; the address is without secrets."""
        return self._images.get(url)

    def body(self, line: Mapping[str, Any], most: int) -> bytes:
        """Return the body of an answer.

        Args:
            most: bytes; a longer one is refused before it is read.

        Raises:
            CassetteError: it is missing, too long, or not what its name says.
        """
        digest = line.get("body")
        if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
            raise CassetteError(f"{self._folder}: an answer has no body that could be found.")
        try:
            content = _read(_body_path(self._folder, digest), most)
        except OSError as error:
            raise CassetteError(f"{self._folder}: the body {digest} cannot be read: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise CassetteError(f"{self._folder}: the body {digest} has been changed.")
        return content

    def _take(self, line: dict[str, Any]) -> None:
        match line:
            case {"kind": "exchange", "method": str(method), "url": str(url)}:
                self.asking.add(str(line.get("engine", "")))
                if line.get("signed") is True:
                    self.signed.add(str(line.get("engine", "")))
                _better(self._exchanges, (method, url), line)
            case {"kind": "page", "engine": str(engine), "key": str(key)}:
                self.paged.add(engine)
                self._pages[key] = line
            case {"kind": "image", "url": str(url), "outcome": str()}:
                _better(self._images, url, line)
            case {"kind": "local", "engine": str(engine)}:
                self.local.add(engine)
            case _:
                raise CassetteError(f"{self._folder}: {INDEX} has a line that is not known: {str(line)[:100]}")

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            content = _read(self._folder / INDEX, INDEX_MOST)
        except OSError as error:
            raise CassetteError(f"{self._folder}: {INDEX} cannot be read: {error.strerror}.") from error
        for number, text in enumerate(content.splitlines(), 1):
            try:
                value = json.loads(text) if len(text) <= LINE_MOST else None
            except (ValueError, RecursionError):
                value = None
            if not isinstance(value, dict):
                raise CassetteError(f"{self._folder}: line {number} of {INDEX} is not valid.")
            yield value


def _better(kept: dict[Any, dict[str, Any]], key: Any, line: dict[str, Any]) -> None:
    if key not in kept or _good(line) or not _good(kept[key]):
        kept[key] = line


def _good(line: Mapping[str, Any]) -> bool:
    status = line.get("status", 0)
    return line.get("outcome") == "stored" or (isinstance(status, int) and 0 < status < 400)


def _body_path(folder: Path, sha256: str) -> Path:
    return folder / BODIES / sha256[:2] / sha256


def _read(path: Path, most: int) -> bytes:
    """Return a file's content; no link is followed, no pipe waited for, and nothing longer read.

    Raises:
        OSError: it cannot be.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(file.fileno())
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(0, "it is not a regular file")
        if facts.st_size > most:
            raise OSError(0, f"it has {facts.st_size} bytes, more than {most}")
        return file.read(most)
