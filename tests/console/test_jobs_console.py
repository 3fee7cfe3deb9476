"""The console's pages of jobs: what they show, what their buttons do, and that no list grows with its rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from jobs.models import Chunk, CrawlJob, JobStatus, Level, Project, RefetchRun, ValidationRun
from pixtasks.accounts.models import AuditEntry, User
from pixtasks.accounts.roles import Role
from tasktypes.models import Task
from tasktypes.states import State
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "/admin/jobs/crawljob/"
NEW = "/admin/jobs/crawljob/new/"
HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def boss() -> User:
    return factories.user(is_staff=True, is_superuser=True)


@pytest.fixture
def client(boss: User, settings: Settings, tmp_path: Path) -> Client:
    settings.STATIC_ROOT = tmp_path
    client = Client()
    client.force_login(boss)
    return client


@pytest.fixture
def viewer(settings: Settings, tmp_path: Path) -> Client:
    """Somebody who may look at everything of jobs and do nothing."""
    settings.STATIC_ROOT = tmp_path
    client = Client()
    client.force_login(factories.user(is_staff=True, role=Role.VIEWER))
    return client


def page_of(job: CrawlJob) -> str:
    return f"{LIST}{job.pk}/change/"


def fresh(job: CrawlJob) -> CrawlJob:
    return CrawlJob.objects.with_group().get(pk=job.pk)


def failed_job(**fields: Any) -> CrawlJob:
    """Return an ended job with two timeouts and a 404."""
    job = factories.started_job(max_images=10, **fields)
    for outcome in ("timeout", "timeout", "http_404"):
        factories.failure(job, outcome)
    return factories.end_job(job, images=0, outcomes={"timeout": 2, "http_404": 1})


def text_of(answer: Any) -> str:
    assert answer.status_code == 200
    return str(answer.content.decode())


# The list


def test_the_list_tells_state_chunks_images_failures_owner_and_age(client: Client) -> None:
    running = factories.started_job(keywords=["fox", "owl"], max_images=10, name="Running one")
    first, _ = factories.tasks_of(running)
    factories.report(first, images=7, outcomes={"stored": 7, "timeout": 2})
    factories.job(name="Pending one")
    body = text_of(client.get(LIST))
    assert "Running one" in body
    assert ">running<" in body
    assert ">pending<" in body
    assert 'aria-label="0 of 2"' in body
    assert '<span class="jb-number">7</span>' in body
    assert f'href="/admin/jobs/fetchfailure/?job={running.pk}">2<' in body
    assert f'href="?owner={running.project.owner_id}"' in body


@pytest.mark.parametrize("status", JobStatus.values)
def test_the_list_is_filtered_by_status(client: Client, status: str) -> None:
    made = {
        "pending": factories.job(name="is-pending"),
        "running": factories.started_job(name="is-running"),
        "completed": factories.end_job(factories.started_job(name="is-completed")),
        "failed": factories.end_job(factories.started_job(name="is-failed"), State.FAILED),
        "cancelled": factories.end_job(factories.started_job(name="is-cancelled"), State.CANCELLED),
    }
    body = text_of(client.get(LIST, {"status": status}))
    assert [name for name in made if f"is-{name}" in body] == [status]


def test_the_list_is_filtered_by_project_owner_and_time_and_searched(client: Client) -> None:
    job, other = factories.job(name="wanted-one"), factories.job(name="other-one")
    old = factories.job(name="old-one")
    CrawlJob.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
    for query in (
        {"project": job.project_id},
        {"owner": job.project.owner_id},
        {"q": "wanted"},
        {"q": job.project.slug},
        {"q": job.project.owner.email},
    ):
        body = text_of(client.get(LIST, query))
        assert "wanted-one" in body, query
        assert "other-one" not in body, query
    recent = text_of(client.get(LIST, {"since": "24h"}))
    assert "wanted-one" in recent
    assert "old-one" not in recent
    assert text_of(client.get(LIST, {"owner": "x"})).count(other.name) == 0


def queries(client: Client, url: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        text_of(client.get(url))
    return len(seen)


@pytest.mark.parametrize(
    ("url", "make"),
    [
        (LIST, lambda: factories.end_job(factories.started_job())),
        ("/admin/jobs/project/", factories.job),
        ("/admin/jobs/chunk/", factories.started_job),
        ("/admin/jobs/fetchfailure/", lambda: factories.failure(factories.started_job())),
        ("/admin/jobs/validationrun/", lambda: factories.validated(factories.job_with_images(1), Level.FAST)),
        ("/admin/jobs/refetchrun/", lambda: RefetchRun.objects.create(
            job=failed_job(), outcome="timeout", group_id=failed_job().group_id, failures_count=2)),
    ],
)  # fmt: skip
def test_a_list_asks_the_same_number_of_queries_however_many_rows_there_are(
    client: Client, url: str, make: Callable[[], Any]
) -> None:
    make()
    client.get(url)
    few = queries(client, url)
    for _ in range(4):
        make()
    assert queries(client, url) <= few
    assert few < 25


def test_a_jobs_page_asks_the_same_number_of_queries_however_much_it_did(client: Client) -> None:
    small = failed_job(keywords=["fox"])
    large = failed_job(keywords=[f"word {number}" for number in range(30)])
    for _ in range(5):
        factories.image(large)
    client.get(page_of(small))
    assert queries(client, page_of(large)) <= queries(client, page_of(small)) + 1
    assert queries(client, page_of(large)) < 40


# The job's page


def test_the_page_tells_all_of_a_job(client: Client) -> None:
    job = failed_job(keywords=["red fox", "owl"], name="Foxes")
    image = factories.image(job)
    body = text_of(client.get(page_of(job)))
    first = factories.tasks_of(job)[0]
    assert f'href="/admin/tasktypes/task/{first.pk}/change/"' in body
    assert "red fox × urls: completed, 0 images, 0 duplicates, 3 failed" in body
    assert "The server answered 404 Not Found." in body
    assert f'href="{LIST}{job.pk}/retry-failures/?class=timeout"' in body
    assert f"/api/v1/images/{image.pk}/thumbnail" in body
    assert "Chunk completed" in body
    assert "Started" in body
    assert "data-live=" not in body  # Nothing of it moves any more.


def test_a_running_job_moves(client: Client) -> None:
    job = factories.started_job(keywords=["fox", "owl"], max_images=10)
    body = text_of(client.get(page_of(job)))
    for part in ("live", "grid", "log"):
        assert f'data-live="{LIST}{job.pk}/{part}/' in body
        answer = client.get(f"{LIST}{job.pk}/{part}/")
        assert "X-Live" not in answer
        assert "<html" not in text_of(answer)
    factories.end_job(job, images=3, outcomes={"stored": 3})
    live = client.get(f"{LIST}{job.pk}/live/")
    assert live["X-Live"] == "ended"
    assert ">completed<" in text_of(live)


def test_hostile_names_stay_text(client: Client) -> None:
    job = failed_job(keywords=[HOSTILE], name=HOSTILE)
    factories.failure(job, "timeout", url=f"http://x/{HOSTILE}", detail=HOSTILE)
    urls = (
        LIST, page_of(job), f"{NEW}?clone={job.pk}", f"/admin/jobs/project/{job.project_id}/change/",
        "/admin/jobs/chunk/", "/admin/jobs/fetchfailure/",
    )  # fmt: skip
    for url in urls:
        body = text_of(client.get(url))
        assert HOSTILE not in body
        assert "onerror=&quot;alert(1)&quot;" in body


# What can be done


@pytest.mark.parametrize(
    ("verb", "make", "then", "action"),
    [
        ("start", factories.job, "running", "crawl_job.started"),
        ("cancel", factories.started_job, "cancelled", "crawl_job.cancelled"),
        ("retry", lambda: factories.end_job(factories.started_job(), State.FAILED), "running", "crawl_job.retried"),
        ("validate", lambda: factories.job_with_images(1), "completed", "validation.started"),
    ],
)
def test_a_dialog_asks_and_its_answer_acts(
    client: Client, boss: User, verb: str, make: Callable[[], CrawlJob], then: str, action: str
) -> None:
    job = make()
    url = f"{LIST}{job.pk}/{verb}/"
    before = fresh(job).status
    asked = text_of(client.get(url))
    assert 'id="dialog"' in asked
    assert fresh(job).status == before
    answer = client.post(url, {"_form_submitted": "True", "level": "fast"})
    assert answer["HX-Redirect"] == page_of(job)
    assert fresh(job).status == then
    entry = AuditEntry.objects.get(action=action, object_id=str(job.pk))
    assert entry.actor == boss
    assert (ValidationRun.objects.filter(level=Level.FAST).count() == 1) == (verb == "validate")


def test_what_a_state_does_not_allow_is_not_offered_and_is_refused_with_the_reason(client: Client) -> None:
    job = factories.started_job()
    body = text_of(client.get(page_of(job)))
    assert f"{LIST}{job.pk}/cancel/" in body
    assert f"{LIST}{job.pk}/start/" not in body
    client.post(f"{LIST}{job.pk}/start/", {"_form_submitted": "True"})
    assert "Only pending jobs can be started" in text_of(client.get(LIST))


@pytest.mark.parametrize("name", ["start_some", "cancel_some", "retry_some", "validate_some"])
def test_ticked_jobs_are_named_before_anything_happens(client: Client, name: str) -> None:
    jobs = [factories.job(), factories.started_job(), factories.end_job(factories.started_job(), State.FAILED)]
    ticked = {"action": name, "_selected_action": [job.pk for job in jobs]}
    before = [fresh(job).status for job in jobs]
    body = text_of(client.post(LIST, ticked))
    assert all(f"#{job.pk}" in body for job in jobs)
    assert "left alone" in body
    assert [fresh(job).status for job in jobs] == before
    assert client.post(LIST, {**ticked, "confirmed": "yes"}).status_code == 302
    expected = {
        "start_some": ["running", "running", "failed"],
        "cancel_some": ["cancelled", "cancelled", "failed"],
        "retry_some": ["pending", "running", "running"],
        "validate_some": before,
    }
    assert [fresh(job).status for job in jobs] == expected[name]


def test_a_class_of_failures_is_retried_after_a_question(client: Client, boss: User) -> None:
    job = failed_job()
    url = f"{LIST}{job.pk}/retry-failures/"
    assert "Retry 2 candidates that ended as timeout?" in text_of(client.get(url, {"class": "timeout"}))
    assert not RefetchRun.objects.exists()
    assert client.post(url, {"class": "timeout"}).status_code == 200
    assert not RefetchRun.objects.exists()
    assert client.post(url, {"class": "timeout", "confirmed": "yes"}).url == page_of(job)  # type: ignore[attr-defined]
    run = RefetchRun.objects.get()
    assert (run.outcome, run.failures_count, run.created_by) == ("timeout", 2, boss)
    body = text_of(client.get(page_of(job)))
    assert "being retried" in body
    assert "2 candidates that ended as timeout will be tried again." in body
    assert f'data-live="{LIST}{job.pk}/live/"' in body
    client.post(url, {"class": "timeout", "confirmed": "yes"})
    assert "being tried again already" in text_of(client.get(page_of(job)))
    assert client.get(url, {"class": "nothing"}).status_code == 302


def test_whoever_may_only_look_is_offered_nothing_and_refused(viewer: Client) -> None:
    job = failed_job()
    body = text_of(viewer.get(page_of(job)))
    assert "Retry this class" not in body
    assert "Try failures again" not in body
    for verb in ("start", "cancel", "retry", "validate", "to-export"):
        assert f"{LIST}{job.pk}/{verb}/" not in body
        assert viewer.post(f"{LIST}{job.pk}/{verb}/", {"_form_submitted": "True"}).status_code == 403
    assert viewer.post(f"{LIST}{job.pk}/retry-failures/", {"class": "timeout", "confirmed": "yes"}).status_code == 403
    assert viewer.get(NEW).status_code == 403
    assert viewer.get(f"{LIST}add/").status_code == 403
    assert "New job" not in text_of(viewer.get(LIST))
    assert "New job" not in text_of(viewer.get(f"/admin/jobs/project/{job.project_id}/change/"))
    assert not RefetchRun.objects.exists()


def test_an_export_is_recorded_and_streams_every_image(client: Client) -> None:
    job = factories.job_with_images(3)
    answer = client.post(f"{LIST}{job.pk}/to-export/", {"_form_submitted": "True", "kind": "csv"})
    assert answer["HX-Redirect"] == f"{page_of(job)}?download=csv"
    assert AuditEntry.objects.get(action="crawl_job.exported").detail == {"format": "csv"}
    assert f'href="{LIST}{job.pk}/export/?kind=csv"' in text_of(client.get(answer["HX-Redirect"]))
    file: Any = client.get(f"{LIST}{job.pk}/export/", {"kind": "csv"})
    lines = b"".join(file.streaming_content).decode().splitlines()
    assert len(lines) == 4
    assert "license" in lines[0]
    assert file["Content-Disposition"] == f'attachment; filename="job-{job.pk}-images.csv"'
    rows: Any = client.get(f"{LIST}{job.pk}/export/", {"kind": "jsonl"})
    assert len(b"".join(rows.streaming_content).splitlines()) == 3
    assert client.get(f"{LIST}{job.pk}/export/", {"kind": "exe"}).status_code == 404


# A new job


def wanted(**fields: Any) -> dict[str, Any]:
    return {
        "project": "new-animals", "keywords": "red fox\nowl, Owl", "engines": ["urls"], "max_images": "25", "level": "",
        "name": "", "engine-urls-params.urls": '["http://203.0.113.1/a.jpg", "http://203.0.113.1/b.jpg"]',
        "then": "start", **fields,
    }  # fmt: skip


def test_a_job_is_made_and_started_from_the_form(client: Client, boss: User) -> None:
    assert client.get(f"{LIST}add/")["Location"] == NEW
    body = text_of(client.get(NEW))
    assert 'name="engines" value="sample"' in body
    assert "PIXTASKS_DIRECTORY_ROOTS" in body
    assert "Options of urls" in body
    assert "Options of sample" not in body  # It takes none.
    answer = client.post(NEW, wanted(level="medium"))
    job = CrawlJob.objects.with_group().get()
    assert answer.status_code == 302
    assert answer["Location"] == page_of(job)
    assert (job.keywords, job.engines, job.max_images) == (["red fox", "owl"], ["urls"], 25)
    assert job.options == {"urls": {"urls": ["http://203.0.113.1/a.jpg", "http://203.0.113.1/b.jpg"]}}
    assert (job.project.slug, job.project.owner, job.status) == ("new-animals", boss, "running")
    assert job.name == "crawl of red fox, owl, Owl"
    assert Chunk.objects.filter(job=job).count() == 2
    assert Task.objects.filter(type_name="jobs.validate_when_crawled").count() == 1
    assert AuditEntry.objects.filter(action="crawl_job.started", actor=boss).count() == 1
    assert "http://203.0.113.1/a.jpg, http://203.0.113.1/b.jpg" in text_of(client.get(page_of(job)))


def test_a_job_is_made_without_being_started(client: Client) -> None:
    client.post(NEW, wanted(then="keep", name="Later"))
    job = CrawlJob.objects.with_group().get()
    assert (job.name, job.status) == ("Later", "pending")
    assert not Task.objects.exists()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"keywords": "x"}, "at least 2"),
        ({"engines": []}, "Choose at least one engine."),
        ({"max_images": "0"}, "greater than or equal to 1"),
        ({"project": "Not A Slug"}, "is not a slug"),
        ({"engine-urls-params.urls": "no list"}, "This is no JSON"),
        ({"then": "keep", "level": "fast"}, "Validation is asked for when the job is started"),
        ({"engines": ["no-such-engine"]}, "not one of the available choices"),
    ],
)
def test_what_is_wrong_is_said_at_the_form_and_nothing_is_made(
    client: Client, fields: dict[str, Any], said: str
) -> None:
    body = text_of(client.post(NEW, wanted(**fields)))
    assert said in body
    assert 'role="alert"' in body
    assert not CrawlJob.objects.exists()
    assert not Project.objects.exists()


def test_a_clone_begins_as_the_other_job_was(client: Client) -> None:
    job = factories.job(keywords=["red fox", "owl"], max_images=77, name="The first")
    assert client.get(f"{LIST}{job.pk}/clone/")["Location"] == f"{NEW}?clone={job.pk}"
    body = text_of(client.get(f"{NEW}?clone={job.pk}"))
    assert "red fox\nowl</textarea>" in body
    assert 'value="77"' in body
    assert f'value="{job.project.slug}"' in body
    assert "http://203.0.113.1/a.jpg&quot;" in body
    assert 'name="engines" value="urls" checked' in body


# Projects and rows
