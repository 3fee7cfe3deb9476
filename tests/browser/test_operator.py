"""What an operator does all day, in a real browser before real processes, at the width of a desk and of a phone."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as TooLate

from tests.browser.conftest import Watched
from tests.browser.inspecting import hard_to_read, sticking_out, without_a_name
from tests.processes.stack import Stack, running_stack
from tests.processes.tree import wait_for

pytestmark = [pytest.mark.process, pytest.mark.browser]

EMAIL, PASSWORD = "root@example.com", "a long pass phrase 1"
PATIENCE = 60.0
"""Seconds; what the browser waits for has the same bound."""
LISTS = (
    "", "jobs/project/", "jobs/crawljob/", "jobs/crawljob/new/", "jobs/image/", "jobs/image/gallery/",
    "jobs/validationrun/", "jobs/fetchfailure/", "gather/gatherrun/", "gather/gatherrecord/",
    "gather/gatherrun/schedules/", "tasktypes/task/", "tasktypes/task/launch/", "tasktypes/tasktype/",
    "tasktypes/taskgroup/", "tasktypes/worker/", "tasktypes/webhookendpoint/", "tasktypes/webhookdelivery/",
    "django_celery_beat/periodictask/", "django_celery_results/taskresult/", "accounts/user/", "accounts/user/add/",
    "accounts/apikey/", "accounts/auditentry/", "auth/group/",
)  # fmt: skip


class Receiver:
    """Hears webhooks.

    Attributes:
        ids: the id of each request that came, in order.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        heard = self.ids

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                heard.append(self.headers.get("X-Webhook-Id", ""))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Somebody who hears webhooks, at the port where development lets them be sent."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, daemon=True)
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join(timeout=PATIENCE)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Stack]:
    """One installation for the pages of this module, with somebody who may operate it."""
    folder: Path = tmp_path_factory.mktemp("operated")
    with running_stack(folder, {"PIXTASKS_WEBHOOK_RECEIVER_PORT": str(receiver.port)}) as stack:
        stack.manage("ensure_user", "--staff", "--email", EMAIL, "--password", PASSWORD)
        yield stack


def sign_in(watched: Watched, stack: Stack) -> Page:
    page = watched.page
    page.goto(f"{stack.url}/admin/login/?next=/admin/")
    page.fill("[name=username]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/")
    return page


def start_job(page: Page, stack: Stack, keywords: str, images: int) -> str:
    """Fill in the form of a new job, start it, and return the number of the job whose page opens."""
    page.goto(f"{stack.url}/admin/jobs/crawljob/new/")
    page.fill("[name=keywords]", keywords)
    page.fill("[name=max_images]", str(images))
    page.check("[name=engines][value=sample]")
    page.fill("[name=project]", "harbours")
    page.get_by_role("button", name="Create and start").click()
    page.wait_for_url(re.compile(r"/crawljob/\d+/change/"))
    return re.findall(r"/crawljob/(\d+)/", page.url)[0]


def do(page: Page, action: str, confirm: str) -> None:
    """Choose an action of the page that is open, behind its menu on a phone, and confirm it."""
    chosen = page.get_by_role("link", name=action, exact=True)
    menu = page.get_by_role("button", name="More actions")
    # On a phone the actions lie behind a button.
    expect(chosen.or_(menu).locator("visible=true").first).to_be_visible()
    if not chosen.is_visible():
        menu.first.click()
    chosen.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name=confirm)).to_be_focused()
    page.keyboard.press("Enter")


def state(page: Page) -> str:
    """Return the word for the state of what the page shows."""
    return page.locator("#content .px-badge").first.inner_text()


def test_a_job_from_the_form_moves_its_bar_and_another_is_cancelled(served: Stack, watched: Watched) -> None:
    page = sign_in(watched, served)
    start_job(page, served, "red fox\nlighthouse", 8)
    page.evaluate("window.mine = 1")
    bar = page.locator("#content [role=progressbar]").first
    expect(page.locator("#content .px-badge").first).to_have_text("completed")
    expect(bar).to_have_attribute("aria-valuenow", "2")
    assert page.evaluate("window.mine") == 1, "it moved without a reload"
    start_job(page, served, "barn owl\nhedgehog\nsnow hare\nlynx", 5000)
    do(page, "Cancel…", "Cancel the job")
    expect(page.locator("#content .px-badge").first).to_have_text("cancelled")
    assert watched.complaints == []
    assert watched.hosts == {urlsplit(served.url).netloc}


def test_ten_images_are_triaged_by_keys_and_one_decision_is_undone(served: Stack, watched: Watched) -> None:
    page = sign_in(watched, served)
    job = start_job(page, served, "slate\ngranite", 8)
    expect(page.locator("#content .px-badge").first).to_have_text("completed")
    page.goto(f"{served.url}/admin/jobs/image/gallery/?job={job}")
    page.locator("[data-grid] .pg-tile").first.focus()
    for number in range(10):
        page.keyboard.press("k" if number % 2 else "r")
    expect(page.locator("[data-grid] .pg-tile[data-decision=keep]")).to_have_count(5)
    expect(page.locator("[data-grid] .pg-tile[data-decision=reject]")).to_have_count(5)
    expect(page.locator("[data-status]")).to_have_text("Saved")
    page.keyboard.press("u")
    expect(page.locator("[data-status]")).to_have_text("Undone: 1")
    page.reload()
    expect(page.locator("[data-grid] .pg-tile[data-decision=keep]")).to_have_count(4)
    expect(page.locator("[data-grid] .pg-tile[data-decision=reject]")).to_have_count(5)
    assert watched.complaints == []


