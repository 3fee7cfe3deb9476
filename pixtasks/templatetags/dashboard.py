"""``{% load dashboard %}``: numbers as the dashboard writes them."""

from __future__ import annotations

from datetime import UTC, datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def grouped(number: int) -> str:
    """Return "1,234"."""
    return f"{number:,}"


@register.filter
def percent(share: float) -> str:
    """Return "97 %"; never 100 % nor 0 % of what is not quite that."""
    whole = round(100 * share)
    if whole == 100 and share < 1:
        whole = 99
    if whole == 0 and share > 0:
        whole = 1
    return f"{whole} %"


@register.filter
def per(seconds: float) -> str:
    """Return the window of a limit: "per minute", "per 30 s"."""
    return {60: "per minute", 3600: "per hour", 86_400: "per day"}.get(int(seconds), f"per {seconds:g} s")


@register.filter
def clock(moment: datetime) -> SafeString:
    """Return the time of day as a ``<time>``; ``dashboard.js`` puts it into the reader's zone, with the day."""
    exact = moment.astimezone(UTC)
    return format_html(
        '<time data-clock datetime="{}">{} UTC</time>', f"{exact:%Y-%m-%dT%H:%M:%SZ}", f"{exact:%a %H:%M}"
    )
