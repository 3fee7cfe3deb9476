"""The pages of somebody who is not staff, in a real browser: from signing in to the download."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.browser.inspecting import hard_to_read, sticking_out, without_a_name
from tests.processes.stack import Stack

pytestmark = [pytest.mark.process, pytest.mark.browser]

EMAIL, PASSWORD = "ann@example.com", "a long pass phrase 1"
HOSTILE = '<img src=x onerror="window.hit=1">'


def sign_in(page: Page, stack: Stack, back: str = "/") -> None:
    stack.manage("ensure_user", "--email", EMAIL, "--password", PASSWORD)
    page.goto(f"{stack.url}{back}")
    if back == "/":
        page.get_by_role("link", name="Sign in").first.click()
    page.get_by_label("Email address").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{stack.url}{back}")


def fits(page: Page) -> bool:
    fitting: bool = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    return fitting


def test_a_job_from_the_form_to_the_download(served: Stack, watched: Watched, tmp_path: Path) -> None:
    page = watched.page
    sign_in(page, served)
    page.goto(f"{served.url}/jobs/new")
    if page.get_by_label("Name of the new project").is_hidden():
        page.get_by_label("Project", exact=True).select_option("new")
    page.get_by_label("Name of the new project").fill(f"Forest {HOSTILE}")
    page.get_by_label("Keywords").fill("red fox\nbarn owl")
    page.get_by_label("Images per keyword and engine").fill("6")
    expect(page.locator("#sum")).to_have_text("2 keywords × 1 engine: up to 12 images")
    page.get_by_role("button", name="Start the job").dblclick(no_wait_after=True)
    expect(page).to_have_url(re.compile(r"/jobs/\d+$"))
    job = page.url.rpartition("/")[2]

    # Everything from here moves by itself: the page is never loaded again.
    page.evaluate("window.mine = 1")
    expect(page.locator("#now .px-badge").first).to_have_text("completed")
    expect(page.locator("#now [role=progressbar]").first).to_have_attribute("aria-valuenow", "100")
    expect(page.locator("#images")).to_have_text("12")
    expect(page.locator("#newest img")).to_have_count(12)
    assert page.evaluate("window.mine") == 1
    assert page.evaluate("window.hit === undefined")
    assert fits(page)

    with page.expect_download() as started:
        page.get_by_role("link", name="All files (ZIP)").click()
    started.value.save_as(tmp_path / "job.zip")
    with zipfile.ZipFile(tmp_path / "job.zip") as archive:
        assert archive.testzip() is None
        assert len([name for name in archive.namelist() if name.startswith(("red-fox/", "barn-owl/"))]) == 12

    page.get_by_role("link", name="Validate").click()
    question = page.get_by_role("dialog")
    expect(question).to_be_visible()
    question.get_by_text("Fast", exact=True).click()
    question.get_by_role("button", name="Validate").click()
    expect(page.get_by_role("status").first).to_contain_text("Validation started for 12 images")
    expect(page.locator("#now")).to_contain_text("valid", timeout=60_000)

    page.get_by_role("link", name="Open the gallery").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Gallery")
    expect(page.locator("[data-grid] img")).to_have_count(12)

    page.goto(f"{served.url}/")
    expect(page.get_by_role("link", name="Forest").first).to_be_visible()
    assert page.locator(f'a[href="/jobs/{job}"]').count() >= 1
    assert fits(page)
    assert watched.complaints == []
    assert watched.hosts == {urlsplit(served.url).netloc}


def test_every_page_is_whole_at_both_widths(served: Stack, watched: Watched) -> None:
    page = watched.page
    sign_in(page, served, "/account")
    page.get_by_label("Name").fill(f"key {page.viewport_size['width']}")  # type: ignore[index]
    page.get_by_role("button", name="Make a key").click()
    expect(page.locator("#secret")).to_contain_text(".")
    for path in (
        "/",
        "/projects",
        "/projects/new",
        "/jobs/new",
        "/account",
        "/account/password",
        "/live",
        "/docs",
        "/redoc",
    ):
        page.goto(f"{served.url}{path}")
        page.wait_for_load_state("networkidle")
        # The two readers of the API document are others' work.
        if path not in ("/docs", "/redoc"):
            assert (sticking_out(page), hard_to_read(page), without_a_name(page)) == ([], [], []), path
    page.goto(f"{served.url}/account")
    page.locator("summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()
    assert watched.complaints == []
    assert watched.hosts == {urlsplit(served.url).netloc}


def test_a_running_job_is_cancelled_in_a_dialog(served: Stack, page: Page) -> None:
    sign_in(page, served)
    page.goto(f"{served.url}/jobs/new")
    page.get_by_label("Project", exact=True).select_option("new")
    page.get_by_label("Name of the new project").fill("Too much")
    page.get_by_label("Keywords").fill("\n".join(f"mountain {number}" for number in range(20)))
    page.get_by_label("Images per keyword and engine").fill("500")
    page.get_by_role("button", name="Start the job").click(no_wait_after=True)
    expect(page).to_have_url(re.compile(r"/jobs/\d+$"))
    page.get_by_role("link", name="Cancel").click()
    question = page.get_by_role("dialog")
    question.get_by_role("link", name="No, go back").click()
    expect(question).to_be_hidden()
    page.get_by_role("link", name="Cancel").click()
    question.get_by_role("button", name="Cancel the job").click()
    expect(page.locator("#now .px-badge").first).to_have_text("cancelled")


def test_the_browsable_api_sends_what_its_form_says(served: Stack, watched: Watched) -> None:
    page = watched.page
    sign_in(page, served)
    page.goto(f"{served.url}/api/v1/projects")
    page.get_by_label("Body, JSON").fill('{"name": "' + HOSTILE.replace('"', '\\"') + '"}')
    page.get_by_role("button", name="POST").click()
    expect(page.locator("#answer .px-badge")).to_have_text("201 Created")
    expect(page.locator("#answer pre")).to_contain_text("onerror=")
    page.get_by_label("Body, JSON").fill('{"nme": 1}')
    watched.complaints.clear()
    page.get_by_role("button", name="POST").click()
    expect(page.locator("#answer .px-badge")).to_contain_text("422")
    expect(page.locator("#answer pre")).to_contain_text("extra fields not permitted")
    assert page.evaluate("window.hit === undefined")
    assert fits(page)
    # A browser names an answer of 4xx in its console; nothing else stands there.
    assert all("422" in complaint for complaint in watched.complaints)
    assert watched.hosts == {urlsplit(served.url).netloc}
