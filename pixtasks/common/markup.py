"""Small pieces of HTML that the console and the pages share; every text in them is escaped.

Their looks are in ``static/pixtasks/console.css``; times are put into the reader's zone by ``times.js``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

STATE_COLOURS: Final = {
    "pending": "info",
    "running": "warning",
    "completed": "success",
    "failed": "danger",
    "cancelled": "default",
    # The words of the Celery dialect (CONTRACT C06) and of webhooks.
    "PENDING": "info",
    "STARTED": "warning",
    "PROGRESS": "warning",
    "RETRY": "warning",
    "SUCCESS": "success",
    "FAILURE": "danger",
    "REVOKED": "default",
    "delivered": "success",
    "dead": "danger",
    "valid": "success",
    "invalid": "danger",
}
"""Colour of each word for a state, in unfold's names."""
_NONE: Final = SafeString('<span class="px-none">–</span>')
_STEPS: Final = ((60, 1, "s"), (3600, 60, "min"), (86_400, 3600, "h"), (86_400 * 60, 86_400, "d"))


def when(moment_: datetime | None) -> SafeString:
    """Return "3 min ago" or "in 2 h" as a ``<time>``; hovering tells the exact time in the reader's zone."""
    if moment_ is None:
        return _NONE
    return _time(moment_, "ago", _relative(moment_, timezone.now()))


def moment(moment_: datetime | None) -> SafeString:
    """Return date and time as a ``<time>`` in the reader's zone; UTC where no script runs."""
    if moment_ is None:
        return _NONE
    return _time(moment_, "exact", f"{moment_.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC")


def duration(seconds: float | None) -> str:
    """Return "850 ms", "12.3 s", "4 min 05 s", "3 h 20 min" or "2 d 4 h"."""
    if seconds is None:
        return "–"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def badge(word: object, *, colour: str | None = None) -> SafeString:
    """Return a word in the colour of the state that it names."""
    text = str(word)
    return format_html('<span class="px-badge" data-colour="{}">{}</span>', colour or colour_of(text), text)


def colour_of(word: str) -> str:
    """Return the colour of a state's word; "default" for words that name none."""
    return STATE_COLOURS.get(word, "default")


def bar(done: int, total: int, *, failed: int = 0) -> SafeString:
    """Return a progress bar with its numbers.

    Args:
        done: units that are finished, with the failed ones.
        total: units in all; 0 for not known yet.
        failed: units of ``done`` that failed: the bar's red end.
    """
    share = _percent(done - failed, total)
    red = _percent(failed, total)
    return format_html(
        '<span class="px-bar" role="progressbar" aria-valuemin="0" aria-valuemax="{}" aria-valuenow="{}" '
        'aria-label="{} of {}"><span class="px-bar-track"><span class="px-bar-done" style="width:{}%"></span>'
        '<span class="px-bar-failed" style="width:{}%"></span></span><span class="px-bar-text">{} / {}</span></span>',
        total,
        done,
        done,
        total,
        share,
        red,
        f"{done:,}",
        f"{total:,}" if total else "–",
    )


def link(url: str, text: object) -> SafeString:
    """Return a link in the console's colour."""
    return format_html('<a class="px-link" href="{}">{}</a>', url, text)


def spark(values: Sequence[float], *, label: str = "", width: int = 160, height: int = 36) -> SafeString:
    """Return a small area chart as SVG; ``label`` is what a screen reader says before the newest and highest value."""
    if not values:
        return _NONE
    top = max(values) or 1
    step = width / max(1, len(values) - 1)
    points = [f"{index * step:.1f},{height - 2 - (height - 4) * value / top:.1f}" for index, value in enumerate(values)]
    line = " ".join(points)
    said = f"{label}: now {values[-1]:g}, at most {max(values):g}".lstrip(": ")
    return format_html(
        '<svg class="px-spark" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">'
        "<title>{}</title>"
        '<polygon class="px-spark-area" points="0,{} {} {},{}"/><polyline class="px-spark-line" points="{}"/></svg>',
        width,
        height,
        said,
        said,
        height,
        line,
        width,
        height,
        line,
    )


def _percent(part: int, whole: int) -> str:
    return f"{max(0.0, min(100.0, 100 * part / whole)):.1f}" if whole else "0"


def _time(moment_: datetime, kind: str, text: str) -> SafeString:
    exact = moment_.astimezone(UTC)
    return format_html(
        '<time data-when="{}" datetime="{}" title="{}">{}</time>',
        kind,
        exact.isoformat(timespec="seconds").replace("+00:00", "Z"),
        f"{exact:%Y-%m-%d %H:%M:%S} UTC",
        text,
    )


def _relative(moment_: datetime, now: datetime) -> str:
    seconds = (now - moment_).total_seconds()
    for below, unit, name in _STEPS:
        if abs(seconds) < below:
            number = int(abs(seconds) // unit)
            return f"{number} {name} ago" if seconds >= 0 else f"in {number} {name}"
    return f"{moment_.astimezone(UTC):%Y-%m-%d}"
