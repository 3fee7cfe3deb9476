"""Images of sitemaps (sitemaps.org, with the image extension), RSS 2.0 with Media RSS, Atom (RFC 4287, RFC 5005)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from lxml import etree

from jobs.engines.addresses import join_url
from jobs.engines.base import Candidate

from . import Found, Unreadable
from .pages import TITLE_MAX, is_image, read_page

UNPACKED_MAX = 20_000_000  # bytes of a .gz after unpacking
LISTED_MAX = 50_000  # entries of one document; the sitemap protocol allows no more


def unpack(body: bytes) -> bytes:
    """Return the body, unpacked where it is gzip.

    Raises:
        Unreadable: broken, or larger than ``UNPACKED_MAX``.
    """
    if not body.startswith(b"\x1f\x8b"):
        return body
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(body, UNPACKED_MAX)
    except zlib.error as error:
        raise Unreadable(f"it is not valid gzip ({error})") from error
    if not unpacker.eof:
        whole = "it is larger than" if len(unpacked) >= UNPACKED_MAX else "it is cut off before"
        raise Unreadable(f"{whole} {UNPACKED_MAX} bytes unpacked")
    return unpacked


def looks_like_feed(body: bytes) -> bool:
    """Tell whether a document is a sitemap or a feed, by its first element and not by its header."""
    head = body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return any(mark in head for mark in (b"<urlset", b"<sitemapindex", b"<rss", b"<feed", b"<rdf:rdf"))


def read_feed(body: bytes, url: str) -> Found:
    """Return the images that a sitemap or a feed lists, and where it goes on.

    An entry without an image of its own gives its page instead.

    Raises:
        Unreadable: not XML, or none of the known forms.
    """
    # No entities, no DTD, no network: a bomb or a path in the document stays text (RELIABILITY.md).
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, recover=True, remove_comments=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Unreadable(f"it is not readable XML ({error})") from error
    if root is None:
        raise Unreadable("it is not readable XML")
    kind = _name(root)
    images: dict[str, Candidate] = {}
    following: list[str] = []
    pages: dict[str, None] = {}
    if kind == "sitemapindex":
        for place in _children(root, "sitemap"):
            following += _addresses(url, _text(place, "loc"))
    elif kind == "urlset":
        for place in _children(root, "url"):
            _collect(images, pages, _sitemap_images(place, url), _addresses(url, _text(place, "loc")))
    elif kind in ("rss", "RDF"):
        for channel in _children(root, "channel"):
            following += _next_links(channel, url)
        for item in _descendants(root, "item"):
            _collect(images, pages, _item_images(item, url), _addresses(url, _text(item, "link")))
    elif kind == "feed":
        following += _next_links(root, url)
        for entry in _children(root, "entry"):
            own = [
                link.get("href", "") for link in _children(entry, "link") if link.get("rel", "alternate") == "alternate"
            ]
            _collect(images, pages, _item_images(entry, url), _addresses(url, *own[:1]))
    else:
        raise Unreadable(f"its first element is <{kind}>, which is neither a sitemap nor a feed")
    return Found(tuple(images.values()), tuple(following[:LISTED_MAX]), tuple(pages)[:LISTED_MAX])


def _collect(images: dict[str, Candidate], pages: dict[str, None], found: Iterator[Candidate], page: list[str]) -> None:
    any_image = False
    for candidate in found:
        any_image = True
        images.setdefault(candidate.image_url, candidate)
    if not any_image:
        pages.update(dict.fromkeys(page))


def _sitemap_images(place: etree._Element, base: str) -> Iterator[Candidate]:
    page = next(iter(_addresses(base, _text(place, "loc"))), base)
    for image in _children(place, "image"):
        for address in _addresses(base, _text(image, "loc")):
            title = _text(image, "title") or _text(image, "caption")
            licence = next(iter(_addresses(base, _text(image, "license"))), "")
            yield _candidate(address, page, title, "sitemap", license_url=licence)


def _item_images(item: etree._Element, base: str) -> Iterator[Candidate]:
    """Yield the images of an RSS item or an Atom entry: enclosures, media, and those of its text."""
    title = _text(item, "title")
    links = [link.get("href") or (link.text or "") for link in _children(item, "link")
             if link.get("rel", "alternate") == "alternate"]  # fmt: skip
    page = next(iter(_addresses(base, *links)), base)
    seen = False
    for node in item.iter():
        name = _name(node)
        reference = ""
        if name == "enclosure" or (name == "content" and node.get("url")):
            reference = node.get("url", "")
        elif name == "link" and node.get("rel") == "enclosure":
            reference = node.get("href", "")
        if reference and _pictures(node, reference):
            for address in _addresses(base, reference):
                seen = True
                yield _candidate(address, page, title or _text(node, "title"), name)
    for name in ("description", "encoded", "summary", "content"):
        for node in _children(item, name):
            for candidate in read_page("".join(node.itertext()).encode(), page).images:
                seen = True
                yield _candidate(candidate.image_url, page, candidate.title or title, "text")
    if not seen:
        for node in _descendants(item, "thumbnail"):
            for address in _addresses(base, node.get("url", "")):
                yield _candidate(address, page, title, "thumbnail")


def _pictures(node: etree._Element, reference: str) -> bool:
    kind = node.get("type", "").lower()
    return kind.startswith("image/") or node.get("medium") == "image" or (not kind and is_image(reference))


def _candidate(address: str, page: str, title: str, how: str, *, license_url: str = "") -> Candidate:
    return Candidate(
        image_url=address,
        page_url=page,
        title=" ".join(title.split())[:TITLE_MAX],
        license_url=license_url,
        raw={"found_in": how},
    )


def _next_links(node: etree._Element, base: str) -> list[str]:
    return _addresses(base, *(link.get("href", "") for link in _children(node, "link") if link.get("rel") == "next"))


def _addresses(base: str, *references: str) -> list[str]:
    return [address for address in (join_url(base, reference) for reference in references) if address]


def _name(node: etree._Element) -> str:
    return etree.QName(node).localname if isinstance(node.tag, str) else ""


def _children(node: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in node if _name(child) == name)


def _descendants(node: etree._Element, name: str) -> Iterator[etree._Element]:
    return (child for child in node.iter() if _name(child) == name)


def _text(node: etree._Element, name: str) -> str:
    return next(("".join(child.itertext()).strip() for child in _children(node, name)), "")
