"""The rich console of a management command, and how names and paths are shown on it."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import OutputWrapper
from rich.console import Console

PLAIN_WIDTH = 100
WIDEST = 120
_FILLING = re.compile(r" +$", re.MULTILINE)
"""What rich fills lines with up to the width: of use on a terminal only."""


class _Stream:
    """Django's output wrapper as the file that rich wants: nothing is added, and nothing that is written can fail.

    A terminal that was closed, or a reader that went away, must not stop a job in the middle.
    """

    def __init__(self, wrapper: OutputWrapper) -> None:
        self._wrapper = wrapper
        self.encoding: str = getattr(wrapper, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        shown = text.encode(self.encoding, "replace").decode(self.encoding)
        if not self.isatty():
            shown = _FILLING.sub("", shown)
        try:
            self._wrapper.write(shown, ending="")
        except OSError:
            pass
        return len(text)

    def flush(self) -> None:
        try:
            self._wrapper.flush()
        except OSError:
            pass

    def isatty(self) -> bool:
        return bool(self._wrapper.isatty())


def make_console(wrapper: OutputWrapper, *, quiet: bool = False) -> Console:
    """Return the console of a command.

    Args:
        wrapper: the command's ``stdout``.
        quiet: show nothing, for ``--json``.
    """
    stream = _Stream(wrapper)
    terminal = stream.isatty()
    console = Console(
        file=cast("IO[str]", stream),
        quiet=quiet,
        highlight=False,
        emoji=False,
        markup=False,
        soft_wrap=False,
        width=None if terminal else PLAIN_WIDTH,
    )
    if console.width > WIDEST:
        console.width = WIDEST
    return console


def plain(text: object) -> str:
    """Return a text of somebody else's without what a terminal would obey: control and formatting characters."""
    return "".join(
        " " if character in "\r\n\t" else character
        for character in str(text)
        if character in "\r\n\t" or unicodedata.category(character) not in ("Cc", "Cf", "Cs")
    )


def shown_path(path: Path | str) -> str:
    """Return a path as a person would type it: relative where it lies below the current folder."""
    absolute = Path(path)
    try:
        return f"./{absolute.relative_to(Path.cwd())}"
    except (ValueError, OSError):
        return str(absolute)


def size(number: int) -> str:
    """Return a number of bytes for people: "834 bytes", "17.2 MB"."""
    if number < 1000:
        return f"{number} bytes"
    if number < 1_000_000:
        return f"{number / 1e3:.1f} kB"
    return f"{number / 1e6:.1f} MB" if number < 1_000_000_000 else f"{number / 1e9:.1f} GB"


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return "1 image" or "1,234 images"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def words(outcomes: dict[str, int]) -> str:
    """Return counts by class in one line: "http_404 2, empty 1"."""
    ordered = sorted(outcomes.items(), key=lambda pair: (-pair[1], pair[0]))
    return ", ".join(f"{plain(name)} {count:,}" for name, count in ordered)


def as_json(value: Any) -> str:
    """Return one JSON object, indented, for ``--json``."""
    return json.dumps(value, indent=2, ensure_ascii=False)
