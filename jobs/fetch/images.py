"""Fetches many images at once, and says of each address how it ended.

Everything waits in Python until it may start, so that libcurl's timeouts measure the server and not the line: for its
site's robots.txt and tdmrep.json, which are read by the same loop, and then in the line of its host. A redirect waits
anew where it leads to, in front.
"""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Self

from django.core.files.storage import Storage

from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits
from pixtasks.common.net.urls import BadUrlError, prepare_url

from .books import Refusal, origin_of
from .breaker import Breaker
from .hosts import HostQueue
from .leave import SiteLeave, Unread
from .loop import CurlLoop
from .outcomes import Outcome, is_transient
from .sink import ImageSink
from .storage import open_drafts
from .transfers import Download, ImageTransfer, SiteFileTransfer, Ticket, Wanted

__all__ = ["Download", "FetchLimits", "ImageFetcher"]

#: So many addresses per free place are taken in, so that hosts at their limit do not leave places empty.
_WAITING_PER_PLACE: Final = 4
_ENOUGH: Final = 64
_WAITS: Final = 2
"""So often an address waits as its server asks; the next time that is how it ends."""
_LONGEST_LEFT_ALONE: Final = 3600.0
_PIECE_BYTES: Final = 262_144

Refuses = Callable[[str], Refusal | None]


