"""What a site reserves from text and data mining in ``/.well-known/tdmrep.json``.

Source: TDM Reservation Protocol (W3C Community Group report), "TDM File on the Origin Server". The first rule in the
file whose pattern fits counts. A header of the answer counts more than the file, but what the file reserves is never
asked for, so only ``tdm-reservation: 1`` can overrule it.

An answer is kept for a day. A file that cannot be had reserves nothing, as the report says; it is asked for again after
ten minutes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, urlsplit

from .books import KEPT_SECONDS, Refusal, SiteBook, SiteFile, file_text, origin_of
from .outcomes import Outcome

MAX_RULES: Final = 1000
"""So many rules of a file are read."""
_FAILED_SECONDS: Final = 600
_POLICY_SHOWN: Final = 200
_ENCODED: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of the file.

    Attributes:
        pieces: what the path holds in this order, anything between them; the first one is what it begins with.
        whole: whether the path ends with the last piece.
        reserved: whether what fits is reserved.
        policy: address of the terms under which it may be had, "" where none is named.
    """

    pieces: tuple[str, ...]
    whole: bool
    reserved: bool
    policy: str

    def fits(self, path: str) -> bool:
        """Tell whether this rule is about a path that :func:`spelled` has spelled."""
        first, *later = self.pieces
        if not path.startswith(first):
            return False
        if not later:
            return not self.whole or len(path) == len(first)
        at = len(first)
        for piece in later[:-1]:
            found = path.find(piece, at)
            if found < 0:
                return False
            at = found + len(piece)
        last = later[-1]
        return path.endswith(last) and len(path) - len(last) >= at if self.whole else path.find(last, at) >= 0


class Reservations(SiteFile):
    """What one origin reserves."""

    def refuses(self, url: str) -> Refusal | None:
        """Return class and sentence of why this address may not be fetched; None where nothing reserves it."""
        if not self.text:
            return None
        parts = urlsplit(url)
        path = spelled(f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/")
        for rule in rules_of(self.text):
            if rule.fits(path):
                if not rule.reserved:
                    return None
                terms = f"; its terms: {rule.policy}" if rule.policy else ""
                return Outcome.TDM_RESERVED, f"reserved by {origin_of(url)}{TdmBook.path}{terms}"
        return None


class TdmBook(SiteBook[Reservations]):
    """The tdmrep.json of the origins that one client has met."""

    path = "/.well-known/tdmrep.json"
    accept = "Accept: application/json,*/*;q=0.5"
    shelf = "tdmrep"
    page = Reservations

    def answered(self, origin: str, status: int, body: bytes) -> Reservations:
        """Note the answer; see :meth:`SiteBook.answered`."""
        if status == 429 or status >= 500:
            return self.failed(origin, None, f"{origin}{self.path} answered {status}")
        text = file_text(body) if 200 <= status < 300 else ""
        # A page for people in its place says nothing: it is not kept.
        return self._note(origin, text if rules_of(text) else "", None, KEPT_SECONDS)

    def failed(self, origin: str, outcome: Outcome | None, detail: str) -> Reservations:
        """Note that it was not to be had, which reserves nothing; see :meth:`SiteBook.failed`."""
        return self._note(origin, "", None, _FAILED_SECONDS)


@lru_cache(maxsize=256)
def rules_of(text: str) -> tuple[Rule, ...]:
    """Return the rules of a file in their order; what is no rule is passed over."""
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    if isinstance(entries, dict):  # The brackets were forgotten; what is meant is clear.
        entries = [entries]
    if not isinstance(entries, list):
        return ()
    return tuple(rule for entry in entries[:MAX_RULES] if (rule := _rule(entry)) is not None)


def spelled(path: str) -> str:
    """Return a path as patterns are compared with it: percent-encoded where it has to be, and nowhere else."""
    return _ENCODED.sub(_decoded, quote(path, safe="/%?&=:;,@!'()+~#[]"))


def _rule(entry: object) -> Rule | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("location"), str):
        return None
    location, policy = entry["location"].strip(), entry.get("tdm-policy")
    if not location:
        return None
    whole = location.endswith("$")
    location = location.removesuffix("$")
    if not location.startswith(("/", "*")):
        location = f"/{location}"
    return Rule(
        tuple(spelled(piece) for piece in location.split("*")),
        whole,
        # Anything but 0 and 1 is as if it were not said. Who writes "1" or true is taken at the word.
        entry.get("tdm-reservation") in (1, "1"),
        policy[:_POLICY_SHOWN] if isinstance(policy, str) and policy.isprintable() else "",
    )


def _decoded(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else f"%{match[1].upper()}"
