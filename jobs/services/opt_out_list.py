"""The opt-out list as whoever fetches asks it: may this be fetched, may this be kept."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from django.db.models import Count, Max

from jobs.fetch.outcomes import Outcome
from jobs.models import OptOut, OptOutKind
from jobs.services.opt_outs import canonical, mark_of
from pixtasks.common.net.urls import BadUrlError, prepare_url

_FRESH_SECONDS: Final = 5.0
_AT_A_TIME: Final = 500


class OptOutList:
    """What is on the list, a few seconds old at most where ``refresh`` is called often enough."""

    def __init__(self) -> None:
        self._domains: frozenset[str] = frozenset()
        self._urls: frozenset[str] = frozenset()
        self._files = 0
        self._state: tuple[object, ...] = ()
        self._due = 0.0
        self.refresh()

    def refresh(self) -> None:
        """Read the list again, where it has changed since and a few seconds have passed."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _FRESH_SECONDS
        rows = OptOut.objects.order_by().values_list("kind").annotate(number=Count("pk"), newest=Max("pk"))
        counts = {kind: (number, newest) for kind, number, newest in rows}
        self._files = counts.get(OptOutKind.SHA256, (0, 0))[0]
        state = (counts.get(OptOutKind.DOMAIN), counts.get(OptOutKind.URL))
        if state != self._state:
            self._state = state
            self._domains = frozenset(
                OptOut.objects.filter(kind=OptOutKind.DOMAIN).order_by().values_list("value", flat=True)
            )
            self._urls = frozenset(OptOut.objects.filter(kind=OptOutKind.URL).order_by().values_list("mark", flat=True))

    def refuses(self, prepared: str) -> tuple[Outcome, str] | None:
        """Return class and sentence of why an address that ``prepare_url`` has prepared is not asked for."""
        if not (self._domains or self._urls):
            return None
        domain = self._domain_of(prepared)
        if domain:
            return Outcome.OPTED_OUT, f"the domain {domain} is on the opt-out list"
        if self._urls and mark_of(OptOutKind.URL, canonical(prepared)) in self._urls:
            return Outcome.OPTED_OUT, "the address is on the opt-out list"
        return None

    def refuses_page(self, url: str) -> tuple[Outcome, str] | None:
        """Return why an image that was found on this page, "" for none, is not asked for."""
        if not url or not (self._domains or self._urls):
            return None
        try:
            refusal = self.refuses(prepare_url(url)[0])
        except BadUrlError:
            return None
        return (refusal[0], f"its page: {refusal[1]}") if refusal else None

    def files(self, digests: Collection[str]) -> set[str]:
        """Return which of these sha256 are on the list."""
        if not self._files:
            return set()
        wanted, found = sorted(set(digests)), set()
        for begin in range(0, len(wanted), _AT_A_TIME):
            found |= set(
                OptOut.objects.filter(kind=OptOutKind.SHA256, mark__in=wanted[begin : begin + _AT_A_TIME]).values_list(
                    "mark", flat=True
                )
            )
        return found

    def _domain_of(self, url: str) -> str:
        """Return the domain on the list that an address lies in, "" where there is none."""
        name = (urlsplit(url).hostname or "").rstrip(".")
        while name:
            if name in self._domains:
                return name
            name = name.partition(".")[2]
        return ""
