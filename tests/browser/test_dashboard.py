"""The console's first page in a real browser: it moves by itself, and its charts tell their numbers."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Watched
from tests.browser.test_console_pages import sign_in
from tests.processes.stack import Stack

pytestmark = [pytest.mark.process, pytest.mark.browser]


def test_numbers_move_without_a_reload_and_charts_tell_them(served: Stack, watched: Watched) -> None:
    page = watched.page
    sign_in(page, served)
    expect(page.locator("html")).to_have_attribute("data-live-state", "live")
    health = page.locator(".px-health")
    expect(health).to_contain_text("1 worker")
    expect(health).to_contain_text("Dispatcher")
    page.evaluate("window.stayed = true")
    before = stored(page.locator("#panel-summary").inner_text())
    served.manage("crawl", "--keywords", "red fox", "--engines", "sample", "--max-images", "12", "--json")
    expect(page.locator("#panel-summary")).to_contain_text(f"{before + 12} in the last hour")
    expect(page.locator("#panel-engines")).to_contain_text("sample")
    assert page.evaluate("window.stayed") is True
    expect(page.locator(".px-first")).to_have_count(1 if before == 0 else 0)

    chart = page.locator(".px-chart").first
    chart.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(chart.locator(".px-chart-tip")).to_contain_text("images")
    page.keyboard.press("Escape")
    expect(chart.locator(".px-chart-tip")).to_have_count(0)
    chart.hover()
    expect(chart.locator(".px-chart-tip")).to_contain_text("images")
    assert watched.complaints == []
    assert watched.hosts == {urlsplit(served.url).netloc}
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut off"


def stored(summary: str) -> int:
    """Return how many images the page says were stored in the last hour."""
    found = re.search(r"([\d,]+) in the last hour", summary.partition("Images per minute")[2])
    assert found is not None
    return int(found[1].replace(",", ""))
