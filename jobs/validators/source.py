"""Reads a stored file once, as much of it as is needed, and never writes to it."""

from __future__ import annotations

import io
import os
from types import TracebackType
from typing import BinaryIO, Self

from .base import Subject


class Source:
    """The bytes of a subject, read forwards and kept.

    Attributes:
        size: bytes of the file as it is now.

    Raises:
        FileNotFoundError: the file is gone.
        OSError: the storage cannot be read.
    """

    __slots__ = ("_data", "_file", "size")

    _file: BinaryIO | io.FileIO

    def __init__(self, subject: Subject) -> None:
        self._data = b""
        if subject.path is not None:
            self._file = io.FileIO(subject.path)
            self.size = os.fstat(self._file.fileno()).st_size
        else:
            self._file = subject.open()
            self.size = self._file.seek(0, io.SEEK_END)
            self._file.seek(0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def first(self, length: int) -> bytes:
        """Return the first ``length`` bytes, fewer where the file ends before."""
        data = self._data
        while len(data) < length:
            more = self._file.read(length - len(data))
            if not more:
                self.size = len(data)
                break
            data = data + more if data else more
        self._data = data
        return data

    def all(self) -> bytes:
        """Return the whole file."""
        return self.first(self.size)
