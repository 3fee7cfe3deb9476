"""Pieces of HTML: what they say, and that no text of a user becomes markup."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.template import Context, Template
from django.utils import timezone

from pixtasks.common import markup

HOSTILE = '"><script>alert(1)</script>'


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.85, "850 ms"),
        (12.34, "12.3 s"),
        (245, "4 min 05 s"),
        (12_000, "3 h 20 min"),
        (187_200, "2 d 4 h"),
        (None, "–"),
    ],
)
def test_a_duration_is_told_in_two_units_at_most(seconds: float | None, text: str) -> None:
    assert markup.duration(seconds) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=5), "5 s ago"),
        (timedelta(minutes=3, seconds=1), "3 min ago"),
        (timedelta(hours=-2, seconds=-5), "in 2 h"),
        (timedelta(days=3), "3 d ago"),
    ],
)
def test_a_time_is_told_from_now_with_the_exact_one_on_hover(ago: timedelta, text: str) -> None:
    moment = timezone.now() - ago
    shown = markup.when(moment)
    assert f">{text}</time>" in shown
    assert f'title="{moment:%Y-%m-%d %H:%M:%S} UTC"' in shown


def test_a_moment_is_told_in_utc_until_the_page_knows_the_zone() -> None:
    assert "2026-11-21 07:00:00 UTC</time>" in markup.moment(datetime(2026, 11, 21, 7, tzinfo=UTC))
    assert markup.moment(None) == markup.when(None)


def test_a_bar_tells_its_share_and_its_failures() -> None:
    shown = markup.bar(30, 40, failed=10)
    assert 'aria-valuenow="30"' in shown and "30 / 40" in shown
    assert shown.count("width:50.0%") == 1 and shown.count("width:25.0%") == 1
    assert "0 / –" in markup.bar(0, 0)


def test_a_chart_has_a_point_per_value_and_a_description() -> None:
    shown = markup.spark([0, 5, 10], label="images per minute")
    assert "images per minute: now 10, at most 10" in shown
    line = shown.split('polyline class="px-spark-line" points="')[1].split('"')[0]
    assert line.split() == ["0.0,34.0", "80.0,18.0", "160.0,2.0"]


def test_hostile_words_are_escaped() -> None:
    for shown in (markup.badge(HOSTILE), markup.link(HOSTILE, HOSTILE), markup.spark([1], label=HOSTILE)):
        assert "<script" not in shown


def test_the_tags_are_the_functions() -> None:
    page = Template(
        "{% load console %}{% bar 1 2 %}{% state word %}{{ moment|when }}{{ seconds|duration }}{{ none|moment }}"
    )
    shown = page.render(Context({"word": HOSTILE, "moment": timezone.now(), "seconds": 2, "none": None}))
    assert "1 / 2" in shown and "2.0 s" in shown and "<script" not in shown
