"""The live page in a real browser: it moves by itself, comes back after a loss, and misses nothing."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.processes.stack import Stack

pytestmark = [pytest.mark.process, pytest.mark.browser]

# Section "Usage Example" of seed 000, as it stands there but for the words that let a page hand its values back.
USAGE_EXAMPLE = """async () => {
// Start automated gather
const response = await fetch('/api/v1/automated-gather/start', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({
    projectId: 'my-project',
    gatherCount: 10,
    options: {
      saveInterval: 5,
      errorRecovery: true
    }
  })
});

const { taskId } = await response.json();

// Poll for status
const statusResponse = await fetch(`/api/v1/automated-gather/status/${taskId}`);
const status = await statusResponse.json();

// Cancel if needed
const cancelResponse = await fetch(`/api/v1/automated-gather/cancel/${taskId}`, {
  method: 'DELETE'
});
const cancelResult = await cancelResponse.json();
return { accepted: response.status, taskId, status, cancelResult };
}"""


def start_gather(page: Page, project: str, count: int) -> str:
    """Fill in the form, start, and return the id of the task whose card appears."""
    page.fill("[name=projectId]", project)
    page.fill("[name=gatherCount]", str(count))
    page.fill("[name=saveInterval]", "1")
    with page.expect_response("**/automated-gather/start") as answer:
        page.click("#start button")
    return str(answer.value.json()["taskId"])


def seqs(page: Page, task_id: str) -> list[int]:
    """Return the numbers of the events that the page has shown for a task, in the order they came."""
    shown = page.locator(f'#log li[data-channel="task:{task_id}"]').evaluate_all(
        "lines => lines.map(line => Number(line.dataset.seq))"
    )
    return list(reversed(shown))


def test_a_gather_started_from_the_page_moves_and_ends_without_a_reload(served: Stack, watched: Watched) -> None:
    page = watched.page
    page.goto(f"{served.url}/live")
    expect(page.locator("#connection")).to_have_text("live")
    task_id = start_gather(page, "red-fox", 3)
    card = page.locator(f'[data-task="{task_id}"]')
    expect(card.locator(".badge")).to_have_text("completed")
    assert card.locator("progress").evaluate("bar => bar.value") == 100
    assert seqs(page, task_id) == list(range(1, len(seqs(page, task_id)) + 1))
    assert watched.complaints == []
    assert watched.hosts == {urlsplit(served.url).netloc}
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "nothing is cut off"


def test_a_refused_start_says_why_and_a_cancelled_gather_reads_cancelled(served: Stack, page: Page) -> None:
    page.goto(f"{served.url}/live")
    page.fill("[name=projectId]", "two words")
    page.evaluate("document.getElementById('start').noValidate = true")
    page.click("#start button")
    expect(page.locator("#message")).to_contain_text("projectId")
    task_id = start_gather(page, "barn-owl", 100)
    card = page.locator(f'[data-task="{task_id}"]')
    expect(card.locator(".badge")).to_have_text("running")
    card.get_by_role("button", name="Cancel").click()
    expect(card.locator(".badge")).to_have_text("cancelled")


def test_after_a_lost_connection_the_page_comes_back_and_has_missed_nothing(served: Stack, page: Page) -> None:
    page.goto(f"{served.url}/live")
    expect(page.locator("#connection")).to_have_text("live")
    task_id = start_gather(page, "mountain-lake", 8)
    expect(page.locator(f'#log li[data-channel="task:{task_id}"]').nth(2)).to_be_visible()
    served.kill(served.children()["web"])
    expect(page.locator("#connection")).to_have_text("reconnecting")
    expect(page.locator("#connection")).to_have_text("live")
    expect(page.locator(f'[data-task="{task_id}"] .badge')).to_have_text("completed")
    printed = served.manage(
        "shell",
        "-v0",
        "-c",
        f"from tasktypes.models import Task; print(Task.objects.get(public_id={task_id!r}).event_seq)",
    )
    assert seqs(page, task_id) == list(range(1, int(printed.stdout) + 1))


def test_the_usage_example_of_seed_000_runs_in_a_page_of_the_product(served: Stack, page: Page) -> None:
    page.goto(f"{served.url}/live")
    got = page.evaluate(USAGE_EXAMPLE)
    assert got["accepted"] == 202
    assert got["status"]["taskId"] == got["taskId"]
    assert got["status"]["progress"]["total"] == 10
    assert got["cancelResult"]["status"] == "cancelled"
    assert got["cancelResult"]["message"] == "Task cancelled successfully"
    assert set(got["cancelResult"]["partialResults"]) == {"completedIterations", "results"}
