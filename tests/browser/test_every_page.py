"""Every page of the console, found by its routes: nothing sticks out, complains, asks another host or has no name."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser.conftest import Watched
from tests.browser.inspecting import hard_to_read, sticking_out, without_a_name
from tests.browser.installation import OPERATOR, PASSWORD
from tests.processes.stack import Stack, running_stack

DESK: Final[ViewportSize] = {"width": 1280, "height": 900}
PHONE: Final[ViewportSize] = {"width": 390, "height": 844}

pytestmark = [pytest.mark.process, pytest.mark.browser]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """An installation with a row of every table; nobody submits the schedule among them."""
    folder: Path = tmp_path_factory.mktemp("pages")
    with running_stack(folder, arguments=["--no-beat"]) as stack:
        yield stack


@pytest.fixture(scope="module")
def pages(served: Stack) -> list[str]:
    """The paths of the pages."""
    told = served.manage("shell", "-v0", "-c", "from tests.browser import pages; pages.tell()", seconds=600).stdout
    found: list[str] = json.loads(told.splitlines()[-1])
    return found


def sign_in(page: Page, stack: Stack) -> None:
    page.goto(f"{stack.url}/admin/login/?next=/admin/")
    page.fill("[name=username]", OPERATOR)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/")


CONNECTIONS = """
from django.db import connection
with connection.cursor() as cursor:
    if connection.vendor == "postgresql":
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
    else:
        cursor.execute("SELECT 0")
    print(cursor.fetchone()[0])
"""


def test_every_page_fits_can_be_read_and_names_its_controls(served: Stack, pages: list[str], page: Page) -> None:
    watched = Watched(page)
    sign_in(page, served)
    assert len(pages) > 100, "the routes were found"
    faults = {}
    for path in pages:
        watched.complaints.clear()
        page.set_viewport_size(DESK)
        answer = page.goto(f"{served.url}{path}")
        assert answer is not None
        page.wait_for_function("() => !document.documentElement.hasAttribute('x-cloak')")
        found = [f"answered {answer.status}"] if answer.status != 200 else []
        found += sticking_out(page) + hard_to_read(page) + without_a_name(page)
        page.set_viewport_size(PHONE)
        found += [f"on a phone: {one}" for one in sticking_out(page) + hard_to_read(page) + without_a_name(page)]
        page.evaluate("document.documentElement.classList.add('dark')")
        found += [f"in the dark: {one}" for one in hard_to_read(page)]
        if found or watched.complaints:
            faults[path] = found + watched.complaints
    assert faults == {}
    # Each request closes its own connection: hundreds of them leave none behind.
    assert int(served.manage("shell", "-v0", "-c", CONNECTIONS).stdout) < 40
    assert watched.hosts == {urlsplit(served.url).netloc}


def test_menus_and_filters_are_opened_left_and_closed_by_keys(served: Stack, pages: list[str], page: Page) -> None:
    assert "/admin/jobs/crawljob/" in pages
    page.set_viewport_size(DESK)
    sign_in(page, served)
    page.goto(f"{served.url}/admin/jobs/crawljob/")
    page.wait_for_function("() => !document.documentElement.hasAttribute('x-cloak')")
    for opener, inside in (
        (page.locator("#result_list").get_by_role("button", name="More actions").first, "Clone…"),
        (page.get_by_role("button", name="Filters").or_(page.get_by_role("link", name="Filters")).first, "All"),
    ):
        opener.focus()
        page.keyboard.press("Enter")
        entry = page.get_by_role("link", name=inside, exact=True).locator("visible=true").first
        expect(entry).to_be_visible()
        expect(page.locator("nav:focus-within, #changelist-filter:focus-within").first).to_be_visible()
        page.keyboard.press("Escape")
        expect(entry).to_be_hidden()
        expect(opener).to_be_focused()
