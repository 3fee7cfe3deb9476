"""Takes the bytes of one image as they come: hashed, sniffed, capped, and written to disk once."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from jobs.validators.headers import HeaderError, IncompleteHeaderError, read_header

from .drafts import DraftFolder
from .outcomes import Outcome
from .sniff import HEAD_BYTES, sniff, sniff_unsupported

# Up to here an image stays in memory and is written with one call; 64 transfers at once hold at most 64 MB.
_MEMORY_BYTES: Final = 1_000_000
# So much of an error page is read away to keep its connection; a new connection costs about as much.
_PAGE_BYTES: Final = 65_536


@dataclass(slots=True)
class Received:
    """A complete image: ``draft`` holds its bytes; width and height are what its header claims, None if unreadable."""

    sha256: str
    size: int
    format: str
    width: int | None
    height: int | None
    draft: Path


class ImageSink:
    """The receiving end of a transfer; used for one image after the other.

    Args:
        folder: where drafts are made.
        max_bytes: a longer image is refused while it comes.
        max_pixels: for the reader of headers; nothing is decoded here, and larger images are kept with their size.

    Attributes:
        size: bytes that came.
        error: what the disk said when a draft could not be written; the transfer was stopped for it.
    """

    __slots__ = (
        "_chunks", "_file", "_folder", "_hash", "_head", "_max_bytes", "_max_pixels", "_page", "_path", "_pending",
        "error", "format", "size",
    )  # fmt: skip

    def __init__(self, folder: DraftFolder, max_bytes: int, max_pixels: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._path = ""
        self._file = -1
        self.begin()

    def begin(self) -> None:
        """Forget the last image and wait for the next."""
        self._hash = hashlib.sha256()
        self._chunks: list[bytes] = []
        self._head = b""
        self._pending = 0
        self._page = False
        self._path = ""
        self._file = -1
        self.size = 0
        self.format: str | None = None
        self.error: OSError | None = None

    def write(self, chunk: bytes) -> int | None:
        """Take a piece; None means go on, -1 stop the transfer (libcurl's convention)."""
        self.size = size = self.size + len(chunk)
        if self._page:
            return None if size <= _PAGE_BYTES else -1
        if size > self._max_bytes:
            return -1
        self._hash.update(chunk)
        self._chunks.append(chunk)
        self._pending += len(chunk)
        if self.format is None and size >= HEAD_BYTES:
            self._look()
            if self.format is None:
                self._page = True
                self._chunks.clear()
                return None
        if self._pending > _MEMORY_BYTES:
            try:
                self._write_out()
            except OSError as error:
                self.error = error
                return -1
        return None

    def pass_over(self) -> None:
        """Keep nothing of what comes: it is read away, up to a page, so that its connection can be used again."""
        self._page = True

    @property
    def refusal(self) -> tuple[Outcome, str] | None:
        """Class and sentence of why these bytes are no image to keep; None where they may be one."""
        if self.error is not None:
            return None
        if self.size == 0:
            return Outcome.EMPTY, "no bytes came"
        if self.format is None and not self._page:
            self._look()
        if self.format is None:
            other = sniff_unsupported(self._head)
            if other is not None:
                return Outcome.UNSUPPORTED_FORMAT, f"the content is {other}"
            return Outcome.NOT_AN_IMAGE, "the content is not one of the known image formats"
        if self.size > self._max_bytes:
            return Outcome.TOO_LARGE, f"more than {self._max_bytes} bytes"
        return None

    def finish(self) -> Received:
        """Write what is still in memory and return the image; ``refusal`` was None.

        Raises:
            OSError: the draft could not be written.
        """
        if self.error is not None:
            raise self.error
        kind = self.format
        assert kind is not None
        spilled = bool(self._path)
        data = b"".join(self._chunks)
        self._chunks = [data]
        self._write_out()
        os.close(self._file)
        self._file = -1
        path = Path(self._path)
        if spilled:
            width, height = _dimensions_of_file(kind, path, self._max_pixels)
        else:
            width, height = _dimensions(kind, data, self._max_pixels)
        received = Received(self._hash.hexdigest(), self.size, kind, width, height, path)
        self._path = ""  # The draft belongs to the caller now.
        self._chunks = []
        return received

    def discard(self) -> None:
        """Drop what came; no draft is left."""
        self._chunks = []
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if self._path:
            os.unlink(self._path)
            self._path = ""

    def _look(self) -> None:
        self._head = b"".join(self._chunks)[:HEAD_BYTES]
        self.format = sniff(self._head)

    def _write_out(self) -> None:
        if self._file < 0:
            self._file, self._path = self._folder.create()
        for chunk in self._chunks:
            view = memoryview(chunk)
            while view:
                view = view[os.write(self._file, view) :]
        self._chunks.clear()
        self._pending = 0


def _dimensions(kind: str, data: bytes, max_pixels: int) -> tuple[int | None, int | None]:
    try:
        header = read_header(kind, data, complete=True, max_pixels=max_pixels)
    except HeaderError:  # Validation says what is wrong with it.
        return None, None
    return header.width, header.height


def _dimensions_of_file(kind: str, path: Path, max_pixels: int) -> tuple[int | None, int | None]:
    with path.open("rb") as file:
        head = file.read(_PAGE_BYTES)
        try:
            header = read_header(kind, head, complete=False, max_pixels=max_pixels)
        except IncompleteHeaderError:
            return _dimensions(kind, head + file.read(), max_pixels)
        except HeaderError:
            return None, None
        return header.width, header.height
