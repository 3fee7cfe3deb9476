"""From what a source says of a licence to one code.

A text is recognised as a whole or not at all: "CC BY 4.0" is a licence, "Photo by Ann" is not, and neither is "free for
personal use". So nothing is taken for more permissive than it was said to be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .addresses import of_address
from .terms import PERMISSIVE, TERMS
from .words import Named, of_words


@dataclass(frozen=True, slots=True)
class License:
    """A licence as this product writes it.

    Attributes:
        code: a key of :data:`jobs.licenses.TERMS`; the text itself where it is not known; "" where nothing was said.
        version: "4.0"; "" where none was said.
        url: where to read it; "" where that is not known.
        name: for people: "CC BY-SA 3.0 DE", "Public domain"; the text itself where it is not known.
    """

    code: str
    version: str
    url: str
    name: str


_ADDRESS: Final = re.compile(r"(?:https?:)?//[^\s\"'<>|]+|(?:www\.)?creativecommons\.org/[^\s\"'<>|]+", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^<>]*>")
_BETWEEN: Final = re.compile(r"[,;|/()\n]|\s(?:or|and|oder|ou|&|\+)\s", re.IGNORECASE)
_LIMITS: Final = re.compile(
    r"\b(?:non?|not|only|except|excluding|unless|without|personal|private|editorial|educational|research|permission"
    r"|non-?commercial|restrict\w*|prohibit\w*|forbid\w*)\b",
    re.IGNORECASE,
)
_LONGEST: Final = 2000


@lru_cache(maxsize=4096)
def normalize(text: str, *, url: str = "") -> License:
    """Return the licence that a source names.

    Understood are codes ("by-sa", "CC BY-SA 4.0", SPDX's "CC-BY-SA-4.0"), addresses of licences (of Creative Commons in
    every version and port), and names in English. Where a picture may be used under several ("GFDL, CC BY-SA 3.0"), one
    may choose, and the most permissive one that is recognised is taken; a part that is not recognised and speaks of a
    limit ("CC BY, not for sale") makes the whole unknown. Where ``text`` and ``url`` name different licences, the
    address holds, for it leads to the terms; unless the text offers several and that is one of them.

    Args:
        text: code, name or address, as the source gives it; HTML is taken off.
        url: the address that the source gives besides.

    Returns:
        For known licences the same again when its ``code`` and ``url`` are given; so it may be applied twice.
    """
    text, url = text.strip()[:_LONGEST], url.strip()
    said = [named for address in _ADDRESS.findall(text) if (named := of_address(address))]
    plain = " ".join(_TAG.sub(" ", _ADDRESS.sub(" ", text)).split(" ")).strip()
    said += _of_text(plain)
    led = of_address(url)
    if led is not None and led.code not in {named.code for named in said}:
        said = [led]
    if not said:
        words = " ".join((plain or text).split())
        return License(words, "", url, words)
    if led is not None:
        said.append(led)
    best = min(said, key=lambda named: (PERMISSIVE[named.code], *_newest_first(named)))
    same = led is not None and led.code == best.code and led.version in ("", best.version)
    port = best.port or (led.port if same and led is not None else "")
    return _license(Named(best.code, best.version, port), url if same else "")


def _of_text(text: str) -> list[Named]:
    """Return the licences that a text offers; none where it is not sure."""
    whole = of_words(text)
    if whole is not None:
        return [whole]
    found = []
    for part in _BETWEEN.split(text):
        named = of_words(part)
        if named is not None:
            found.append(named)
        elif _LIMITS.search(part):
            return []
    return found


def _newest_first(named: Named) -> tuple[float, bool]:
    """Return what sorts a licence's later versions before its earlier ones, and those with a port before the rest."""
    try:
        return -float(named.version), not named.port
    except ValueError:
        return 0.0, not named.port


def _license(named: Named, url: str) -> License:
    terms = TERMS[named.code]
    version = named.version or ("1.0" if named.code == "CC0" else "")
    if not url:
        url = terms.url or _deed(named.code, version, named.port)
    return License(named.code, version, url, " ".join(filter(None, (terms.name, version, named.port.upper()))))


def _deed(code: str, version: str, port: str) -> str:
    """Return the address of a Creative Commons licence; "" where that takes a version that was not said."""
    name = TERMS[code].name
    if not version:
        return ""
    if code == "PDM":
        return f"https://creativecommons.org/publicdomain/mark/{version}/"
    if not name.startswith("CC "):
        return ""
    path = {"NC-ND": "nd-nc"}.get(code, code.lower())
    return f"https://creativecommons.org/licenses/{path}/{version}/" + (f"{port.lower()}/" if port else "")
