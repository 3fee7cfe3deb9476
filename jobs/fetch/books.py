"""What sites say in files of their own about what may be fetched, per origin: scheme, host and port.

What a file says is kept in a book, across tasks in Django's cache. Nothing here touches the network: whoever fetches
the file tells how that ended.
"""

from __future__ import annotations

import hashlib
import logging
import time
import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Final, Generic, TypeVar
from urllib.parse import urlsplit

from django.core.cache import cache
from redis.exceptions import RedisError

from .outcomes import Outcome

logger = logging.getLogger(__name__)

MAX_BYTES: Final = 500 * 1024
"""So much of such a file is read (RFC 9309, 2.5)."""
MAX_REDIRECTS: Final = 5
KEPT_SECONDS: Final = 86_400

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

Refusal = tuple[Outcome, str]
"""Class and sentence of why an address may not be fetched."""


@dataclass(frozen=True)
class SiteFile(ABC):
    """What the file of one origin says.

    Attributes:
        text: of the file, "" where there is none.
        failure: why nothing of the origin may be fetched for now; None where the text decides.
        until: when it has to be asked for again, as ``time.time`` counts.
    """

    text: str
    failure: Refusal | None
    until: float

    @property
    def delay(self) -> float:
        """Seconds that the site wants between two requests."""
        return 0.0

    @abstractmethod
    def refuses(self, url: str) -> Refusal | None:
        """Return why this address may not be fetched; None where it may."""


File = TypeVar("File", bound=SiteFile)


class SiteBook(ABC, Generic[File]):
    """The files of one kind of the origins that one client has met; shared with others through Django's cache.

    Attributes:
        path: where the file is, at every origin.
        accept: header line of the request for it.
        page: class of what it says.
        shelf: what keys in the cache begin with.
    """

    path: ClassVar[str]
    accept: ClassVar[str]
    shelf: ClassVar[str]
    page: type[File]

    def __init__(self) -> None:
        self._files: dict[str, File] = {}
        self._shares = True

    def rules(self, origin: str) -> File | None:
        """Return what is known of an origin; None where it has to be asked."""
        file = self._files.get(origin)
        if file is None:
            file = self._recall(origin)
            if file is None:
                return None
            self._files[origin] = file
        if file.until > time.time():
            return file
        del self._files[origin]
        return None

    @abstractmethod
    def answered(self, origin: str, status: int, body: bytes) -> File:
        """Note the answer to the request for the file, after its redirects.

        Args:
            status: a redirect's where there were more than ``MAX_REDIRECTS``, or where one led nowhere.
            body: its first ``MAX_BYTES``.
        """

    @abstractmethod
    def failed(self, origin: str, outcome: Outcome | None, detail: str) -> File:
        """Note that the file was not to be had.

        Args:
            outcome: of the first request's connection; None where something answered.
        """

    def _note(self, origin: str, text: str, failure: Refusal | None, seconds: int, *, shared: bool = True) -> File:
        file = self._files[origin] = self.page(text, failure, time.time() + seconds)
        if shared and self._shares:
            try:
                cache.set(self._key(origin), (zlib.compress(text.encode()), failure, file.until), seconds)
            except (RedisError, OSError) as error:
                self._share_no_more(error)
        return file

    def _recall(self, origin: str) -> File | None:
        if not self._shares:
            return None
        try:
            found = cache.get(self._key(origin))
        except (RedisError, OSError) as error:
            self._share_no_more(error)
            return None
        if found is None:
            return None
        packed, failure, until = found
        return self.page(zlib.decompress(packed).decode(), failure, until)

    def _share_no_more(self, error: Exception) -> None:
        # Each further try would cost a second in the loop that transfers.
        self._shares = False
        logger.warning("rules of sites are not shared, the cache is not available: %s", error)

    def _key(self, origin: str) -> str:
        return f"{self.shelf}:{hashlib.sha256(origin.encode()).hexdigest()}"


def file_text(body: bytes) -> str:
    """Return what such a file says, whatever its bytes are."""
    return body[:MAX_BYTES].decode("utf-8", "replace").removeprefix("\ufeff")


def origin_of(prepared: str) -> str:
    """Return scheme, host and port of an address that ``prepare_url`` has prepared, in one spelling."""
    parts = urlsplit(prepared)
    scheme, port = parts.scheme.lower(), parts.port
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{scheme}://{host}:{port}"
