"""``{% load tasks_console %}``: values of tasks as people read them."""

from __future__ import annotations

import json
from typing import Any, Final

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

MOST_SHOWN: Final = 50_000
"""Characters of a value on a page; the API has the whole of it."""


@register.filter
def pretty_json(value: Any) -> SafeString:
    """Return a JSON value with indents, escaped and bounded."""
    text = json.dumps(value, ensure_ascii=False, indent=2, default=str)
    return long_text(text)


@register.filter
def long_text(text: str) -> SafeString:
    """Return a text as it is, line by line, escaped and bounded."""
    cut = len(text) - MOST_SHOWN
    shown = format_html('<pre class="px-code" tabindex="0">{}</pre>', text[:MOST_SHOWN])
    if cut <= 0:
        return shown
    return format_html('{}<p class="px-soft">{} more characters are left out; the API has them.</p>', shown, f"{cut:,}")


@register.filter
def one_line(value: Any) -> str:
    """Return a JSON value in one line of at most 200 characters."""
    if value in ({}, [], None, ""):
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 200 else f"{text[:199]}…"


@register.filter
def thousands(number: int) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,}"
