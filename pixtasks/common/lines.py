"""Output of several processes in one stream: whole lines, each with its writer's name in front, byte for byte."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from typing import BinaryIO

_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)
_LONGEST_LINE = 65_536  # Bytes.


class LineSplitter:
    """Cuts a stream of bytes into lines; a line above 64 KiB comes in parts, never cut inside a UTF-8 character."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that ``data`` completes, without their line ends."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > _LONGEST_LINE:
            cut = _LONGEST_LINE
            # A UTF-8 continuation byte is 0b10xxxxxx; a character has at most three.
            while cut > _LONGEST_LINE - 3 and self._rest[cut] & 0xC0 == 0x80:
                cut -= 1
            lines.append(self._rest[:cut])
            self._rest = self._rest[cut:]
        return [line.removesuffix(b"\r") for line in lines]

    def finish(self) -> list[bytes]:
        """Return what is left when the stream has ended."""
        rest, self._rest = self._rest, b""
        return [rest] if rest else []


class LinePrinter:
    """Writes lines with a name in front.

    Args:
        output: a binary stream.
        names: every name that will come, for the width of the first column and the colours.
        colour: None = when the stream is a terminal and NO_COLOR is not set (https://no-color.org).
    """

    def __init__(self, output: BinaryIO, *, names: Sequence[str], colour: bool | None = None) -> None:
        self._output = output
        self._lock = threading.Lock()
        width = max(len(name) for name in names)
        if colour is None:
            colour = output.isatty() and not os.environ.get("NO_COLOR")
        self._prefixes = {
            name: (f"\x1b[{number}m{name:<{width}} |\x1b[0m " if colour else f"{name:<{width}} | ").encode()
            for name, number in zip(names, _COLOURS * (len(names) // len(_COLOURS) + 1), strict=False)
        }

    def write(self, name: str, line: bytes) -> None:
        """Write one line. Where nobody reads any more the line is dropped: a lost log reader stops no service."""
        with self._lock:
            try:
                self._output.write(self._prefixes[name] + line + b"\n")
                self._output.flush()
            except BrokenPipeError:
                self._let_go()
            except (OSError, ValueError):
                pass

    def _let_go(self) -> None:
        """Send what is still buffered nowhere: flushing it at the end would turn the exit code into 120."""
        try:
            descriptor = self._output.fileno()
        except (OSError, ValueError):
            return
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
