"""A job from the form to the download."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from jobs.fetch.storage import images_storage
from jobs.models import CrawlJob, Level, Project, ValidationRun
from jobs.services.validate_later import VALIDATE_LATER
from pixtasks.accounts.models import User
from tasktypes.models import Task
from tasktypes.states import State
from tests import factories
from tests.document import many_requests


@pytest.fixture(autouse=True)
def _fast(settings: Settings) -> Iterator[None]:
    with many_requests(settings):
        yield


def filled(client: Client, **changes: Any) -> dict[str, Any]:
    """Return what a browser sends that fills in the form."""
    form = client.get("/jobs/new").context["form"]
    return {
        "nonce": form["nonce"].value(),
        "project": "new",
        "new_project": "Animals",
        "keywords": " red  fox \n\nbarn owl\nRED FOX\n",
        "engines": ["sample"],
        "max_images": "30",
        "name": "",
        "level": "",
        **changes,
    }


def test_one_form_makes_the_project_and_the_job_and_starts_it(client: Client, ann: User) -> None:
    answer = client.post("/jobs/new", filled(client, level="fast"))
    job = CrawlJob.objects.with_group().get()
    assert (answer.status_code, answer["Location"]) == (302, f"/jobs/{job.pk}")
    assert (job.project.owner, job.project.name) == (ann, "Animals")
    assert (job.keywords, job.engines, job.max_images) == (["red fox", "barn owl"], ["sample"], 30)
    assert job.name == "red fox, barn owl and 1 more" or job.name.startswith("red fox, barn owl")
    assert job.status == "running"
    assert Task.objects.get(type_name=VALIDATE_LATER).parameters == {"job_id": job.pk, "level": "fast"}
    page = client.get(answer["Location"]).content.decode()
    assert "barn owl" in page and f'data-live="/jobs/{job.pk}/now"' in page


def test_engines_may_stand_in_for_each_other(client: Client) -> None:
    answer = client.post("/jobs/new", filled(client, rebalance="on", keywords="red fox\nbarn owl", max_images="10"))
    job = CrawlJob.objects.with_group().get()
    assert job.rebalance
    first, *_ = factories.tasks_of(job)
    factories.end(first, State.FAILED, images=3, outcomes={"stored": 3})
    page = client.get(f"{answer['Location']}/chunks").content.decode()
    assert "3 asked for, 10 at first" in page
    assert "17 asked for, 10 at first" in page
    again = client.get(f"/jobs/new?like={job.pk}").content.decode()
    assert re.search('name="rebalance"[^>]*checked', again)
    assert not re.search('name="rebalance"[^>]*checked', client.get("/jobs/new").content.decode())


def test_a_job_asks_in_templates_and_its_page_tells_what_each_brought(client: Client) -> None:
    answer = client.post("/jobs/new", filled(client, keyword_templates="{keyword}\nclose-up of  {keyword}\n"))
    job = CrawlJob.objects.with_group().get()
    assert job.keyword_templates == ["{keyword}", "close-up of {keyword}"]
    assert "2 keywords × 2 templates × 1 engine" in client.get(answer["Location"]).content.decode()
    factories.end(factories.tasks_of(job)[0], images=7, outcomes={"stored": 7})
    page = client.get(answer["Location"]).content.decode()
    assert "What each template brought" in page
    assert '<td data-label="Stored" class="px-number">7</td>' in page
    assert "<b>close-up of red fox</b>" in page
    like = client.get(f"/jobs/new?like={job.pk}").content.decode()
    assert "{keyword}\nclose-up of {keyword}</textarea>" in like
    refused = client.post("/jobs/new", filled(client, keyword_templates="close-up"))
    assert refused.status_code == 422
    assert "must contain {keyword}" in refused.content.decode()


def test_a_second_click_makes_no_second_job(client: Client) -> None:
    form = filled(client)
    first, second = client.post("/jobs/new", form), client.post("/jobs/new", form)
    assert first["Location"] == second["Location"]
    assert CrawlJob.objects.count() == Project.objects.count() == 1
    other = client.post("/jobs/new", form | {"keywords": "badger"})
    assert other.status_code == 422
    assert "made a job before" in other.content.decode()
    fresh = other.context["fresh"]
    assert client.post("/jobs/new", form | {"keywords": "badger", "nonce": fresh}).status_code == 302


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"keywords": " \n"}, "keywords"),
        ({"keywords": "x"}, "keywords"),
        ({"keywords": "\n".join(f"word {n}" for n in range(51))}, "keywords"),
        ({"engines": []}, "engines"),
        ({"engines": ["nothing"]}, "engines"),
        ({"max_images": "0"}, "max_images"),
        ({"max_images": "many"}, "max_images"),
        ({"new_project": "  "}, "new_project"),
        ({"project": "999999"}, "project"),
        ({"level": "deep"}, "level"),
    ],
)
def test_a_fault_is_told_at_its_field_and_nothing_is_made(client: Client, changes: dict[str, Any], field: str) -> None:
    answer = client.post("/jobs/new", filled(client, **changes))
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert "px-field-error" in answer.content.decode()
    assert not Project.objects.exists() and not Task.objects.exists()


def test_somebody_elses_project_is_no_choice(client: Client) -> None:
    theirs = factories.project()
    assert client.post("/jobs/new", filled(client, project=str(theirs.pk))).status_code == 422
    assert not CrawlJob.objects.exists()


def test_starts_are_limited_as_in_the_api(client: Client, settings: Settings) -> None:
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": {**rates, "start_job": "1/hour"}}
    assert client.post("/jobs/new", filled(client)).status_code == 302
    limited = client.post("/jobs/new", filled(client))
    assert limited.status_code == 429
    assert "Too many requests" in limited.content.decode()


def test_cancel_retry_and_validate_ask_first(client: Client, ann: User) -> None:
    job = factories.started_job(owner=ann)
    factories.image(job)
    asked = client.get(f"/jobs/{job.pk}/cancel")
    assert 'method="post"' in asked.content.decode() and "<html" in asked.content.decode()
    piece = client.get(f"/jobs/{job.pk}/cancel", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in piece and "csrfmiddlewaretoken" in piece
    assert CrawlJob.objects.with_group().get(pk=job.pk).status == "running"
    assert "Cancelled" in client.post(f"/jobs/{job.pk}/cancel", follow=True).content.decode()
    assert CrawlJob.objects.with_group().get(pk=job.pk).status == "cancelled"
    again = client.post(f"/jobs/{job.pk}/cancel", follow=True).content.decode()
    assert "Cannot cancel job with status: cancelled" in again
    assert "1 chunk runs again" in client.post(f"/jobs/{job.pk}/retry", follow=True).content.decode()
    factories.end_job(job, images=1, outcomes={"stored": 1, "http_404": 2})
    assert (
        "Validation started" in client.post(f"/jobs/{job.pk}/validate", {"level": "fast"}, follow=True).content.decode()
    )
    assert ValidationRun.objects.get(job=job).level == Level.FAST
    page = client.get(f"/jobs/{job.pk}").content.decode()
    assert "The server answered 404 Not Found." in page


def test_a_pending_job_can_be_started_here(client: Client, ann: User) -> None:
    job = factories.job(owner=ann)
    assert "Start" in client.get(f"/jobs/{job.pk}").content.decode()
    client.post(f"/jobs/{job.pk}/start")
    assert CrawlJob.objects.with_group().get(pk=job.pk).status == "running"


def test_the_moving_part_says_when_nothing_moves_any_more(client: Client, ann: User) -> None:
    job = factories.started_job(owner=ann)
    assert "X-Live" not in client.get(f"/jobs/{job.pk}/now")
    factories.end_job(job, State.FAILED, error="the engine is down")
    ended = client.get(f"/jobs/{job.pk}/now")
    assert ended["X-Live"] == client.get(f"/jobs/{job.pk}/newest")["X-Live"] == "ended"
    chunks = client.get(f"/jobs/{job.pk}/chunks", headers={"HX-Request": "true"})
    assert "the engine is down" in chunks.content.decode() and "<html" not in chunks.content.decode()


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def test_the_lists_name_source_and_licence_and_no_formula(client: Client, ann: User) -> None:
    job = factories.started_job(owner=ann, keywords=["red fox"])
    factories.image(job, license="BY", license_version="4.0", creator="=cmd|' /C calc'!A0", title='a "b", c')
    factories.image(job, title="ä\n€")
    factories.validated(job, Level.FAST)
    answer = client.get(f"/jobs/{job.pk}/export.csv")
    assert answer["Content-Disposition"] == f'attachment; filename="job-{job.pk}.csv"'
    rows = list(csv.DictReader(io.StringIO(body(answer).decode(), newline="")))
    assert [row["title"] for row in rows] == ['a "b", c', "ä\n€"]
    assert rows[0]["creator"].startswith("'=cmd")
    assert (rows[0]["license"], rows[0]["license_version"]) == ("BY", "4.0")
    assert rows[0]["source_url"].startswith("http://") and rows[0]["file_name"].startswith("red-fox/")
    lines = [json.loads(line) for line in body(client.get(f"/jobs/{job.pk}/export.jsonl")).splitlines()]
    assert [line["creator"] for line in lines] == ["=cmd|' /C calc'!A0", ""]
    assert {line["is_valid"] for line in lines} <= {True, False}
    assert client.get(f"/jobs/{job.pk}/export.exe").status_code == 404


def test_the_archive_holds_every_file_that_is_there_and_both_lists(client: Client, ann: User) -> None:
    job = factories.started_job(owner=ann, keywords=["con"])
    kept, gone = factories.image(job), factories.image(job)
    images_storage().delete(gone.key)
    first, second = (body(client.get(f"/jobs/{job.pk}/export.zip")) for _ in range(2))
    assert first == second
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {f"con_/{kept.sha256[:16]}.jpg", "manifest.csv", "manifest.jsonl"}
        assert len(archive.read(f"con_/{kept.sha256[:16]}.jpg")) == kept.bytes
        lines = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
    assert [bool(line["file_name"]) for line in lines] == [True, False]
