"""Where a row is written it is judged: by a crawl, by a second try of what failed, and by a gather."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.storage import storages

from gather.params import GatherOptions
from gather.services import runs
from jobs.engines import Candidate
from jobs.licenses import LicensePolicy
from jobs.models import CrawlJob, Image, Project
from jobs.services.candidates import license_of
from jobs.services.crawl_jobs import create_job, start_job
from jobs.services.failures import FailureFilter
from jobs.services.opt_outs import add_opt_out
from jobs.services.projects import create_project, update_project
from jobs.services.recount import recount_job
from jobs.services.refetch import start_refetch
from pixtasks.accounts.models import User
from tests import factories
from tests.ledger import run_all
from tests.picture_server import PictureServer, make_pictures, serve

pytestmark = pytest.mark.django_db
STRICT = LicensePolicy(require_commercial_use=True, allow_unknown_license=False)


@pytest.fixture(autouse=True)
def _empty_storage() -> Iterator[None]:
    """Begin without the files of other tests, and leave none."""
    shutil.rmtree(storages["images"].path(""), ignore_errors=True)
    yield
    shutil.rmtree(storages["images"].path(""), ignore_errors=True)


@pytest.fixture
def web(settings: Any) -> Iterator[PictureServer]:
    with serve(make_pictures(6)) as server:
        settings.PIXTASKS_FETCH_ALLOW = [f"127.0.0.1:{server.port}"]
        yield server


@pytest.fixture
def project(owner: User) -> Project:
    return create_project(owner=owner, name="Strict", license_policy=STRICT)


def job_of(project: Project, web: PictureServer) -> CrawlJob:
    """A job over six pictures under four licences, two of them told only by their address, and none."""
    told = [
        {"license": "CC BY 4.0"},
        {"license": "cc-by-nc", "license_version": "2.0"},
        {"license_url": "https://creativecommons.org/licenses/by-nc-sa/3.0/de/"},
        {"license": "Public domain"},
        {"license": "Museum terms"},
        {},
    ]
    entries = [{"url": url, **facts} for url, facts in zip(web.urls, told, strict=True)]
    return create_job(
        project=project,
        name="crawl",
        keywords=["pictures"],
        engines=["urls"],
        max_images=10,
        options={"urls": {"urls": entries}},
    )


def rows(job: CrawlJob) -> list[tuple[str, str, str]]:
    """Return (licence, version, quarantine) in the order of the list; the counter must agree."""
    found = list(Image.objects.filter(job=job).order_by("rank").values_list("license", "license_version", "quarantine"))
    job.refresh_from_db()
    assert job.quarantined_images == sum(1 for _, _, reason in found if reason)
    assert recount_job(job.pk, fix=False) is None
    return found


def test_a_crawl_keeps_what_does_not_fit_and_says_why(project: Project, web: PictureServer) -> None:
    job = job_of(project, web)
    start_job(job)
    run_all()
    assert rows(job) == [
        ("BY", "4.0", ""),
        ("BY-NC", "2.0", "no_commercial_use"),
        ("BY-NC-SA", "3.0", "no_commercial_use"),
        ("PDM", "", ""),
        ("Museum terms", "", "unknown_license"),
        ("", "", "unknown_license"),
    ]
    assert (job.images, job.quarantined_images) == (6, 4), "stored they are all the same"


def test_the_policy_that_holds_when_a_row_is_written_counts(owner: User, web: PictureServer) -> None:
    project = create_project(owner=owner, name="Open")
    job = job_of(project, web)
    start_job(job)
    update_project(project, license_policy={"require_commercial_use": True})
    run_all()
    assert [reason for _, _, reason in rows(job)] == ["", "no_commercial_use", "no_commercial_use", "", "", ""]


def test_what_comes_back_at_a_second_try_is_judged_alike(project: Project, web: PictureServer, owner: User) -> None:
    job = job_of(project, web)
    taken = {path: web.pictures[path] for path in list(web.pictures)[:3]}
    for path in taken:
        del web.pictures[path]
    start_job(job)
    run_all()
    assert [code for code, _, _ in rows(job)] == ["PDM", "Museum terms", ""]
    web.pictures.update(taken)
    start_refetch(job, FailureFilter(outcomes=("http_404",)), owner)
    run_all()
    assert [(code, reason) for code, _, reason in rows(job)][:3] == [
        ("BY", ""),
        ("BY-NC", "no_commercial_use"),
        ("BY-NC-SA", "no_commercial_use"),
    ]


def test_a_gather_judges_what_it_saves(project: Project, web: PictureServer, owner: User) -> None:
    job_of(project, web)
    run = runs.start(caller=owner, project_id=str(project.slug), gather_count=1, options=GatherOptions())
    run_all()
    assert [reason for _, _, reason in rows(CrawlJob.objects.get(pk=run.job_id))] == [
        "",
        "no_commercial_use",
        "no_commercial_use",
        "",
        "unknown_license",
        "unknown_license",
    ]


def test_pictures_that_are_there_twice_are_counted_once(project: Project, web: PictureServer) -> None:
    job = create_job(
        project=project,
        name="twice",
        keywords=["one", "two"],
        engines=["urls"],
        max_images=10,
        options={"urls": {"urls": web.urls}},
    )
    start_job(job)
    run_all()
    assert len(rows(job)) == 6
    assert job.quarantined_images == 6


def test_an_image_that_goes_for_an_opt_out_leaves_the_counter_too(project: Project, web: PictureServer) -> None:
    job = job_of(project, web)
    start_job(job)
    run_all()
    for code in ("BY", "BY-NC"):
        add_opt_out(kind="sha256", value=Image.objects.get(job=job, license=code).sha256)
    run_all()
    assert len(rows(job)) == 4
    assert (job.images, job.quarantined_images) == (4, 3)


@pytest.mark.parametrize(
    ("candidate", "code", "version", "url"),
    [
        (Candidate("http://a/", license="BY", license_version="2.0"), "BY", "2.0", "licenses/by/2.0/"),
        (Candidate("http://a/", license="by-nc", license_url="https://l.test/"), "BY-NC", "", ""),
        (Candidate("http://a/", license="Own terms", license_version="2"), "Own terms", "", ""),
        (Candidate("http://a/", license_version="4.0"), "", "", ""),
    ],
)
def test_the_parts_that_a_source_gives_are_read_together(
    candidate: Candidate, code: str, version: str, url: str
) -> None:
    found = license_of(candidate)
    assert (found.code, found.version) == (code, version)
    assert found.url.endswith(url)


def test_the_factories_store_what_nobody_judged(project: Project) -> None:
    job = factories.started_job(project)
    assert factories.image(job, license="BY-NC").quarantine == ""
