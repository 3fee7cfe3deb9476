"""What is asked of every page: text that can be read, nothing that sticks out, no control without a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page

_SCRIPT: Final = Path(__file__).with_suffix(".js").read_text()


def hard_to_read(page: Page) -> list[str]:
    """Return the texts whose contrast is below WCAG 2 AA (4.5; 3 for icons and large text), with ratio and place."""
    return _asked(page, "hardToRead")


def sticking_out(page: Page) -> list[str]:
    """Return what makes the page wider than its window."""
    return _asked(page, "stickingOut")


def without_a_name(page: Page) -> list[str]:
    """Return the controls that a screen reader has no word for."""
    return _asked(page, "withoutAName")


def _asked(page: Page, question: str) -> list[str]:
    found: list[Any] = page.evaluate(f"() => {{ {_SCRIPT}\nreturn {question}(); }}")
    return [str(one) for one in found]
