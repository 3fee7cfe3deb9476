"""What a site's robots.txt allows (RFC 9309).

An answer is kept for a day; a failure for a minute, so that a site that is back is crawled again soon.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Final

from protego import Protego

from .books import KEPT_SECONDS, Refusal, SiteBook, SiteFile, file_text, origin_of
from .outcomes import Outcome

CRAWLER_NAME: Final = "pixtasks"
"""What rules for this product are addressed to."""
LONGEST_DELAY: Final = 30.0
"""Seconds; a longer Crawl-delay counts as this."""

_FAILED_SECONDS: Final = 60
#: Failures before any answer that the site's other addresses would share.
_SHARED_FAILURES: Final = frozenset(
    {Outcome.DNS, Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.TLS, Outcome.BLOCKED_ADDRESS}
)


class Rules(SiteFile):
    """What one origin allows."""

    @cached_property
    def _parser(self) -> Protego:
        return _parsed(self.text)

    @cached_property
    def delay(self) -> float:
        """Seconds that it wants between two requests, ``LONGEST_DELAY`` at most."""
        return min(self._parser.crawl_delay(CRAWLER_NAME) or 0.0, LONGEST_DELAY) if self.text else 0.0

    def refuses(self, url: str) -> Refusal | None:
        """Return class and sentence of why this address may not be fetched; None where it may."""
        if self.failure is not None:
            return self.failure
        if not self.text or self._parser.can_fetch(url, CRAWLER_NAME):
            return None
        return Outcome.ROBOTS, f"forbidden by {origin_of(url)}{RobotsBook.path}"


class RobotsBook(SiteBook[Rules]):
    """The robots.txt of the origins that one client has met."""

    path = "/robots.txt"
    accept = "Accept: text/plain,*/*;q=0.5"
    shelf = "robots"
    page = Rules

    def answered(self, origin: str, status: int, body: bytes) -> Rules:
        """Note the answer; see :meth:`SiteBook.answered`."""
        if status == 429 or status >= 500:
            # 2.3.1.4: not to be had for now, so nothing is allowed. Who asks for fewer requests says nothing about
            # rules either.
            return self.failed(origin, None, f"{origin}{self.path} answered {status}")
        return self._note(origin, file_text(body) if 200 <= status < 300 else "", None, KEPT_SECONDS)

    def failed(self, origin: str, outcome: Outcome | None, detail: str) -> Rules:
        """Note that it was not to be had; see :meth:`SiteBook.failed`."""
        if outcome in _SHARED_FAILURES:
            # Every address of the site would fail so. It is said in that word, and not kept for others.
            return self._note(origin, "", (outcome, detail), _FAILED_SECONDS, shared=False)
        return self._note(origin, "", (Outcome.ROBOTS_UNAVAILABLE, detail), _FAILED_SECONDS)


@lru_cache(maxsize=256)
def _parsed(text: str) -> Protego:
    return Protego.parse(text)
