"""The gallery: what its pages show and cost, who may decide on them, and what its scripts send."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from jobs.models import Chunk, CrawlJob, Decision, Image, Level, ValidationRun
from jobs.services import gallery
from jobs.services.gallery import scope_of, sheet, wanted_of
from pixtasks.accounts.models import User
from pixtasks.accounts.roles import Role
from tests import factories
from tests.images import broken_images, encode, photos

pytestmark = pytest.mark.django_db
GALLERY, DECIDE, UNDO = "admin:jobs_image_gallery", "admin:jobs_image_gallery_decide", "admin:jobs_image_gallery_undo"


@pytest.fixture(autouse=True)
def _static(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.PIXTASKS_VALIDATION_BATCH_SIZE = 1000


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def boss() -> User:
    return factories.user(is_staff=True)


@pytest.fixture
def client(boss: User) -> Client:
    return signed_in(boss)


@pytest.fixture
def owner() -> User:
    return factories.user()


@pytest.fixture
def job(owner: User) -> CrawlJob:
    """Two keywords, two photographs that are alike, and a broken one."""
    job = factories.started_job(owner=owner, keywords=["cat", "owl"])
    cats, owls = Chunk.objects.filter(job=job).order_by("keyword")
    for quality in (90, 60):
        factories.image(job, encode(photos()[0], quality=quality), chunk=cats, license="CC0", title="A cat")
    factories.image(job, broken_images()["cut.jpg"], chunk=cats)
    for _ in range(3):
        factories.image(job, chunk=owls, license="CC BY")
    factories.validated(job, Level.SLOW)
    return job


def shown(response: Any) -> list[int]:
    assert response.status_code == 200
    return [int(found) for found in re.findall(r'<li class="pg-tile" id="i(\d+)"', response.content.decode())]


def send(client: Client, name: str, body: Any) -> Any:
    return client.post(reverse(name), json.dumps(body), content_type="application/json")


def ids(job: CrawlJob, **fields: Any) -> list[int]:
    return list(Image.objects.filter(job=job, **fields).order_by("-pk").values_list("pk", flat=True))


@pytest.mark.parametrize("name", [GALLERY, "gallery"])
def test_filters_combine_and_leave_the_newest_first(name: str, owner: User, boss: User, job: CrawlJob) -> None:
    client, place = signed_in(boss if name == GALLERY else owner), f"{reverse(name)}?job={job.pk}"
    everything = ids(job)
    assert shown(client.get(place)) == everything
    assert shown(client.get(f"{place}&keyword=owl")) == ids(job, keyword="owl")
    assert shown(client.get(f"{place}&verdict=invalid")) == ids(job, is_valid=False)
    assert shown(client.get(f"{place}&verdict=valid&keyword=cat&license=CC0&engine=urls")) == ids(job, license="CC0")
    assert shown(client.get(f"{place}&license=-")) == ids(job, license="")
    assert shown(client.get(f"{place}&issue=truncated")) == ids(job, is_valid=False)
    assert shown(client.get(f"{place}&issue=near_duplicate&verdict=invalid")) == []
    Image.objects.filter(pk=everything[0]).update(decision="reject")
    assert shown(client.get(f"{place}&decision=reject")) == everything[:1] == shown(client.get(f"{place}&decision=any"))
    assert shown(client.get(f"{place}&decision=none")) == everything[1:]
    assert shown(client.get(f"{place}&verdict=perhaps&issue=%00&decision=x")) == everything
    assert shown(client.get(f"{reverse(name)}?project={job.project_id}")) == everything
    assert shown(client.get(reverse(name))) == everything
    assert client.get(f"{reverse(name)}?job=999999").status_code == 404


def test_pages_follow_each_other_without_a_gap(owner: User, job: CrawlJob, monkeypatch: pytest.MonkeyPatch) -> None:
    scope = scope_of(owner, job_id=job.pk, project_id=None, own=True)
    for window in (2, 3, 100):
        monkeypatch.setattr(gallery, "WINDOW", window)
        for values in ({}, {"keyword": "owl"}, {"issue": "truncated"}):
            wanted, found, before, pages = wanted_of(values), [], None, 0
            while True:
                page = sheet(scope, wanted, before=before, size=2)
                found += [image.pk for image in page.images]
                before, pages = page.before, pages + 1
                if before is None:
                    break
            assert found == list(wanted.of(Image.objects.filter(job=job)).order_by("-pk").values_list("pk", flat=True))
            assert pages < 8


@pytest.mark.parametrize("name", [GALLERY, "gallery"])
def test_pages_cost_the_same_number_of_queries_however_many_images(name: str, boss: User, job: CrawlJob) -> None:
    client = signed_in(boss if name == GALLERY else job.project.owner)
    image = ids(job)[0]
    page = "admin:jobs_image_change" if name == GALLERY else "gallery-image"
    sliders = f"{name}_thresholds" if name == GALLERY else "gallery-thresholds"
    places = [f"{reverse(name)}?job={job.pk}&verdict=valid", f"{reverse(page, args=[image])}?job={job.pk}"]
    places += [f"{reverse(name)}", f"{reverse(sliders)}?job={job.pk}"]
    if name == GALLERY:
        places.append(reverse("admin:jobs_image_changelist"))
    few = [costs(client, place) for place in places]
    for _ in range(12):
        factories.image(job)
    factories.validated(job, Level.SLOW)
    more = [costs(client, place) for place in places]
    assert all(after <= before for before, after in zip(few, more, strict=True)), (few, more)
    assert max(few) < 32


def costs(client: Client, place: str) -> int:
    client.get(place)
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        assert client.get(place).status_code == 200
    return len(queries)


def test_what_the_keys_send_is_recorded_and_undone(client: Client, boss: User, job: CrawlJob) -> None:
    first, second, third, *_ = ids(job)
    strokes = [
        {"images": [first], "kind": "keep"},
        {"images": [second, third], "kind": "reject"},
        {"images": [first], "kind": "relabel", "label": "<b>fox</b>"},
    ]
    told = send(client, DECIDE, {"decisions": strokes})
    assert told.status_code == 200
    assert {one["id"]: one["decision"] for one in told.json()["images"]} == {
        first: "relabel", second: "reject", third: "reject",
    }  # fmt: skip
    assert Decision.objects.filter(by=boss).count() == 4
    page = client.get(f"{reverse(GALLERY)}?job={job.pk}").content.decode()
    assert "&lt;b&gt;fox&lt;/b&gt;" in page and "<b>fox" not in page
    assert send(client, UNDO, {"job": str(job.pk)}).json()["images"] == [{"id": first, "decision": "keep", "label": ""}]
    assert send(client, UNDO, {"batches": [told.json()["batches"][1]]}).status_code == 200
    decision = Decision.objects.get(undone_at=None)
    assert send(client, UNDO, {"decision": decision.pk}).status_code == 200
    assert not Image.objects.exclude(decision="").exists()
    refused = send(client, UNDO, {"job": job.pk})
    assert (refused.status_code, "left to undo" in refused.json()["detail"]) == (400, True)


@pytest.mark.parametrize(
    "body",
    ["[]", "{", "{}", '{"decisions": {}}', '{"decisions": [{"images": ["1"], "kind": "keep"}]}',
     '{"decisions": [{"images": [1], "kind": "burn"}]}', '{"decisions": [{"images": [1], "kind": "keep", "label": 3}]}',
     '{"decisions": [{"images": [true], "kind": "relabel"}]}', "[" * 100_000],
)  # fmt: skip
def test_what_is_malformed_is_refused(client: Client, body: str) -> None:
    for name in (DECIDE, UNDO) if "decisions" not in body and body != "{}" else (DECIDE,):
        answer = client.post(reverse(name), body, content_type="application/json")
        assert answer.status_code == 422
        assert answer.json()["detail"]


def test_decisions_need_the_csrf_token_a_post_and_the_right(job: CrawlJob, boss: User, owner: User) -> None:
    body = {"decisions": [{"images": ids(job)[:1], "kind": "reject"}]}
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(boss)
    assert send(strict, DECIDE, body).status_code == 403
    assert signed_in(boss).get(reverse(DECIDE)).status_code == 405
    viewer = signed_in(factories.user(is_staff=True, role=Role.VIEWER))
    assert send(viewer, DECIDE, body).status_code == 403
    assert send(viewer, "gallery-decide", body).status_code == 403
    assert 'data-do="keep"' not in viewer.get(f"{reverse(GALLERY)}?job={job.pk}").content.decode()
    assert send(signed_in(factories.user()), "gallery-decide", body).status_code == 403
    assert send(Client(), "gallery-decide", body).status_code == 401
    assert not Decision.objects.exists()
    assert send(signed_in(owner), "gallery-decide", body).status_code == 200


def test_strangers_see_no_page_and_no_thumbnail(job: CrawlJob, owner: User) -> None:
    image = ids(job)[0]
    places = [
        reverse("gallery-image", args=[image]), reverse("image-thumb", args=[image]),
        f"{reverse('gallery')}?job={job.pk}", f"{reverse('gallery-tiles')}?job={job.pk}",
        f"{reverse('gallery')}?project={job.project_id}", f"{reverse('gallery-thresholds')}?job={job.pk}",
        f"{reverse('gallery-preview')}?job={job.pk}",
    ]  # fmt: skip
    for place in places:
        assert signed_in(factories.user()).get(place).status_code == 404, place
        assert Client().get(place).status_code in {302, 401}, place
        assert signed_in(owner).get(place).status_code == 200, place
    assert shown(signed_in(factories.user()).get(reverse("gallery"))) == []


def test_a_thumbnail_is_kept_by_the_browser_and_never_anything_but_a_picture(job: CrawlJob, client: Client) -> None:
    place = reverse("image-thumb", args=[ids(job, is_valid=True)[0]])
    found = client.get(place)
    assert found.content.startswith(b"\xff\xd8")
    assert (found["Content-Type"], found["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
    assert "immutable" in found["Cache-Control"] and "private" in found["Cache-Control"]
    assert "default-src 'none'" in found["Content-Security-Policy"]
    again = client.get(place, headers={"if-none-match": f"W/{found['ETag']}"})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"{place}?size=large")["ETag"] != found["ETag"]
    assert client.post(place).status_code == 405
    broken = factories.image(job, b"<svg onload=alert(1)>" * 9, format="png")
    stand_in = client.get(reverse("image-thumb", args=[broken.pk]))
    assert (stand_in["X-Thumbnail"], stand_in["Content-Type"]) == ("placeholder", "image/jpeg")
    assert "immutable" not in stand_in["Cache-Control"]


def test_an_images_page_shows_its_facts_verdicts_look_alikes_and_neighbours(job: CrawlJob, client: Client) -> None:
    *_, twin, image = ids(job, license="CC0")
    send(client, DECIDE, {"decisions": [{"images": [image], "kind": "relabel", "label": "tiger"}]})
    page = client.get(f"{reverse('admin:jobs_image_change', args=[twin])}?job={job.pk}&license=CC0").content.decode()
    row = Image.objects.get(pk=twin)
    assert row.sha256 in page and "near duplicate" in page and "of 64 bits differ" in page
    assert f'href="{row.source_url}" rel="noreferrer' in page
    assert reverse("admin:jobs_image_change", args=[image]) in page
    assert 'rel="next"' in page and 'rel="prev"' not in page
    decided = client.get(reverse("admin:jobs_image_change", args=[image])).content.decode()
    assert "tiger" in decided and "data-undo-decision" in decided


def test_addresses_that_are_no_web_pages_are_not_links(job: CrawlJob, client: Client) -> None:
    image = Image.objects.filter(job=job).first()
    assert image is not None
    hostile = "javascript:alert(1)"
    Image.objects.filter(pk=image.pk).update(source_url=hostile, page_url=hostile, license="x", license_url=hostile)
    page = client.get(reverse("admin:jobs_image_change", args=[image.pk])).content.decode()
    assert hostile in page and f'href="{hostile}' not in page


def test_sliders_preview_ask_and_judge_again(job: CrawlJob, client: Client, boss: User) -> None:
    place = f"{reverse('admin:jobs_image_gallery_thresholds')}?job={job.pk}"
    assert client.get(place).status_code == 200
    chosen = {"min_width": "2000", "drops": ["too_small"]}
    piece = client.get(f"{reverse('admin:jobs_image_gallery_preview')}?job={job.pk}&min_width=2000&drops=too_small")
    valid = len(ids(job, is_valid=True))
    assert f"data-dropped>{valid}<" in piece.content.decode()
    wrong = client.get(f"{reverse('admin:jobs_image_gallery_preview')}?job={job.pk}&min_width=-4")
    assert "must be a whole number from 1 to 2000" in wrong.content.decode()
    before = ValidationRun.objects.latest("pk")
    asked = client.post(place, chosen)
    assert f"{valid} would drop" in asked.content.decode()
    assert ValidationRun.objects.count() == 1, "nothing happens before it is confirmed"
    assert client.post(place, {**chosen, "confirmed": "yes"}).status_code == 302
    factories.run_validation(job)
    assert ids(job, is_valid=True) == []
    assert client.post(place, {"run": before.pk, "confirmed": "yes"}).status_code == 302
    factories.run_validation(job)
    assert len(ids(job, is_valid=True)) == valid
    viewer = signed_in(factories.user(is_staff=True, role=Role.VIEWER))
    viewer.post(place, {**chosen, "confirmed": "yes"})
    assert ValidationRun.objects.count() == 3


def test_lists_are_searched_through_indexes_alone(job: CrawlJob, client: Client) -> None:
    image = Image.objects.filter(job=job).latest("pk")
    images, issues = reverse("admin:jobs_image_changelist"), reverse("admin:jobs_issue_changelist")
    found = client.get(f"{images}?q={image.sha256[:10]}").content.decode()
    assert reverse("admin:jobs_image_change", args=[image.pk]) in found
    assert reverse("admin:jobs_image_change", args=[image.pk]) in client.get(f"{images}?q={image.pk}").content.decode()
    for place in (f"{images}?q=cat", f"{issues}?q=x", f"{images}?q={10**30}", f"{issues}?q={image.pk}"):
        assert client.get(place).status_code == 200
