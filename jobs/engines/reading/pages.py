"""Images and the next link of an HTML page (HTML Living Standard: img, srcset, picture, base, link types)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

from jobs.engines.addresses import join_url
from jobs.engines.base import Candidate

from . import Found

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".avif")
NEXT_WORDS = frozenset(
    {"next", "next page", "next »", "next ›", "next >", "next →", "»", "›", "→", "older", "older posts"}
)
LAZY_SOURCES = ("data-src", "data-original", "data-lazy-src", "data-lazy", "src")
LAZY_SETS = ("data-srcset", "data-lazy-srcset", "srcset")
META_IMAGES = frozenset({"og:image", "og:image:url", "og:image:secure_url", "twitter:image", "twitter:image:src"})
TITLE_MAX = 500  # characters
CHARSET = re.compile(rb"""<meta[^>]+charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]+)""", re.IGNORECASE)


def read_page(body: bytes, url: str, *, content_type: str = "", link_header: str = "") -> Found:
    """Return the images of a page, and the address of the page after it.

    One image is taken per ``img`` or ``picture``: the largest that it offers. Scripts are not run.

    Args:
        url: address of the page, after redirects.
        content_type: the answer's header, for its charset.
        link_header: the answer's ``Link`` header (RFC 8288).
    """
    tree = LexborHTMLParser(_text(body, content_type))
    base = _base(tree, url)
    images: dict[str, Candidate] = {}
    for reference, title, how, size, thumb in _images(tree):
        address = join_url(base, reference)
        if address is None or address in images:
            continue
        images[address] = Candidate(
            image_url=address,
            thumb_url=(join_url(base, thumb) or "") if thumb else "",
            page_url=url,
            title=" ".join(title.split())[:TITLE_MAX],
            width=size[0],
            height=size[1],
            filetype=_suffix(address),
            raw={"found_in": how},
        )
    following = next(filter(None, (join_url(base, each) for each in _next(tree, link_header))), None)
    return Found(tuple(images.values()), (following,) if following else ())


Size = tuple[int | None, int | None]
Reference = tuple[str, str, str, Size, str]  # reference, title, where it stood, claimed size, thumbnail
UNKNOWN: Size = (None, None)


def _images(tree: LexborHTMLParser) -> Iterator[Reference]:
    page_title = _content(tree.css_first("title"))
    for meta in tree.css("meta"):
        if (_get(meta, "property") or _get(meta, "name")).lower() in META_IMAGES:
            yield _get(meta, "content"), page_title, "meta", UNKNOWN, ""
    for link in tree.css("link[rel][href]"):
        if "image_src" in _get(link, "rel").lower().split():
            yield _get(link, "href"), page_title, "link", UNKNOWN, ""
    for node in tree.css("a[href], img, picture"):
        if node.tag == "a":
            reference = _get(node, "href")
            if is_image(reference):
                inner = node.css_first("img")
                title = _title(inner) if inner is not None else _content(node)
                thumb = _plain_source(inner) if inner is not None else ""
                yield reference, title, "a", UNKNOWN, thumb
        elif node.tag == "picture":
            inner = node.css_first("img")
            offers = [offer for source in node.css("source") for offer in _offers(source)]
            if inner is not None:
                offers += [*_offers(inner), *_fallback(inner)]
            if offers:
                yield _best(offers), _title(inner) if inner is not None else "", "picture", UNKNOWN, ""
        elif not _within_picture(node):
            offers = [*_offers(node), *_fallback(node)]
            if offers:
                best = _best(offers)
                size = _claimed(node) if best == _plain_source(node) else UNKNOWN
                yield best, _title(node), "img", size, ""


def _offers(node: LexborNode) -> list[tuple[float, str]]:
    """Return (how large, reference) of every candidate of a node's srcset; nothing where it has none."""
    for name in LAZY_SETS:
        if value := _get(node, name):
            return parse_srcset(value)
    return []


def _fallback(node: LexborNode) -> list[tuple[float, str]]:
    source = _plain_source(node)
    return [(1.0, source)] if source else []


