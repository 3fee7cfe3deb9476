"""Fetches many images at once, and says of each address how it ended.

Redirects count against the host they came from. Everything waits in Python until it may start, so that libcurl's
timeouts measure the server and not the line.
"""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import pycurl
from django.core.files.storage import Storage

from pixtasks.common.net.curl import GuardedHandle
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits
from pixtasks.common.net.urls import BadUrlError, prepare_url

from .hosts import HostQueue
from .loop import CurlLoop
from .outcomes import Outcome, http_outcome
from .sink import ImageSink
from .storage import open_drafts

__all__ = ["Download", "FetchLimits", "ImageFetcher"]

_HEADERS: Final = ("Accept: image/avif,image/webp,image/*,*/*;q=0.5",)
#: So many addresses per free place are taken in, so that hosts at their limit do not leave places empty.
_WAITING_PER_PLACE: Final = 4
_ENOUGH: Final = 64
_PIECE_BYTES: Final = 262_144

Ticket = TypeVar("Ticket", bound=Hashable)


@dataclass(slots=True)
class Download(Generic[Ticket]):
    """How the fetch of one address ended.

    Attributes:
        ticket: what the caller gave to ``submit``.
        outcome: "stored" where ``draft`` holds an image that the storage may adopt; else a class of ``Outcome``, or
            "http_404" and the like.
        url: the address as submitted; final_url: where redirects led, "" where nothing was asked.
        http_status: of the last answer, None where there was none.
        content_type: as the server declared it.
        detail: one sentence about a failure.
        sha256, size, format: of the bytes; "" and None where there is no image (size then counts what came).
        width, height: pixels as the header claims, None where it cannot be read. Not limited here.
        draft: file that belongs to the caller until the fetcher is closed.
        retry_after: seconds the server asked to wait (with http_429 and http_503).
    """

    ticket: Ticket
    outcome: str
    url: str
    final_url: str = ""
    http_status: int | None = None
    content_type: str = ""
    detail: str = ""
    sha256: str = ""
    size: int = 0
    format: str | None = None
    width: int | None = None
    height: int | None = None
    draft: Path | None = None
    retry_after: float | None = None

    def discard(self) -> None:
        """Remove the draft where the image is not wanted after all."""
        if self.draft is not None:
            self.draft.unlink(missing_ok=True)
            self.draft = None


class _Transfer(Generic[Ticket]):
    """One place: a handle and its sink, used again and again."""

    __slots__ = ("handle", "host", "sink", "ticket", "url")

    def __init__(self, handle: GuardedHandle, sink: ImageSink) -> None:
        self.handle = handle
        self.sink = sink
        self.ticket: Ticket | None = None
        self.url = ""
        self.host = ""


