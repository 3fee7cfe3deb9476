"""A long sheet of images in a real browser: few of them are in the page, and keys mean one that is seen."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Watched
from tests.processes.stack import Stack

pytestmark = [pytest.mark.process, pytest.mark.browser]

EMAIL, PASSWORD = "root@example.com", "a long pass phrase 1"
IMAGES = int(os.environ.get("PIXTASKS_TEST_GALLERY_IMAGES", "3000"))
MOST_IN_THE_PAGE = 400
"""Tiles: seven screens of a large window."""
# One stored file, and so many rows that show it.
FILL = f"""
import hashlib, io
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from PIL import Image as Pillow
from jobs.fetch.storage import image_key, images_storage
from jobs.models import Image
from pixtasks.accounts.models import User
from tests import factories
file = io.BytesIO()
Pillow.new("RGB", (640, 480), "purple").save(file, "JPEG")
digest = hashlib.sha256(file.getvalue()).hexdigest()
images_storage().save(image_key(digest), ContentFile(file.getvalue()))
with transaction.atomic():  # No worker sees its tasks before they have ended.
    job = factories.started_job(factories.project(User.objects.get(email="{EMAIL}")), keywords=["slate"])
    factories.end_job(job, images={IMAGES}, outcomes={{"stored": {IMAGES}}})
chunk = job.chunks.first()
Image.objects.bulk_create((Image(
    job=job, chunk=chunk, sha256=hashlib.sha256(str(rank).encode()).hexdigest(), key=image_key(digest), format="jpeg",
    width=640, height=480, bytes=len(file.getvalue()), source_url=f"http://127.0.0.1/{{rank}}.jpg", keyword="slate",
    engine="sample", backend="sample", rank=rank, fetched_at=timezone.now(),
) for rank in range({IMAGES})), batch_size=1000)
print("job", job.pk)
"""


def scroll_to_the_end(page: Page) -> None:
    """Go on to the end of what is loaded, until everything is."""
    page.wait_for_function(
        """() => {
            window.scrollTo(0, document.scrollingElement.scrollHeight);
            return !document.querySelector("[data-end]").hidden;
        }""",
        timeout=180_000,
    )


def test_of_thousands_of_images_few_are_in_the_page_and_a_key_at_the_end_goes_to_one_in_view(
    served: Stack, watched: Watched
) -> None:
    served.manage("ensure_user", "--staff", "--email", EMAIL, "--password", PASSWORD)
    job = served.manage("shell", "-v0", "-c", FILL).stdout.split()[-1]
    page = watched.page
    page.goto(f"{served.url}/admin/login/?next=/admin/")
    page.fill("[name=username]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/")
    page.goto(f"{served.url}/admin/jobs/image/gallery/?job={job}")
    tiles = page.locator("[data-grid] .pg-tile")
    first = tiles.first.get_attribute("data-id")
    tiles.first.focus()
    page.keyboard.press("k")  # And the next one is in focus.
    scroll_to_the_end(page)
    expect(page.locator("[data-grid]")).to_have_attribute("data-loaded", str(IMAGES))
    assert tiles.count() <= MOST_IN_THE_PAGE
    assert page.locator(f"[data-id='{first}']").count() == 0, "what is far is not in the page"
    page.keyboard.press("k")  # The one in focus was scrolled away: nothing is decided that nobody sees.
    expect(page.locator("[data-grid] .pg-tile:focus")).to_be_in_viewport()
    expect(page.locator("[data-grid] .pg-tile[data-decision=keep]")).to_have_count(0)
