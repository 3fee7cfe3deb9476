"""What stands in a cell of a list."""

from __future__ import annotations

from django.utils.html import format_html
from django.utils.safestring import SafeString


def two_lines(first: object, second: object = "", *, kind: str = "") -> SafeString:
    """Return a cell with a smaller second line; both are escaped where they are text.

    Args:
        kind: a further CSS class of the cell.
    """
    return format_html(
        '<div class="px-cell {}">{}<div class="px-sub">{}</div></div>',
        kind,
        first,
        second if second is not None else "",
    )


def strong(text: object) -> SafeString:
    """Return a text that stands out."""
    return format_html("<strong>{}</strong>", text)


def code(text: object) -> SafeString:
    """Return a text in the width of code; nothing for no text."""
    return format_html("<code>{}</code>", text) if text else SafeString("")