def _best(offers: list[tuple[float, str]]) -> str:
    """Return the largest; of equal ones the last, which is the img's own and readable everywhere."""
    return max(enumerate(offers), key=lambda each: (each[1][0], each[0]))[1][1]


def _plain_source(node: LexborNode) -> str:
    for name in LAZY_SOURCES:
        value = _get(node, name)
        # An inlined picture of one pixel stands in for the one that a script loads later.
        if value and not value.lower().startswith("data:"):
            return value
    return ""


def parse_srcset(text: str) -> list[tuple[float, str]]:
    """Return (width in pixels, or density, reference) of each candidate of a srcset.

    A reference may contain commas but not end with one: as the standard says, it reaches to the next blank.
    """
    offers, rest = [], " ".join(text.split())
    while rest:
        reference, _, rest = rest.lstrip(" ,").partition(" ")
        if reference.endswith(","):
            reference, descriptor = reference.rstrip(","), ""
        else:
            descriptor, _, rest = rest.partition(",")
        if reference and not reference.lower().startswith("data:"):
            offers.append((_largeness(descriptor.strip()), reference))
    return offers


def _largeness(descriptor: str) -> float:
    first = descriptor.partition(" ")[0].lower()
    if first[-1:] in ("w", "x"):
        try:
            return float(first[:-1])
        except ValueError:
            return 1.0
    return 1.0


def _within_picture(node: LexborNode) -> bool:
    parent = node.parent
    return parent is not None and parent.tag == "picture"


def _title(node: LexborNode) -> str:
    return _get(node, "alt") or _get(node, "title")


def _claimed(node: LexborNode) -> Size:
    return _pixels(_get(node, "width")), _pixels(_get(node, "height"))


def _pixels(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and 0 < len(text) <= 6 else None


def _next(tree: LexborHTMLParser, link_header: str) -> Iterator[str]:
    """Yield references to the page after this one, the surest first."""
    for part in re.findall(r"<([^>]*)>([^<]*)", link_header):
        if re.search(r"""\brel\s*=\s*(?:"[^"]*\bnext\b[^"]*"|next\b)""", part[1], re.IGNORECASE):
            yield part[0]
    links = tree.css("link[rel][href], a[href]")
    for node in links:
        if "next" in _get(node, "rel").lower().split():
            yield _get(node, "href")
    for node in links:
        if node.tag != "a":
            continue
        words = {" ".join(text.split()).lower() for text in (_content(node), _get(node, "aria-label"))}
        parent = node.parent
        classes = _get(node, "class").lower().split()
        classes += _get(parent, "class").lower().split() if parent is not None else []
        if words & NEXT_WORDS or "next" in classes:
            yield _get(node, "href")


def _base(tree: LexborHTMLParser, url: str) -> str:
    base = tree.css_first("base[href]")
    return (join_url(url, _get(base, "href")) if base is not None else None) or url


def _text(body: bytes, content_type: str) -> str:
    declared = re.search(r"charset\s*=\s*[\"']?([A-Za-z0-9_:.-]+)", content_type, re.IGNORECASE)
    in_page = CHARSET.search(body[:2048])
    name = "utf-8-sig" if body.startswith(b"\xef\xbb\xbf") else declared[1] if declared else ""
    name = name or (in_page[1].decode("ascii") if in_page else "utf-8")
    try:
        return body.decode(name, "replace")
    except LookupError:
        return body.decode("utf-8", "replace")


def is_image(reference: str) -> bool:
    try:
        return urlsplit(reference.strip()).path.lower().endswith(IMAGE_SUFFIXES)
    except ValueError:
        return False


def _suffix(address: str) -> str:
    path = urlsplit(address).path.lower()
    return path.rpartition(".")[2] if path.endswith(IMAGE_SUFFIXES) else ""


def _content(node: LexborNode | None) -> str:
    return node.text(strip=True) if node is not None else ""


def _get(node: LexborNode, name: str) -> str:
    return (node.attributes.get(name) or "").strip()
