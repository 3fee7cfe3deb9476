"""Names and codes of licences, as words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

from .terms import TERMS


class Named(NamedTuple):
    """A licence that was recognised: its code, and version and port (jurisdiction) where they were said."""

    code: str
    version: str
    port: str


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_WORD: Final = re.compile(r"cc0|[a-z]+|\d+(?:\.\d+)*|(?<=g)\+")
_VERSION: Final = re.compile(r"\d{1,2}(?:\.\d+)*")

_SYNONYMS: Final[tuple[tuple[str, str], ...]] = (
    (r"\blicen[cs]ed\b", "license"),
    (r"\blicen[cs]es?\b", "license"),
    (r"\bcreative ?commons\b", "cc"),
    (r"\bcc ?(?:0|zero)\b", "cc0"),
    (r"\bcc(?=(?:by|nc|nd|sa|pdm)\b)", "cc "),
    (r"\bcc(?=by(?:nc|nd|sa))", "cc "),
    (r"\bby(?=(?:nc|nd|sa)+\b)", "by "),
    (r"\bnc(?=(?:nd|sa)\b)", "nc "),
    (r"\b(gpl|lgpl|gfdl|ogl)v\b", r"\1"),
    (r"\battribution\b", "by"),
    (r"\bnon ?commercial(?: use)?\b", "nc"),
    (r"\bno ?deriv(?:s|ative works|atives|ative)?\b", "nd"),
    (r"\bshare ?alike\b", "sa"),
)
_EMPTY: Final = _words(
    "the a an under license generic unported international universal deed version v ver only later migrated all this",
    "work image photo photograph picture file media content is it its available released published shared dual or of",
)
"""Words that make no difference beside a licence's name."""

_PORTS: Final = _words(
    "am ar at au az be bg br ca ch cl cn co cr cz de dk ec ee eg es fi fr ge gr gt hk hr hu ie igo il in it jp kr lu",
    "mk mt mx my nl no nz pe ph pl pr pt ro rs scotland se sg si th tw ua ug uk us ve vn za",
)
_COUNTRIES: Final = {
    "australia": "au", "austria": "at", "belgium": "be", "brazil": "br", "canada": "ca", "chile": "cl", "china": "cn",
    "denmark": "dk", "england and wales": "uk", "finland": "fi", "france": "fr", "germany": "de", "deutschland": "de",
    "hungary": "hu", "india": "in", "ireland": "ie", "israel": "il", "italy": "it", "japan": "jp", "korea": "kr",
    "mexico": "mx", "netherlands": "nl", "new zealand": "nz", "norway": "no", "poland": "pl", "portugal": "pt",
    "south korea": "kr", "spain": "es", "sweden": "se", "switzerland": "ch", "taiwan": "tw",
    "united kingdom": "uk", "united states": "us", "united states of america": "us",
}  # fmt: skip