class ImageFetcher(Generic[Ticket]):
    """Downloads images concurrently into drafts; a context manager.

    Use: ``submit`` while there is ``room``, ``pump``, pass the drafts of "stored" to ``storage.store_batch``, then
    commit the rows, and so on until ``in_flight`` is 0. One fetcher may serve many tasks, and keeps its connections.
    It belongs to one thread.

    Args:
        storage: where the images will go; it decides where drafts are written.
        limits: concurrency, sizes, times.
        policy: addresses that may be reached, for the fetcher's whole life.
    """

    def __init__(self, storage: Storage, limits: FetchLimits, policy: AddressPolicy) -> None:
        self._limits = limits
        self._policy = policy
        self._drafts = open_drafts(storage)
        self._loop = CurlLoop(kept_connections=2 * limits.concurrency)
        self._queue: HostQueue[tuple[Ticket, str, str]] = HostQueue(limits.per_host)
        self._files: deque[tuple[Ticket, Path]] = deque()
        self._done: list[Download[Ticket]] = []
        self._free: list[_Transfer[Ticket]] = []
        self._active: dict[Any, _Transfer[Ticket]] = {}
        self._capacity = _WAITING_PER_PLACE * limits.concurrency
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def in_flight(self) -> int:
        """How many were submitted and have not come out of ``pump``."""
        return self._queue.length + len(self._active) + len(self._files) + len(self._done)

    @property
    def room(self) -> int:
        """How many more may be submitted now."""
        return max(0, self._capacity - self.in_flight)

    def submit(self, ticket: Ticket, url: str) -> None:
        """Queue the address; its Download comes out of a later ``pump``, whatever the address is worth.

        Raises:
            RuntimeError: there is no room, or the fetcher is closed.
        """
        self._check_room()
        try:
            prepared, host = prepare_url(url)
        except BadUrlError as error:
            self._done.append(Download(ticket, Outcome.BAD_URL, url, detail=str(error)))
            return
        self._queue.put(host, (ticket, url, prepared))

    def submit_file(self, ticket: Ticket, path: Path) -> None:
        """Queue a local file; the caller has checked that it lies where files may be read.

        Raises:
            RuntimeError: there is no room, or the fetcher is closed.
        """
        self._check_room()
        self._files.append((ticket, path))

    def pump(self, seconds: float) -> list[Download[Ticket]]:
        """Transfer for at most so long and return what has finished.

        It returns earlier once there is something to return and more addresses could be taken in, or nothing is left.

        Raises:
            OSError: a draft could not be written (disk full): a matter of this machine and not of the address.
            RuntimeError: the fetcher is closed.
        """
        if self._closed:
            raise RuntimeError("the fetcher is closed")
        deadline = time.monotonic() + seconds
        while True:
            self._start()
            if self._files:
                self._done.append(self._read_file(*self._files.popleft()))
            left = deadline - time.monotonic()
            if self._active:
                wait = 0.0 if self._files or self._enough() else max(0.0, left)
                for curl, code, message in self._loop.step(wait):
                    self._finish(self._active[curl], code, message)
            if left <= 0 or self._enough() or not (self._active or self._files):
                done, self._done = self._done, []
                return done

    def close(self) -> None:
        """Abort what is in flight and remove every draft that was not adopted; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        for transfer in self._active.values():
            self._loop.remove(transfer.handle.curl)
            transfer.sink.discard()
            transfer.handle.close()
        for transfer in self._free:
            transfer.handle.close()
        self._active.clear()
        self._free.clear()
        self._queue.clear()
        self._files.clear()
        self._done.clear()
        self._loop.close()
        self._drafts.close()

    def _check_room(self) -> None:
        if self._closed:
            raise RuntimeError("the fetcher is closed")
        if self.in_flight >= self._capacity:
            raise RuntimeError("no room: pump before more is submitted")

    def _enough(self) -> bool:
        done = len(self._done)
        return done >= _ENOUGH or (done > 0 and self._queue.length < self._limits.concurrency)

    def _start(self) -> None:
        while len(self._active) < self._limits.concurrency:
            taken = self._queue.take()
            if taken is None:
                return
            host, (ticket, url, prepared) = taken
            transfer = self._free.pop() if self._free else self._new_transfer()
            transfer.host, transfer.ticket, transfer.url = host, ticket, url
            transfer.sink.begin()
            transfer.handle.begin(prepared)
            curl = transfer.handle.curl
            self._active[curl] = transfer
            self._loop.add(curl)

    def _new_transfer(self) -> _Transfer[Ticket]:
        sink = ImageSink(self._drafts, self._limits.max_bytes, self._limits.max_pixels)
        return _Transfer(GuardedHandle(self._policy, self._limits, write=sink.write, headers=_HEADERS), sink)

    def _finish(self, transfer: _Transfer[Ticket], code: int, message: str) -> None:
        # The answers of getinfo are read before the handle is used again.
        self._loop.remove(transfer.handle.curl)
        del self._active[transfer.handle.curl]
        self._queue.release(transfer.host)
        try:
            self._done.append(self._judge(transfer, code, message))
        finally:
            transfer.sink.discard()
            self._free.append(transfer)

    def _judge(self, transfer: _Transfer[Ticket], code: int, message: str) -> Download[Ticket]:
        handle, sink = transfer.handle, transfer.sink
        status = handle.status
        assert transfer.ticket is not None
        download = Download(
            transfer.ticket,
            Outcome.STORED,
            transfer.url,
            final_url=handle.final_url,
            http_status=status or None,
            content_type=handle.content_type,
        )
        if sink.error is not None:
            raise sink.error
        if status >= 400 or (code == 0 and (status >= 300 or status == 206)):
            download.outcome = http_outcome(status)
            download.detail = f"the server answered {status}"
            download.retry_after = handle.retry_after
            if download.retry_after is not None:
                download.detail += f", retry after {download.retry_after:g} s"
            return download
        if code not in (0, pycurl.E_WRITE_ERROR):
            download.outcome, download.detail = handle.failure(code, message)
            download.size = sink.size
            return download
        _keep(download, sink)
        return download

    def _read_file(self, ticket: Ticket, path: Path) -> Download[Ticket]:
        download = Download(ticket, Outcome.STORED, path.absolute().as_uri())
        sink = ImageSink(self._drafts, self._limits.max_bytes, self._limits.max_pixels)
        try:
            # Not blocking, because a pipe would wait for its writer for ever.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            download.outcome, download.detail = Outcome.FILE_MISSING, error.strerror or ""
            return download
        except (OSError, ValueError) as error:
            download.outcome, download.detail = Outcome.FILE_FORBIDDEN, getattr(error, "strerror", "") or str(error)
            return download
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                download.outcome, download.detail = Outcome.FILE_FORBIDDEN, "not a regular file"
                return download
            while piece := os.read(handle, _PIECE_BYTES):
                if sink.write(piece) == -1:
                    break
        finally:
            os.close(handle)
        try:
            _keep(download, sink)
        finally:
            sink.discard()
        return download


def _keep(download: Download[Any], sink: ImageSink) -> None:
    refusal = sink.refusal
    if refusal is not None:
        download.outcome, download.detail = refusal
        download.size = sink.size
        return
    image = sink.finish()
    download.sha256, download.size, download.format = image.sha256, image.size, image.format
    download.width, download.height, download.draft = image.width, image.height, image.draft
