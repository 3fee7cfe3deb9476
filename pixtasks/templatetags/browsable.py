"""``{% load browsable %}``: JSON as people read it in the browsable API."""

from __future__ import annotations

import json
import re
from typing import Final

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

register = template.Library()

MOST_COLOURED: Final = 200_000
"""A longer text is shown as it is: colours would cost more than they help. Characters."""
_TOKEN: Final = re.compile(
    r'(?P<text>"(?:[^"\\]|\\.)*")(?P<colon>\s*:)?|(?P<number>-?\d[\d.eE+-]*)|(?P<word>\b(?:true|false|null)\b)'
)


@register.filter
def json_text(text: object) -> SafeString:
    """Return JSON with colours, and with links where a text is an address; all of it escaped."""
    source = str(text)
    if len(source) > MOST_COLOURED:
        return SafeString(escape(source))
    parts: list[str] = []
    last = 0
    for match in _TOKEN.finditer(source):
        parts += [escape(source[last : match.start()]), _marked(match)]
        last = match.end()
    parts.append(escape(source[last:]))
    return SafeString("".join(parts))


def _marked(match: re.Match[str]) -> SafeString:
    text = match.group("text")
    if text is None:
        return format_html('<span class="api-{}">{}</span>', "number" if match.group("number") else "word", match[0])
    if match.group("colon") is not None:
        return format_html('<span class="api-key">{}</span>{}', text, match.group("colon"))
    address = _address(text)
    if address:
        return format_html('<a class="api-text" href="{}" rel="noreferrer noopener">{}</a>', address, text)
    return format_html('<span class="api-text">{}</span>', text)


def _address(text: str) -> str:
    """Return where a text leads, if it is an address of the web or a path of this product."""
    try:
        value = json.loads(text)
    except ValueError:
        return ""
    ours = value.startswith(("/api/", "/tasks")) and not value.startswith("//")
    return value if ours or value.startswith(("http://", "https://")) else ""
