"""The policy's forms, the overview, the gallery's filter and the release, on the pages and in the console."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from jobs.licenses import LicensePolicy
from jobs.models import CrawlJob, Image, Project
from jobs.services import quarantine
from jobs.services.projects import update_project
from pixtasks.accounts.models import User
from pixtasks.accounts.roles import Role
from tasktypes.models import Task
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def web(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def boss(db: None) -> Client:
    client = Client()
    client.force_login(factories.user(is_staff=True))
    return client


@pytest.fixture
def strict(job: CrawlJob) -> CrawlJob:
    policy = LicensePolicy(require_commercial_use=True)
    update_project(Project.objects.get(pk=job.project_id), license_policy={"require_commercial_use": True})
    quarantine.judge_images(list(Image.objects.filter(job=job).values_list("pk", flat=True)), policy)
    return job


def tiles(client: Client, address: str) -> set[int]:
    """Return the ids of the images that a page of the gallery shows."""
    answer = client.get(address)
    assert answer.status_code == 200
    return set(map(int, re.findall(r'id="i(\d+)"', answer.content.decode())))


def ids(job: CrawlJob, **fields: str) -> set[int]:
    return set(Image.objects.filter(job=job, **fields).values_list("pk", flat=True))


@pytest.mark.parametrize("place", ["gallery", "admin:jobs_image_gallery"])
def test_the_gallery_shows_quarantine_only_where_it_is_asked_for(
    web: Client, boss: Client, strict: CrawlJob, place: str
) -> None:
    client = web if place == "gallery" else boss
    address = f"{reverse(place)}?job={strict.pk}"
    held = ids(strict, quarantine="no_commercial_use")
    assert len(held) == 2
    assert tiles(client, address) == ids(strict) - held
    assert tiles(client, f"{address}&quarantine=any") == held
    assert tiles(client, f"{address}&quarantine=no_commercial_use") == held
    assert tiles(client, f"{address}&quarantine=all") == ids(strict)
    assert tiles(client, f"{address}&quarantine=nonsense") == ids(strict) - held


@pytest.mark.parametrize("frame", ["web", "console"])
def test_an_images_page_says_why_and_lets_it_out_and_back(
    web: Client, boss: Client, strict: CrawlJob, frame: str
) -> None:
    image = Image.objects.get(job=strict, license="BY-NC")
    client, page, act = (
        (web, reverse("gallery-image", args=[image.pk]), reverse("gallery-release", args=[image.pk]))
        if frame == "web"
        else (
            boss,
            reverse("admin:jobs_image_change", args=[image.pk]),
            reverse("admin:jobs_image_gallery_release", args=[image.pk]),
        )
    )
    text = client.get(page).content.decode()
    assert quarantine.SENTENCES["no_commercial_use"] in text
    assert act in text
    assert client.post(act, {"reason": ""}).status_code == 302
    assert Image.objects.get(pk=image.pk).quarantine == "no_commercial_use"
    answer = client.post(act, {"reason": "They <b>agreed</b>."}, follow=True)
    assert Image.objects.get(pk=image.pk).quarantine == ""
    assert "They &lt;b&gt;agreed&lt;/b&gt;." in answer.content.decode()
    client.post(act, {"undo": "1"})
    assert Image.objects.get(pk=image.pk).quarantine == "no_commercial_use"


def test_somebody_elses_image_is_not_let_out(strict: CrawlJob) -> None:
    image = Image.objects.get(job=strict, license="BY-NC")
    client = Client()
    assert client.post(reverse("gallery-release", args=[image.pk]), {"reason": "x"}).status_code == 302
    client.force_login(factories.user())
    assert client.post(reverse("gallery-release", args=[image.pk]), {"reason": "x"}).status_code == 404
    assert Image.objects.get(pk=image.pk).quarantine


def test_the_project_form_makes_and_changes_a_policy(web: Client, job: CrawlJob) -> None:
    boxes = {"allow_share_alike": "on", "require_derivatives": "on"}
    web.post(reverse("web:new-project"), {"name": "Strict", "description": "", **boxes})
    made = Project.objects.get(name="Strict")
    assert made.license_policy == LicensePolicy(require_derivatives=True, allow_unknown_license=False)
    edit = reverse("web:edit-project", args=[job.project_id])
    text = web.get(edit).content.decode()
    assert re.search(r'name="allow_share_alike"[^>]* checked', text)
    assert not re.search(r'name="require_commercial_use"[^>]* checked', text)
    both = {"allow_share_alike": "on", "allow_unknown_license": "on"}
    answer = web.post(edit, {"name": "As it was", "description": "", **both}, follow=True)
    assert not Task.objects.filter(type_name="jobs.judge_licenses").exists()
    answer = web.post(edit, {"name": "Now", "description": "", **both, "require_commercial_use": "on"}, follow=True)
    assert "judged by the new policy" in answer.content.decode()
    assert Task.objects.filter(type_name="jobs.judge_licenses").count() == 1
    assert Project.objects.get(pk=job.project_id).license_policy == LicensePolicy(require_commercial_use=True)


def test_the_pages_of_project_and_job_show_the_licences(web: Client, strict: CrawlJob) -> None:
    text = web.get(reverse("web:project", args=[strict.project_id])).content.decode()
    assert "Licences must permit commercial use." in text
    assert "CC BY-NC-ND" in text
    assert "2 images in quarantine" in text
    text = web.get(reverse("web:job", args=[strict.pk])).content.decode()
    assert "CC BY-NC-ND" in text
    assert reverse("web:export-job", args=[strict.pk, "txt"]) in text
    assert "2 in quarantine" in text
    listed = web.get(reverse("web:export-job", args=[strict.pk, "txt"]))
    assert "ATTRIBUTION.txt" in listed["Content-Disposition"]
    assert b"".join(listed.streaming_content).count(b"Licence: ") == 6


def test_the_console_shows_and_changes_the_policy(boss: Client, strict: CrawlJob) -> None:
    page = reverse("admin:jobs_project_change", args=[strict.project_id])
    policy = reverse("admin:jobs_project_policy", args=[strict.project_id])
    text = boss.get(page).content.decode()
    assert policy in text
    assert "Licences must permit commercial use." in text
    assert re.search(r'name="require_commercial_use"[^>]* checked', boss.get(policy).content.decode())
    before = Task.objects.filter(type_name="jobs.judge_licenses").count()
    boss.post(policy, {"require_derivatives": "on", "allow_share_alike": "on", "allow_unknown_license": "on"})
    assert Project.objects.get(pk=strict.project_id).license_policy == LicensePolicy(require_derivatives=True)
    assert Task.objects.filter(type_name="jobs.judge_licenses").count() == before + 1
    text = boss.get(reverse("admin:jobs_crawljob_change", args=[strict.pk])).content.decode()
    assert "CC BY-NC-ND" in text
    assert "In quarantine" in text


def test_a_viewer_changes_no_policy(strict: CrawlJob) -> None:
    client = Client()
    client.force_login(factories.user(is_staff=True, role=Role.VIEWER))
    policy = reverse("admin:jobs_project_policy", args=[strict.project_id])
    assert client.get(policy).status_code == 403
    assert client.post(policy, {"require_derivatives": "on"}).status_code == 403
    assert policy not in client.get(reverse("admin:jobs_project_change", args=[strict.project_id])).content.decode()