class ImageFetcher(Generic[Ticket]):
    """Downloads images concurrently into drafts; a context manager.

    Use: ``submit`` while there is ``room``, ``pump``, pass the drafts of "stored" to ``storage.store_batch``, then
    commit the rows, and so on until ``in_flight`` is 0. One fetcher may serve many tasks, and keeps its connections.
    It belongs to one thread.

    Args:
        storage: where the images will go; it decides where drafts are written.
        limits: concurrency, sizes, times.
        policy: addresses that may be reached, for the fetcher's whole life.
        refuses: says of an address that ``prepare_url`` has prepared why it is not asked for, of every redirect's, too.
    """

    def __init__(
        self, storage: Storage, limits: FetchLimits, policy: AddressPolicy, refuses: Refuses = lambda prepared: None
    ) -> None:
        self.refuses = refuses
        self._limits = limits
        self._policy = policy
        self._drafts = open_drafts(storage)
        self._loop = CurlLoop(kept_connections=2 * limits.concurrency)
        # An address, or the file of its site that is to be read before.
        self._queue: HostQueue[Wanted[Ticket] | Unread] = HostQueue(limits.per_host, limits.delay_seconds)
        self._breaker = Breaker(limits.breaker_failures)
        self._behind: dict[str, list[Wanted[Ticket]]] = {}
        self._sites = SiteLeave(limits)
        self._asking: dict[Unread, list[Wanted[Ticket]]] = {}
        self._files: deque[tuple[Ticket, Path]] = deque()
        self._done: list[Download[Ticket]] = []
        self._free: list[ImageTransfer[Ticket]] = []
        self._active: dict[Any, ImageTransfer[Ticket] | SiteFileTransfer] = {}
        self._submitted = 0
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
        return self._submitted

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
        self._submitted += 1
        try:
            prepared, host = prepare_url(url)
        except BadUrlError as error:
            self._done.append(Download(ticket, Outcome.BAD_URL, url, detail=str(error)))
            return
        self._admit(Wanted(ticket, url, prepared, host, origin_of(prepared)))

    def submit_file(self, ticket: Ticket, path: Path) -> None:
        """Queue a local file; the caller has checked that it lies where files may be read.

        Raises:
            RuntimeError: there is no room, or the fetcher is closed.
        """
        self._check_room()
        self._submitted += 1
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
            now = time.monotonic()
            left = deadline - now
            due = self._queue.due if len(self._active) < self._limits.concurrency else None
            if self._active or due is not None:
                wait = 0.0 if self._files or self._enough() else max(0.0, left)
                for curl, code, message in self._loop.step(wait if due is None else min(wait, max(0.0, due - now))):
                    self._finish(curl, code, message)
            if left <= 0 or self._enough() or not (self._active or self._files or self._queue.length):
                done, self._done = self._done, []
                self._submitted -= len(done)
                return done

    def close(self) -> None:
        """Abort what is in flight and remove every draft that was not adopted; safe to call twice."""
        if self._closed:
            return
        self._closed = True
        for transfer in self._active.values():
            self._loop.remove(transfer.handle.curl)
            if isinstance(transfer, ImageTransfer):
                transfer.sink.discard()
            transfer.handle.close()
        for transfer in self._free:
            transfer.handle.close()
        self._active.clear()
        self._free.clear()
        self._queue.clear()
        self._asking.clear()
        self._behind.clear()
        self._files.clear()
        self._done.clear()
        self._submitted = 0
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
            taken = self._queue.take(time.monotonic())
            if taken is None:
                return
            host, item = taken
            transfer: ImageTransfer[Ticket] | SiteFileTransfer
            if isinstance(item, Unread):
                transfer = SiteFileTransfer(self._policy, self._limits, item, host)
            else:
                transfer = self._free.pop() if self._free else self._new_transfer()
                transfer.begin(item)
            self._run(transfer)

    def _run(self, transfer: ImageTransfer[Ticket] | SiteFileTransfer) -> None:
        curl = transfer.handle.curl
        self._active[curl] = transfer
        self._loop.add(curl)

    def _new_transfer(self) -> ImageTransfer[Ticket]:
        return ImageTransfer(self._policy, self._limits, self._drafts)

    def _finish(self, curl: Any, code: int, message: str) -> None:
        # The answers of getinfo are read before the handle is used again.
        self._loop.remove(curl)
        transfer = self._active.pop(curl)
        if isinstance(transfer, SiteFileTransfer):
            self._learn(transfer, code, message)
            return
        self._queue.release(transfer.wanted.host)
        try:
            target = transfer.redirect(code)
            if target:
                self._hear(transfer.wanted.origin)
                self._follow(transfer, target)
            else:
                self._close(transfer.wanted, transfer.ended(code, message))
        finally:
            transfer.sink.discard()
            self._free.append(transfer)

    def _admit(self, wanted: Wanted[Ticket], *, first: bool = False) -> None:
        """Let an address into its host's line, or let it wait for its site's rules, or end it where they forbid it."""
        refusal = self.refuses(wanted.prepared)
        if refusal is not None:
            self._refuse(wanted, *refusal)
            return
        broken = self._breaker.refuses(wanted.origin, time.monotonic())
        if broken is not None:
            self._leave(wanted, *broken)
            return
        leave = self._sites.ask(wanted.origin, wanted.prepared)
        if leave.delay:
            self._queue.pace(wanted.host, leave.delay)
        if leave.unread is not None:
            waiting = self._asking.setdefault(leave.unread, [])
            waiting.append(wanted)
            if len(waiting) == 1:
                self._queue.put(wanted.host, leave.unread, first=True)
            return
        if leave.refusal is not None:
            self._refuse(wanted, *leave.refusal)
            return
        if self._breaker.must_wait(wanted.origin):
            self._behind.setdefault(wanted.origin, []).append(wanted)
        else:
            self._queue.put(wanted.host, wanted, first=first)

    def _close(self, wanted: Wanted[Ticket], download: Download[Ticket]) -> None:
        """Hear what an answer means for its server, and be done with its address, unless it is to be asked again."""
        origin, now, asked = wanted.origin, time.monotonic(), download.retry_after
        if download.http_status not in (429, 503):
            asked = None
        if asked is not None and asked <= self._limits.hold_seconds and wanted.waits < _WAITS:
            wanted.waits += 1
            self._queue.hold(wanted.host, now + asked)
            self._queue.put(wanted.host, wanted, first=True)
            return
        if asked is not None and asked > self._limits.hold_seconds:
            why = f"the server answered {download.http_status} and asked to wait {asked:g} s"
            self._breaker.open(origin, now + min(asked, _LONGEST_LEFT_ALONE), why)
            self._leave_all(wanted, why, asked)
        elif not is_transient(download.outcome):
            self._hear(origin)
        elif self._breaker.failed(origin, now, download.outcome):
            self._leave_all(wanted, *(self._breaker.refuses(origin, now) or ("", 0.0)))
        self._done.append(download)

    def _hear(self, origin: str) -> None:
        """Note that a server answers; what waited to see that goes on."""
        self._breaker.succeeded(origin)
        for wanted in self._behind.pop(origin, ()):
            self._admit(wanted, first=wanted.hops > 0)

    def _leave_all(self, failed: Wanted[Ticket], why: str, seconds: float) -> None:
        """End everything that waits for a server that is to be left alone."""
        waiting = self._queue.take_out(
            failed.host, lambda item: isinstance(item, Wanted) and item.origin == failed.origin
        )
        for item in (*waiting, *self._behind.pop(failed.origin, ())):
            if isinstance(item, Wanted):
                self._leave(item, why, seconds)

    def _leave(self, wanted: Wanted[Ticket], why: str, seconds: float) -> None:
        self._refuse(wanted, Outcome.HOST_UNAVAILABLE, why)
        self._done[-1].retry_after = seconds

    def _learn(self, transfer: SiteFileTransfer, code: int, message: str) -> None:
        """Take in how the request for a site's file ended, and let those in that waited for it."""
        if transfer.ended(code, message) is None:
            self._run(transfer)
            return
        transfer.handle.close()
        self._queue.release(transfer.host)
        for wanted in self._asking.pop(transfer.unread):
            self._admit(wanted, first=wanted.hops > 0)

    def _follow(self, transfer: ImageTransfer[Ticket], target: str) -> None:
        wanted = transfer.wanted
        wanted.hops += 1
        wanted.seconds += transfer.handle.seconds
        if wanted.hops > self._limits.max_redirects:
            self._refuse(wanted, Outcome.TOO_MANY_REDIRECTS, f"more than {self._limits.max_redirects} redirects")
            return
        try:
            wanted.prepared, wanted.host = prepare_url(target)
        except BadUrlError as error:
            self._refuse(wanted, Outcome.BAD_URL, f"a redirect leads to {target[:200]}: {error}")
            return
        wanted.origin = origin_of(wanted.prepared)
        # Before those that have not begun: the server that sent it here waits for nobody.
        self._admit(wanted, first=True)

    def _refuse(self, wanted: Wanted[Ticket], outcome: Outcome, detail: str) -> None:
        final_url = wanted.prepared if wanted.hops else ""
        self._done.append(Download(wanted.ticket, outcome, wanted.url, final_url=final_url, detail=detail))

    def _read_file(self, ticket: Ticket, path: Path) -> Download[Ticket]:
        download = Download(ticket, Outcome.STORED, path.absolute().as_uri())
        sink = ImageSink(self._drafts, self._limits.max_bytes, self._limits.max_pixels)
        try:
            # Not blocking, because a pipe would wait for its writer for ever. No link, because the caller has checked
            # where the path leads, and what became a link since then leads elsewhere.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
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
            download.keep(sink)
        finally:
            sink.discard()
        return download
