"""The console and the browsable API in a real browser, under their content security policy and with hostile rows."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.processes.stack import Stack

pytestmark = [pytest.mark.process, pytest.mark.browser]

EMAIL, PASSWORD = "root@example.com", "a long pass phrase 1"
HOSTILE = '<script>window.hit=1</script><img src=x onerror="window.hit=1">"\'{{7*7}}'
PAGES = (
    "/admin/",
    "/admin/jobs/project/",
    "/admin/jobs/crawljob/",
    "/admin/tasktypes/task/",
    "/admin/tasktypes/tasktype/",
    "/admin/tasktypes/webhookendpoint/",
    "/admin/gather/gatherrun/",
    "/admin/accounts/user/add/",
    "/admin/accounts/apikey/add/",
    "/admin/accounts/auditentry/",
    "/admin/django_celery_beat/periodictask/",
    "/admin/django_celery_beat/periodictask/add/",
    "/api/v1/projects",
    "/api/task-types",
)


def sign_in(page: Page, stack: Stack) -> None:
    stack.manage("ensure_user", "--staff", "--email", EMAIL, "--password", PASSWORD)
    page.goto(f"{stack.url}/admin/login/?next=/admin/")
    page.fill("[name=username]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/")


def post(page: Page, path: str, body: dict[str, object]) -> dict[str, object]:
    """Call the API from within the page, as ``local``, and return its answer."""
    answer: dict[str, object] = page.evaluate(
        """async ([path, body]) => {
            const answer = await fetch(path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body});
            return answer.json();
        }""",
        [path, json.dumps(body)],
    )
    return answer


def test_no_page_complains_asks_another_host_or_runs_what_people_wrote(served: Stack, watched: Watched) -> None:
    page = watched.page
    sign_in(page, served)
    served.manage(
        "shell", "-v0", "-c",
        "from jobs.services.projects import create_project; from jobs.services.crawl_jobs import create_job;"
        "from pixtasks.accounts.services.users import local_user;"
        f"h = {HOSTILE!r}; p = create_project(owner=local_user(), name=h, description=h);"
        "create_job(project=p, name=h, keywords=[h[:90]], engines=['sample'], max_images=5)",
    )  # fmt: skip
    made = post(page, "/api/task-types", {"name": f"hostile-{page.viewport_size['width']}", "description": HOSTILE})  # type: ignore[index]
    task = post(page, "/api/tasks", {"task_type_id": made["id"], "parameters": {"text": HOSTILE}})
    for path in (*PAGES, f"/admin/tasktypes/task/{task['id']}/change/"):
        watched.complaints.clear()
        page.goto(f"{served.url}{path}")
        page.wait_for_load_state("networkidle")
        assert watched.complaints == [], path
        assert page.evaluate("window.hit === undefined"), path
    assert watched.hosts == {urlsplit(served.url).netloc}


def test_the_form_of_a_schedule_says_its_crontab_in_words(served: Stack, page: Page) -> None:
    sign_in(page, served)
    page.goto(f"{served.url}/admin/django_celery_beat/periodictask/")
    page.get_by_role("link", name="ledger housekeeping").first.click()
    expect(page.get_by_text("17 minutes past the hour").first).to_be_visible()
