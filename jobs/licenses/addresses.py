"""Addresses of licences."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from .words import Named, of_elements

_VERSION: Final = re.compile(r"\d(?:\.\d)?")
_PORT: Final = re.compile(r"[a-z]{2,3}|scotland")
_PLACES: Final[tuple[tuple[str, str, str], ...]] = (
    # host, pattern of the path, code
    ("pexels.com", r"/(?:[a-z-]+/)?(?:license|photo-license|terms-of-service|legal-pages).*", "PEXELS"),
    ("pixabay.com", r"/(?:[a-z-]+/)?service/(?:license|terms).*", "PIXABAY"),
    ("unsplash.com", r"/license.*", "UNSPLASH"),
    ("gnu.org", r"/(?:copyleft|licenses)/(?:.*/)?(?:free-doc|fdl|gfdl).*", "GFDL"),
    ("gnu.org", r"/(?:copyleft|licenses)/(?:.*/)?lgpl.*", "LGPL"),
    ("gnu.org", r"/(?:copyleft|licenses)/(?:.*/)?gpl.*", "GPL"),
    ("artlibre.org", r".*", "FAL"),
    ("opensource.org", r"/licenses?/mit(?:-license)?(?:\.php)?/?", "MIT"),
    ("opensource.org", r"/licenses?/bsd.*", "BSD"),
    ("apache.org", r"/licenses/license-2\.0.*", "APACHE"),
    ("nationalarchives.gov.uk", r"/doc/open-government-licence.*", "OGL"),
    ("usa.gov", r"/(?:copyright|government-works|government-copyright).*", "USGOV"),
    ("flickr.com", r"/commons/usage.*", "NKC"),
    ("flickrhelp.com", r".*commons.*", "NKC"),
    ("rightsstatements.org", r"/(?:vocab|page)/nkc/.*", "NKC"),
    ("rightsstatements.org", r"/(?:vocab|page)/noc-us/.*", "NOC-US"),
    ("rightsstatements.org", r"/(?:vocab|page)/inc(?:-[a-z-]+)?/.*", "ARR"),
)


def of_address(address: str) -> Named | None:
    """Return the licence at an address, or None where it is the address of none that is known."""
    if not address:
        return None
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
        host = (parts.hostname or "").lower().removeprefix("www.")
    except ValueError:
        return None
    path = parts.path.lower()
    if host == "creativecommons.org":
        return _creative_commons([step for step in path.split("/") if step])
    for place, pattern, code in _PLACES:
        if host == place and re.fullmatch(pattern, path):
            return Named(code, _version_in(path) if code in ("OGL", "GFDL", "GPL", "LGPL") else "", "")
    return None


def _creative_commons(steps: list[str]) -> Named | None:
    """Return the licence of a path there: ``licenses/by-sa/3.0/de/``, ``publicdomain/zero/1.0/``."""
    match steps:
        case ["share-your-work", "public-domain", "cc0", *_]:
            return Named("CC0", "1.0", "")
        case ["licenses", "publicdomain", *_]:
            return Named("PDM", "", "")
        case ["publicdomain", "zero", *_]:
            return Named("CC0", "1.0", "")
        case ["publicdomain", "mark", *rest]:
            return Named("PDM", rest[0] if rest and _VERSION.fullmatch(rest[0]) else "", "")
        case ["licenses" | "licences", name, *rest]:
            code = of_elements(name.split("-"))
            if code is None:
                return None
            version = rest[0] if rest and _VERSION.fullmatch(rest[0]) else ""
            port = rest[1] if version and len(rest) > 1 and _PORT.fullmatch(rest[1]) else ""
            return Named(code, version, port)
    return None


def _version_in(path: str) -> str:
    found = re.search(r"\d(?:\.\d)?", path)
    return found[0] if found else ""