_SAID: Final[dict[str, str]] = {
    "pdm": "PDM", "cc pdm": "PDM", "public domain": "PDM", "public domain mark": "PDM", "cc public domain": "PDM",
    "cc public domain mark": "PDM", "publicdomain": "PDM", "publicdomain mark": "PDM", "in public domain": "PDM",
    "no copyright": "PDM", "copyright expired": "PDM", "gemeinfrei": "PDM", "domaine public": "PDM",
    "cc0": "CC0", "cc0 public domain dedication": "CC0", "public domain dedication": "CC0",
    "publicdomain zero": "CC0", "public domain dedication cc0": "CC0", "cc cc0": "CC0", "public domain cc0": "CC0",
    "cc0 cc0 public domain dedication": "CC0", "cc public domain dedication": "CC0", "cc0 public domain": "CC0",
    "cc cc0 public domain dedication": "CC0", "cc0 cc": "CC0",
    "no known copyright restrictions": "NKC", "no known restrictions": "NKC", "no known copyright": "NKC", "nkc": "NKC",
    "no known copyright restriction": "NKC", "flickr commons": "NKC", "no known restrictions on publication": "NKC",
    "no copyright united states": "NOC-US", "no copyright in united states": "NOC-US", "noc us": "NOC-US",
    "public domain in united states": "NOC-US",
    "united states government work": "USGOV", "us government work": "USGOV", "u s government work": "USGOV",
    "usgov": "USGOV", "u s government works": "USGOV",
    "copyrighted free use": "COPYRIGHTED-FREE-USE",
    "pexels": "PEXELS", "pixabay": "PIXABAY", "pixabay content": "PIXABAY", "unsplash": "UNSPLASH",
    "gfdl": "GFDL", "gnu fdl": "GFDL", "gnu free documentation": "GFDL", "free documentation": "GFDL",
    "fal": "FAL", "free art": "FAL", "licence art libre": "FAL", "art libre": "FAL", "lal": "FAL",
    "gpl": "GPL", "gnu gpl": "GPL", "gnu general public": "GPL", "lgpl": "LGPL", "gnu lgpl": "LGPL",
    "gnu lesser general public": "LGPL",
    "mit": "MIT", "expat": "MIT", "bsd": "BSD", "apache": "APACHE", "asl": "APACHE",
    "ogl": "OGL", "open government": "OGL", "uk open government": "OGL", "ogl uk": "OGL",
    "all rights reserved": "ARR", "in copyright": "ARR", "arr": "ARR", "copyright": "ARR", "copyrighted": "ARR",
    "c all rights reserved": "ARR", "copyright all rights reserved": "ARR",
    "sampling": "SAMPLING+", "sampling plus": "SAMPLING+", "sampling +": "SAMPLING+",
    "nc sampling": "NC-SAMPLING+", "nc sampling plus": "NC-SAMPLING+", "nc sampling +": "NC-SAMPLING+",
}  # fmt: skip
_NAMES: Final = {" ".join(word for word in name.split() if word not in _EMPTY): code for name, code in _SAID.items()}
_LEGACY: Final = frozenset({"SA", "NC", "ND", "NC-SA", "NC-ND"})


def of_words(text: str) -> Named | None:
    """Return the licence that a whole text names, or None."""
    code = text.strip().upper()
    if code in TERMS:
        return Named(code, "", "")
    folded = re.sub(r"(?<=\d)_(?=\d)", ".", unicodedata.normalize("NFKC", text).lower())
    words = " ".join(_WORD.findall(folded))
    for pattern, word in _SYNONYMS:
        words = re.sub(pattern, word, words)
    rest, port = _without_country(words)
    tokens = [token for token in rest.split() if token not in _EMPTY]
    versions = [token for token in tokens if _VERSION.fullmatch(token)]
    plain = [token for token in tokens if not _VERSION.fullmatch(token)]
    newest = max(versions, key=_number, default="")
    if plain[:1] == ["pd"]:
        return Named("PDM", "", "")
    name = _NAMES.get(" ".join(plain))
    if name is not None:
        return Named(name, newest, "")
    return _elements(plain, newest, port)


def of_elements(elements: Sequence[str]) -> str | None:
    """Return the code of a Creative Commons licence's elements in any order ("by", "nc", "sa"), or None."""
    given = [element.rstrip("+") for element in elements]
    if len(set(given)) != len(given) or not given:
        return None
    if "sampling" in given:
        return {("sampling",): "SAMPLING+", ("nc", "sampling"): "NC-SAMPLING+"}.get(tuple(given))
    if not set(given) <= {"by", "nc", "nd", "sa"}:
        return None
    code = "-".join(element.upper() for element in ("by", "nc", "nd", "sa") if element in given)
    return code if code in TERMS else None


def _elements(words: list[str], version: str, port: str) -> Named | None:
    ports = [word for word in words if word in _PORTS]
    elements = [word for word in words if word not in _PORTS and word != "cc"]
    code = of_elements(elements)
    if code is None or len(ports) > 1 or (ports and not version):
        return None
    # "Non-commercial" alone says what is not permitted, and is no licence; "CC NC 1.0" was one.
    if code in _LEGACY and "cc" not in words and not version:
        return None
    return Named(code, version, ports[0] if ports else port if version else "")


def _without_country(words: str) -> tuple[str, str]:
    """Take the name of a country off the end."""
    for country, port in _COUNTRIES.items():
        if words.endswith(f" {country}") and "domain" not in words and "copyright" not in words:
            return words.removesuffix(country), port
    if words.endswith(" license"):
        return _without_country(words.removesuffix(" license"))
    return words, ""


def _number(version: str) -> float:
    try:
        return float(version)
    except ValueError:
        return 0.0
