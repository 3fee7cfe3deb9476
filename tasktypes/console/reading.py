"""Reading what an address holds."""

from __future__ import annotations

from typing import Any

_MOST_DIGITS = 18


def whole(text: Any) -> int | None:
    """Return a text of digits as a number that fits a column; None for anything else."""
    if isinstance(text, int):
        return text
    if not isinstance(text, str) or not text.isascii() or not text.isdigit() or len(text) > _MOST_DIGITS:
        return None
    return int(text)
