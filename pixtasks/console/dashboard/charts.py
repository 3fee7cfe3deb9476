"""Bars over time as SVG; ``dashboard.js`` tells the numbers of the stretch under the pointer."""

from __future__ import annotations

from typing import Final

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from pixtasks.common.json import dump_json
from pixtasks.console.dashboard.flow import Flow, Strand

WIDTH: Final = 600
HEIGHT: Final = 120
_GAP: Final = 0.22


def chart(flow: Flow) -> SafeString:
    """Return a flow as a figure: stacked bars, what the highest stands for, and where they are in time."""
    sums = flow.sums
    top = max(sums, default=0)
    step = WIDTH / max(1, len(sums))
    below = [0] * len(sums)
    paths = []
    for strand in flow.strands:
        paths.append((strand.kind, _bars(strand, below, top, step)))
        below = [height + value for height, value in zip(below, strand.values, strict=True)]
    facts = {
        "begins": flow.begins_at.isoformat(),
        "minutes": flow.minutes,
        "strands": [{"name": strand.name, "kind": strand.kind, "values": strand.values} for strand in flow.strands],
    }
    return format_html(
        '<figure class="px-chart" tabindex="0" aria-label="{}" data-key="{}" data-chart="{}">'
        '<svg viewBox="0 0 {} {}" preserveAspectRatio="none" aria-hidden="true" focusable="false">{}</svg>'
        "<figcaption><span>{}</span><span>{}</span><span>now</span></figcaption></figure>",
        _said(flow),
        f"{flow.title}-{flow.minutes}",
        dump_json(facts).decode(),
        WIDTH,
        HEIGHT,
        format_html_join("", '<path class="px-chart-{}" d="{}"/>', paths),
        *_ago(flow),
    )


def per_minute(number: float) -> str:
    """Return a pace for people: "1,204", "12.5", "0.3"."""
    if number >= 100 or number == int(number):
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 0.1 else f"{number:.2f}"


def _bars(strand: Strand, below: list[int], top: int, step: float) -> str:
    """Return the path of one strand's bars, which stand on those below them."""
    parts = []
    for place, value in enumerate(strand.values):
        if not value:
            continue
        # What happened at all is seen, however small it is beside the highest.
        height = max(2.0, HEIGHT * value / top)
        left = (place + _GAP / 2) * step
        floor = HEIGHT - HEIGHT * below[place] / top
        parts.append(f"M{left:.1f} {floor:.1f}v-{height:.1f}h{step * (1 - _GAP):.1f}v{height:.1f}z")
    return "".join(parts)


def _said(flow: Flow) -> str:
    length = _length(flow)
    parts = [f"{sum(strand.values):,} {strand.name}" for strand in flow.strands]
    return f"{flow.title} of the last {length}: {', '.join(parts)}; at most {per_minute(flow.peak)} per minute"


def _length(flow: Flow) -> str:
    return "hour" if flow.minutes == 1 else "24 hours"


def _ago(flow: Flow) -> tuple[str, str]:
    return ("60 min ago", "30 min ago") if flow.minutes == 1 else ("24 h ago", "12 h ago")
