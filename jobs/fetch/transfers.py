"""The two kinds of transfer of a fetcher: of an image, and of a site's file of rules. Each is used again and again.

Redirects are followed by the fetcher and not in libcurl: where one leads to has rules of its own.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Generic, TypeVar

import pycurl

from pixtasks.common.net.curl import GuardedHandle
from pixtasks.common.net.guard import AddressPolicy
from pixtasks.common.net.limits import FetchLimits
from pixtasks.common.net.urls import BadUrlError, prepare_url

from .books import MAX_BYTES, MAX_REDIRECTS, SiteBook, SiteFile
from .drafts import DraftFolder
from .leave import Unread
from .outcomes import Outcome, http_outcome
from .sink import ImageSink
from .tags import last_head, reserved_by

_HEADERS: Final = ("Accept: image/avif,image/webp,image/*,*/*;q=0.5",)

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
        retry_after: seconds the server asked to wait (with http_429, http_503 and host_unavailable).
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

    def keep(self, sink: ImageSink) -> None:
        """Take over what a sink has received, or why it is no image.

        Raises:
            OSError: the draft could not be written.
        """
        refusal = sink.refusal
        if refusal is not None:
            self.outcome, self.detail = refusal
            self.size = sink.size
            return
        image = sink.finish()
        self.sha256, self.size, self.format = image.sha256, image.size, image.format
        self.width, self.height, self.draft = image.width, image.height, image.draft


@dataclass(slots=True)
class Wanted(Generic[Ticket]):
    """An address on its way.

    Attributes:
        url: as submitted; prepared: as it is sent, of the present hop.
        host, origin: of ``prepared``.
        hops: redirects followed; seconds: what they have used of the transfer's time.
        waits: how often its server has asked it to wait, and it did.
    """

    ticket: Ticket
    url: str
    prepared: str
    host: str
    origin: str
    hops: int = 0
    seconds: float = 0.0
    waits: int = 0


class ImageTransfer(Generic[Ticket]):
    """One place for images: a handle and its sink."""

    __slots__ = ("_judged", "_limits", "_lines", "handle", "reserved", "sink", "wanted")

    def __init__(self, policy: AddressPolicy, limits: FetchLimits, drafts: DraftFolder) -> None:
        self._limits = limits
        self._lines: list[bytes] = []
        self._judged = False
        self.reserved: tuple[Outcome, str] | None = None
        self.sink = ImageSink(drafts, limits.max_bytes, limits.max_pixels)
        self.handle = GuardedHandle(policy, limits, write=self._write, headers=_HEADERS, follow=False)
        self.handle.curl.setopt(pycurl.HEADERFUNCTION, self._lines.append)
        self.wanted: Wanted[Ticket]

    def begin(self, wanted: Wanted[Ticket]) -> None:
        """Aim at an address."""
        self.wanted = wanted
        self.reserved = None
        self._judged = False
        self._lines.clear()
        self.sink.begin()
        self.handle.begin(wanted.prepared, seconds=self._limits.total_seconds - wanted.seconds)

    def redirect(self, code: int) -> str:
        """Return where the answer sends, "" where it is none that does."""
        if code in (0, pycurl.E_WRITE_ERROR) and 300 <= self.handle.status < 400:
            return self.handle.redirect_url
        return ""

    def ended(self, code: int, message: str) -> Download[Ticket]:
        """Return how it ended; what was received is the download's.

        Raises:
            OSError: a draft could not be written.
        """
        handle, sink, status = self.handle, self.sink, self.handle.status
        download = Download(
            self.wanted.ticket,
            Outcome.STORED,
            self.wanted.url,
            final_url=handle.final_url,
            http_status=status or None,
            content_type=handle.content_type,
        )
        if sink.error is not None:
            raise sink.error
        if not self._judged:
            self._judge()
        if status >= 400 or (code in (0, pycurl.E_WRITE_ERROR) and (status >= 300 or status == 206)):
            download.outcome = http_outcome(status)
            download.detail = f"the server answered {status}"
            download.retry_after = handle.retry_after
            if download.retry_after is not None:
                download.detail += f", retry after {download.retry_after:g} s"
        elif self.reserved is not None:
            download.outcome, download.detail = self.reserved
        elif code not in (0, pycurl.E_WRITE_ERROR):
            download.outcome, download.detail = handle.failure(code, message)
            download.size = sink.size
        else:
            download.keep(sink)
        return download

    def _write(self, chunk: bytes) -> int | None:
        if not self._judged:
            self._judge()
        return self.sink.write(chunk)

    def _judge(self) -> None:
        """Look at the head of the answer, before anything of its body is kept."""
        self._judged = True
        status, lines = last_head(self._lines)
        self.reserved = reserved_by(lines, robots_tag=self._limits.robots_tag, tdm=self._limits.tdm)
        if status >= 300 or self.reserved is not None:
            self.sink.pass_over()


class SiteFileTransfer:
    """Reads a site's robots.txt or the like, redirects followed, and notes in its book how that ended.

    Args:
        unread: which file of which site.
        host: in whose line it stood.
    """

    __slots__ = ("_body", "_hops", "_limits", "_seconds", "_size", "handle", "host", "unread")

    def __init__(self, policy: AddressPolicy, limits: FetchLimits, unread: Unread, host: str = "") -> None:
        self._limits = limits
        self._body: list[bytes] = []
        self._size = 0
        self._hops = 0
        self._seconds = 0.0
        self.unread, self.host = unread, host
        self.handle = GuardedHandle(policy, limits, write=self._write, headers=(unread.book.accept,), follow=False)
        # What is longer than MAX_BYTES is read so far, and not refused for its announced size.
        self.handle.curl.setopt(pycurl.MAXFILESIZE_LARGE, 0)
        self._aim(f"{unread.origin}{unread.book.path}")

    def ended(self, code: int, message: str) -> SiteFile | None:
        """Return what it says; None where a redirect is to be followed: the handle is to be started again."""
        handle, status = self.handle, self.handle.status
        book: SiteBook[SiteFile] = self.unread.book
        origin = self.unread.origin
        self._seconds += handle.seconds
        if code not in (0, pycurl.E_WRITE_ERROR) and not 400 <= status < 500:
            outcome, detail = handle.failure(code, message)
            return book.failed(origin, None if self._hops else outcome, f"{book.path[1:]}: {detail}")
        if 300 <= status < 400 and self._hops < MAX_REDIRECTS and (target := handle.redirect_url):
            try:
                prepared, _host = prepare_url(target)
            except BadUrlError:
                return book.answered(origin, status, b"")
            self._hops += 1
            self._aim(prepared)
            return None
        return book.answered(origin, status, b"".join(self._body))

    def _aim(self, url: str) -> None:
        self._body.clear()
        self._size = 0
        self.handle.begin(url, seconds=self._limits.total_seconds - self._seconds)

    def _write(self, chunk: bytes) -> int | None:
        self._body.append(chunk)
        self._size += len(chunk)
        return None if self._size <= MAX_BYTES else -1
