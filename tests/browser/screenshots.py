"""``python -m tests.browser.screenshots``: pictures of the product for its documents.

It serves an installation of its own in a temporary folder, lets it work offline, looks at its pages in Chromium and
writes ``docs/images/<page>-<look>.png``: light and dark at the width of a desk, and a phone.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.browser.installation import ENVIRONMENT, OPERATOR, PASSWORD, USER, tell
from tests.processes.stack import ROOT, Stack, running_stack

FOLDER: Final = ROOT / "docs" / "images"
LOOKS: Final = {"light": (1280, 860), "dark": (1280, 860), "phone": (390, 844)}
"""Width and height of the window, by the name of the look; the phone is light."""
PATIENCE: Final = 60_000.0
"""Milliseconds."""
_OPERATORS: Final = {
    "dashboard": "/admin/",
    "jobs": "/admin/jobs/crawljob/",
    "job": "/admin/jobs/crawljob/{busy}/change/",
    "gallery": "/admin/jobs/image/gallery/?job={judged}",
    "image": "/admin/jobs/image/{image}/change/",
    "tasks": "/admin/tasktypes/task/",
    "task": "/admin/tasktypes/task/{task}/change/",
    "launch": "/admin/tasktypes/task/launch/?type=ExampleDatabaseTask",
    "gather": "/admin/gather/gatherrun/",
    "schedules": "/admin/django_celery_beat/periodictask/",
    "webhooks": "/admin/tasktypes/webhookdelivery/",
}
_USERS: Final = {"home": "/", "home-job": "/jobs/{busy}"}
_FACTS: Final = (
    "from jobs.models import CrawlJob, Image; from tasktypes.models import Task;"
    "judged = CrawlJob.objects.get(name='Night animals');"
    "image = Image.objects.filter(job=judged, is_valid=False, width__gte=600).earliest('pk');"
    "print('busy', CrawlJob.objects.get(name='Winter coats').pk); print('judged', judged.pk); print('image', image.pk);"
    "print('task', Task.objects.filter(status='failed', type_name='thumbnails.render').latest('pk').pk)"
)


def main() -> int:
    """Write every picture, and tell how much they take."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pixtasks-screenshots-") as folder, _served(Path(folder)) as stack:
        facts = dict(line.split() for line in stack.manage("shell", "-v0", "-c", _FACTS).stdout.splitlines())
        with _chromium() as browser:
            for look, (width, height) in LOOKS.items():
                for email, pages in ((OPERATOR, _OPERATORS), (USER, _USERS)):
                    page = _signed_in(browser, stack, email, look, width, height)
                    for name, path in pages.items():
                        _save(page, f"{stack.url}{path.format(**facts)}", FOLDER / f"{name}-{look}.png")
                    page.context.close()
    pictures = [FOLDER / f"{name}-{look}.png" for look in LOOKS for name in (*_OPERATORS, *_USERS)]
    print(f"{len(pictures)} pictures, {sum(one.stat().st_size for one in pictures) / 1e6:.2f} MB in {FOLDER}")
    return 0


@contextmanager
def _served(folder: Path) -> Iterator[Stack]:
    with running_stack(folder, ENVIRONMENT) as stack:
        for step in ("begin", "busy"):
            print(f"making what the pages show: {step}", flush=True)
            tell(stack, step)
        yield stack


@contextmanager
def _chromium() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        sys.exit("no Chromium is installed (Debian: apt install chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        browser.close()


def _signed_in(browser: Browser, stack: Stack, email: str, look: str, width: int, height: int) -> Page:
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if look == "dark" else "light",
        locale="en-GB",
        timezone_id="Europe/Zurich",
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{stack.url}/signin")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "signin" not in url)
    return page


def _save(page: Page, url: str, target: Path) -> None:
    page.goto(url)
    # Pages of what is at work never stop asking: that all which shows is there has to do.
    page.wait_for_function(
        """() => document.fonts.status === "loaded" && !document.documentElement.hasAttribute("x-cloak")
            && [...document.images].every((one) => one.complete || one.getBoundingClientRect().top > innerHeight)"""
    )
    # All colours stay: a palette takes those of small things, such as the dots of states, for the photographs' sake.
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(target, optimize=True)
    print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    sys.exit(main())