def test_a_task_is_launched_from_the_form_of_its_schema(served: Stack, watched: Watched) -> None:
    page = sign_in(watched, served)
    page.goto(f"{served.url}/admin/tasktypes/task/launch/")
    page.get_by_role("link", name="ExampleDatabaseTask").first.click()
    page.get_by_label("Count").fill("1001")
    page.get_by_label("Message").fill("Good morning")
    page.get_by_role("button", name="Launch").click()
    expect(page.get_by_role("alert").first).to_contain_text("Nothing was launched")
    page.get_by_label("Count").fill("3")
    page.get_by_role("button", name="Launch").click()
    page.wait_for_url(re.compile(r"/task/\d+/change/"))
    expect(page.locator("#content .px-badge").first).to_have_text("completed")
    expect(page.locator("#content")).to_contain_text("Good morning")
    assert [text for text in watched.complaints if "422" not in text] == []


def test_a_schedule_is_edited_and_run_now(served: Stack, watched: Watched) -> None:
    page = sign_in(watched, served)
    page.goto(f"{served.url}/admin/django_celery_beat/periodictask/")
    page.get_by_role("link", name="sweep unused image files").first.click()
    width = page.viewport_size["width"] if page.viewport_size else 0
    page.fill("[name=minute]", str(width % 60))
    page.locator("[name=_continue]").first.click()
    expect(page.locator("[name=minute]")).to_have_value(str(width % 60))
    do(page, "Run now…", "Run it now")
    expect(page.locator("body")).to_contain_text("sweep unused image files runs as")
    page.locator("a.px-link[href*='/tasktypes/task/']").first.click()
    page.wait_for_url(re.compile(r"/task/\d+/change/"))
    expect(page.locator("#content .px-badge").first).to_have_text("completed")
    assert watched.complaints == []


def test_a_delivery_is_sent_again(served: Stack, watched: Watched, receiver: Receiver) -> None:
    page = sign_in(watched, served)
    before = len(receiver.ids)
    served.manage(
        "shell", "-v0", "-c",
        "from pixtasks.accounts.models import User; from tasktypes.models import WebhookEndpoint as E;"
        "from tasktypes.services.launch import Launch, launch;"
        "from tasktypes.webhooks.services.endpoints import create_endpoint;"
        f"root = User.objects.get(email={EMAIL!r});"
        f"E.objects.exists() or create_endpoint(owner=root, url='http://127.0.0.1:{receiver.port}/hook');"
        "launch(Launch(task_type='ExampleDatabaseTask', params={'message': 'm', 'count': 1}), caller=root)",
    )  # fmt: skip
    wait_for(lambda: len(receiver.ids) > before, "the delivery", seconds=PATIENCE)
    event = receiver.ids[-1]
    page.goto(f"{served.url}/admin/tasktypes/webhookdelivery/?q={event}")
    page.locator("#result_list a").first.click()

    def delivered() -> bool:
        """The receiver has it a moment before the ledger knows."""
        page.reload()
        return page.locator("#content .px-badge").first.inner_text() == "delivered"

    wait_for(delivered, "the delivery recorded", seconds=PATIENCE)
    do(page, "Send again…", "Send again")
    expect(page.locator("body")).to_contain_text("will be sent again")
    wait_for(lambda: receiver.ids.count(event) == 2, "the second delivery", seconds=PATIENCE)
    assert watched.complaints == []


def test_every_page_fits_can_be_read_and_asks_nobody_else(served: Stack, watched: Watched) -> None:
    page = sign_in(watched, served)
    faults = {}
    for path in LISTS:
        watched.complaints.clear()
        answer = page.goto(f"{served.url}/admin/{path}")
        assert answer is not None
        page.wait_for_function("() => !document.documentElement.hasAttribute('x-cloak')")
        found = [f"answered {answer.status}"] if answer.status != 200 else []
        found += watched.complaints + sticking_out(page) + hard_to_read(page) + without_a_name(page)
        page.evaluate("document.documentElement.classList.add('dark')")
        found += [f"dark: {one}" for one in hard_to_read(page)]
        if found:
            faults[path] = found
    assert faults == {}
    assert watched.hosts == {urlsplit(served.url).netloc}


def test_the_keyboard_alone_leads_past_the_sidebar_and_through_a_dialog(served: Stack, watched: Watched) -> None:
    page = sign_in(watched, served)
    page.goto(f"{served.url}/admin/jobs/crawljob/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()
    page.keyboard.press("Tab")
    inside = page.evaluate("document.activeElement.closest('#content') !== null")
    assert inside, "the next stop is in the content"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none", "and can be seen"
    page.keyboard.press("Control+k")
    page.wait_for_function("document.activeElement.tagName === 'INPUT'")
    page.keyboard.type("gallery")
    expect(page.locator("#command-results-list a").first).to_contain_text("Gallery")

    def gone() -> bool:
        """The list is written anew while letters are still answered; then it has to be entered again."""
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        try:
            page.wait_for_url("**/gallery/**", timeout=5000)
        except TooLate:
            return False
        return True

    wait_for(gone, "the gallery by keys", seconds=PATIENCE)
