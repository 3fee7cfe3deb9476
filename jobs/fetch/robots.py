"""What a site's robots.txt allows (RFC 9309), per origin: scheme, host and port.

An answer is kept for a day, across tasks in Django's cache; a failure for a minute, so that a site that is back is
crawled again soon. Nothing here touches the network: whoever fetches robots.txt tells how that ended.
"""

from __future__ import annotations

import hashlib
import logging
import time
import zlib
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final
from urllib.parse import urlsplit

from django.core.cache import cache
from protego import Protego
from redis.exceptions import RedisError

from .outcomes import Outcome

logger = logging.getLogger(__name__)

CRAWLER_NAME: Final = "pixtasks"
"""What rules for this product are addressed to."""
MAX_BYTES: Final = 500 * 1024
"""So much of a robots.txt is read (RFC 9309, 2.5)."""
MAX_REDIRECTS: Final = 5
LONGEST_DELAY: Final = 30.0
"""Seconds; a longer Crawl-delay counts as this."""
ACCEPT: Final = "Accept: text/plain,*/*;q=0.5"

_KEPT_SECONDS: Final = 86_400
_FAILED_SECONDS: Final = 60
#: Failures before any answer that the site's other addresses would share.
_SHARED_FAILURES: Final = frozenset(
    {Outcome.DNS, Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.TLS, Outcome.BLOCKED_ADDRESS}
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Rules:
    """What one origin allows.

    Attributes:
        text: its robots.txt, "" where it has none.
        failure: class and sentence of why nothing of it may be fetched for now; None where the text decides.
        until: when it has to be asked again, as ``time.time`` counts.
    """

    text: str
    failure: tuple[Outcome, str] | None
    until: float

    @cached_property
    def _parser(self) -> Protego:
        return _parsed(self.text)

    @cached_property
    def delay(self) -> float:
        """Seconds that it wants between two requests, ``LONGEST_DELAY`` at most."""
        return min(self._parser.crawl_delay(CRAWLER_NAME) or 0.0, LONGEST_DELAY) if self.text else 0.0

    def refuses(self, url: str) -> tuple[Outcome, str] | None:
        """Return class and sentence of why this address may not be fetched; None where it may."""
        if self.failure is not None:
            return self.failure
        if not self.text or self._parser.can_fetch(url, CRAWLER_NAME):
            return None
        return Outcome.ROBOTS, f"forbidden by {origin_of(url)}/robots.txt"


class RobotsBook:
    """The rules of the origins that one client has met; shared with other clients through Django's cache."""

    def __init__(self) -> None:
        self._rules: dict[str, Rules] = {}
        self._shares = True

    def rules(self, origin: str) -> Rules | None:
        """Return what is known of an origin; None where it has to be asked."""
        rules = self._rules.get(origin)
        if rules is None:
            rules = self._recall(origin)
            if rules is None:
                return None
            self._rules[origin] = rules
        if rules.until > time.time():
            return rules
        del self._rules[origin]
        return None

    def answered(self, origin: str, status: int, body: bytes) -> Rules:
        """Note the answer to ``/robots.txt``, after its redirects.

        Args:
            status: a redirect's where there were more than ``MAX_REDIRECTS``, or where one led nowhere.
            body: its first ``MAX_BYTES``.
        """
        if status == 429 or status >= 500:
            # 2.3.1.4: not to be had for now, so nothing is allowed. Who asks for fewer requests says nothing about
            # rules either.
            return self.failed(origin, None, f"{origin}/robots.txt answered {status}")
        text = body[:MAX_BYTES].decode("utf-8", "replace").removeprefix("\ufeff") if 200 <= status < 300 else ""
        return self._note(origin, Rules(text, None, time.time() + _KEPT_SECONDS), _KEPT_SECONDS)

    def failed(self, origin: str, outcome: Outcome | None, detail: str) -> Rules:
        """Note that ``/robots.txt`` was not to be had.

        Args:
            outcome: of the first request's connection; None where something answered.
        """
        if outcome in _SHARED_FAILURES:
            # Every address of the site would fail so. It is said in that word, and not kept for others.
            rules = Rules("", (outcome, detail), time.time() + _FAILED_SECONDS)
            self._rules[origin] = rules
            return rules
        rules = Rules("", (Outcome.ROBOTS_UNAVAILABLE, detail), time.time() + _FAILED_SECONDS)
        return self._note(origin, rules, _FAILED_SECONDS)

    def _note(self, origin: str, rules: Rules, seconds: int) -> Rules:
        self._rules[origin] = rules
        if self._shares:
            try:
                cache.set(_key(origin), (zlib.compress(rules.text.encode()), rules.failure, rules.until), seconds)
            except (RedisError, OSError) as error:
                self._share_no_more(error)
        return rules

    def _recall(self, origin: str) -> Rules | None:
        if not self._shares:
            return None
        try:
            found = cache.get(_key(origin))
        except (RedisError, OSError) as error:
            self._share_no_more(error)
            return None
        if found is None:
            return None
        packed, failure, until = found
        return Rules(zlib.decompress(packed).decode(), failure, until)

    def _share_no_more(self, error: Exception) -> None:
        # Each further try would cost a second in the loop that transfers.
        self._shares = False
        logger.warning("rules of sites are not shared, the cache is not available: %s", error)


def origin_of(prepared: str) -> str:
    """Return scheme, host and port of an address that ``prepare_url`` has prepared, in one spelling."""
    parts = urlsplit(prepared)
    scheme, port = parts.scheme.lower(), parts.port
    host = (parts.hostname or "").rstrip(".")
    host = f"[{host}]" if ":" in host else host
    return f"{scheme}://{host}" if port in (None, _DEFAULT_PORTS.get(scheme)) else f"{scheme}://{host}:{port}"


@lru_cache(maxsize=256)
def _parsed(text: str) -> Protego:
    return Protego.parse(text)


def _key(origin: str) -> str:
    return f"robots:{hashlib.sha256(origin.encode()).hexdigest()}"
