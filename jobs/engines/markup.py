"""HTML in the fields of an answer: its text, and the first link in it."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, fromstring

from .addresses import clean_url

_BLANKS = re.compile(r"\s+")
_DROPPED = ("script", "style")


def strip_html(html: str) -> str:
    """Return the text of a piece of HTML on one line; plain text stays as it is, entities become characters."""
    html = html.replace("\0", "")  # PostgreSQL stores none
    root = _parsed(html)
    if root is None:
        return _BLANKS.sub(" ", html).strip()
    for element in root.iter(*_DROPPED):
        element.clear(keep_tail=True)
    for element in root.iter("br", "p", "div", "li"):
        element.tail = " " + (element.tail or "")
    return _BLANKS.sub(" ", str(root.text_content())).strip()


def first_link(html: str, base: str) -> str:
    """Return the address of the first link to the web in a piece of HTML, "" where there is none.

    Args:
        base: what relative links ("//commons…", "/wiki/User:X") are relative to.
    """
    root = _parsed(html)
    for element in root.iter("a") if root is not None else ():
        reference = element.get("href")
        try:
            if reference:
                return clean_url(urljoin(base, reference))
        except ValueError:
            continue
    return ""


def _parsed(html: str) -> HtmlElement | None:
    if "<" not in html and "&" not in html:
        return None
    try:
        return fromstring(f"<div>{html}</div>", parser=HTMLParser(encoding="utf-8", no_network=True))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None
