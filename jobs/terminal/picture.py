"""What a command has shown, as an SVG picture for documents: no font, script or style from anywhere else."""

from __future__ import annotations

from html import escape
from io import StringIO
from pathlib import Path

from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from pixtasks.common.screen import PLAIN_WIDTH

THEME = TerminalTheme(
    (22, 25, 33),
    (208, 213, 224),
    [
        (40, 44, 56), (235, 110, 110), (126, 196, 122), (224, 184, 100),
        (110, 164, 240), (196, 142, 230), (94, 190, 196), (208, 213, 224),
    ],
    [
        (104, 112, 132), (245, 130, 130), (150, 214, 146), (236, 204, 130),
        (140, 186, 250), (214, 168, 244), (124, 212, 216), (240, 243, 250),
    ],
)  # fmt: skip

_FORMAT = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img"
 aria-label="{title}">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-family: system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def save_picture(path: Path, command: str, shown: RenderableType) -> None:
    """Write what a command has shown, as it looks on a terminal of 100 columns.

    Args:
        path: the SVG file, in a folder that exists.
        command: what was typed; also the title of the window.
        shown: what came of it.

    Raises:
        OSError: the file cannot be written.
    """
    console = Console(
        file=StringIO(), record=True, width=PLAIN_WIDTH, force_terminal=True, color_system="truecolor",
        highlight=False, markup=False, emoji=False, legacy_windows=False,
    )  # fmt: skip
    console.print(Text.assemble((" $ ", "bright_black"), (command, "bold")), shown, Text(), sep="\n")
    template = _FORMAT.replace("{title}", escape(command))
    svg = console.export_svg(title=command, theme=THEME, code_format=template, unique_id="demo")
    path.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")
