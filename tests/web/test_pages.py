"""Every page: whose it is, what it costs, and what it does with what others wrote."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from gather.models import GatherRun
from gather.params import GatherOptions
from gather.services import runs
from jobs.models import Chunk, Decision, Level, Project
from pixtasks.accounts.models import ApiKey, User
from pixtasks.accounts.roles import Role
from pixtasks.web.urls import urlpatterns
from tasktypes.webhooks.services.endpoints import create_endpoint
from tests import factories
from tests.accounts.factories import make_key
from tests.attack.test_escaping import EVIL, LINK, SHORT, dangers


def world(owner: User, size: int = 1) -> dict[str, object]:
    """Insert so many of everything that is the owner's; return what stands for the parameters of the routes."""
    project = factories.project(owner, name=EVIL[:200], description=EVIL)
    for _ in range(size):
        project = factories.project(owner, name=EVIL[:200], description=EVIL)
        keywords = [f"{index} {EVIL}"[:100] for index in range(size)]
        running = factories.started_job(project, name=EVIL[:200], keywords=keywords)
        factories.report(factories.tasks_of(running)[0], images=1, outcomes={SHORT: 2, "http_404": 1})
        job = factories.started_job(project, name=EVIL[:200], keywords=keywords)
        for _ in range(size):
            chunk = Chunk.objects.filter(job=job).first()
            factories.image(job, chunk=chunk, title=EVIL, creator=EVIL, license=SHORT, page_url=LINK, source_url=LINK)
        factories.end_job(job, error=EVIL, images=1, outcomes={SHORT: 2, "http_404": 1})
        factories.validated(job, Level.FAST, owner)
        key, _ = make_key(owner)
        create_endpoint(
            owner=owner, url="https://hooks.example.com/?q=" + EVIL.replace(" ", ""), description=EVIL[:200]
        )
        run = runs.start(caller=owner, project_id=project.slug, gather_count=3, options=GatherOptions())
    ApiKey.objects.filter(owner=owner).update(name=EVIL[:50])
    return {
        "project_id": project.pk, "job_id": job.pk, "key_id": key.pk, "taskId": run.task.public_id, "form": "csv",
    }  # fmt: skip


def addresses(places: dict[str, object]) -> list[str]:
    """Return the address of every route of the pages, with these parameters."""
    found = ["/"]
    for pattern in urlpatterns:
        names = {name: places[name] for name in pattern.pattern.converters}
        found.append(reverse(f"web:{pattern.name}", kwargs=names))
    return found


PUBLIC = {"/", "/signin", "/signout"}


def test_what_is_not_ones_own_is_not_there_for_staff_either(client: Client) -> None:
    places = world(factories.user())
    before = list(Project.objects.values()), list(GatherRun.objects.values()), list(ApiKey.objects.values())
    staff = Client()
    staff.force_login(factories.user(is_staff=True, is_superuser=True))
    asked = 0
    for address in addresses(places):
        if not any(str(value) in address for value in places.values()):
            continue
        for browser in (client, staff):
            for verb in ("get", "post"):
                response = getattr(browser, verb)(address)
                assert response.status_code in {404, 405} or response.get("Location", "").endswith(
                    f"/projects/{places['project_id']}"
                ), f"{verb} {address}"
                assert b"attack(" not in response.getvalue()
                asked += 1
    assert asked > 50
    assert before == (list(Project.objects.values()), list(GatherRun.objects.values()), list(ApiKey.objects.values()))


def test_nobody_sees_a_page_without_a_sign_in(nobody: Client) -> None:
    places = world(factories.user())
    for address in addresses(places):
        if address in PUBLIC:
            continue
        for verb in ("get", "post"):
            response = getattr(nobody, verb)(address)
            assert response.status_code in {302, 401, 405}, address
            assert b"attack(" not in response.getvalue()
            if response.status_code == 302:
                assert response["Location"].startswith("/signin?next=")


def test_what_people_wrote_is_text_and_no_page_may_run_anything(client: Client, ann: User) -> None:
    shown = 0
    for address in addresses(world(ann)):
        response = client.get(address, {"next": LINK, "cursor": "", "like": SHORT, "project": SHORT})
        if response.status_code in {302, 405} or "export" in address:
            continue
        assert response.status_code == 200, address
        page = response.content
        assert dangers(page) == [], address
        assert b"<script>" not in page and b" onclick" not in page
        assert b'src="http' not in page and b'href="http' not in page, address
        assert "'unsafe-eval'" not in response["Content-Security-Policy"]
        assert "script-src 'self';" in response["Content-Security-Policy"]
        assert response["Cache-Control"] == "no-store"
        shown += b"attack(" in page
    assert shown >= 8, "a page that shows nothing of it proves nothing"


def test_every_field_has_a_label_and_every_picture_a_text(client: Client, ann: User) -> None:
    from selectolax.lexbor import LexborHTMLParser

    for address in addresses(world(ann)):
        response = client.get(address)
        if response.status_code != 200 or "export" in address:
            continue
        tree = LexborHTMLParser(response.content)
        for field in tree.css("input:not([type=hidden]), select, textarea"):
            inside = field.parent is not None and field.parent.tag == "label"
            name = field.attributes.get("id")
            labelled = inside or tree.css_first(f'label[for="{name}"]') is not None
            assert labelled or "radio" in (field.attributes.get("type") or ""), f"{address}: {field.html}"
        assert all("alt" in picture.attributes for picture in tree.css("img")), address
        if tree.css_first("html") and b"<!doctype" in response.content[:20]:
            assert len(tree.css("h1")) == 1, address
            assert tree.css_first("html").attributes.get("lang") == "en"


def test_a_page_costs_the_same_however_much_there_is(ann: User) -> None:
    few, many = factories.user(), factories.user()
    sizes = {}
    for owner, size in ((few, 1), (many, 3)):
        places = world(owner, size)
        browser = Client()
        browser.force_login(owner)
        for pattern, address in zip(["home", *(each.name for each in urlpatterns)], addresses(places), strict=True):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                response = browser.get(address)
                response.getvalue()
            sizes.setdefault(pattern, []).append(len(queries))
    for pattern, (small, large) in sizes.items():
        assert large <= small, f"{pattern}: {small} queries for one of each, {large} for three"
        assert large <= 22, f"{pattern}: {large}"


def test_the_first_page_of_somebody_new_leads_to_the_first_job(client: Client) -> None:
    page = client.get("/").content.decode()
    assert "Start your first dataset" in page and 'href="/jobs/new"' in page


def test_a_project_is_made_renamed_and_gathered(client: Client, ann: User) -> None:
    made = client.post("/projects/new", {"name": "  Owls  of the north ", "description": ""})
    project = Project.objects.get(owner=ann)
    assert made["Location"] == f"/projects/{project.pk}" and project.name == "Owls of the north"
    assert client.post("/projects/new", {"name": " "}).status_code == 422
    client.post(f"/projects/{project.pk}/edit", {"name": "Owls", "description": "all of them"})
    project.refresh_from_db()
    assert (project.name, project.description) == ("Owls", "all of them")
    form = {"gather_count": "3", "save_interval": "1", "error_recovery": "on"}
    assert client.post(f"/projects/{project.pk}/gather", form | {"gather_count": "101"}).status_code == 422
    factories.job(project, keywords=["owl"], engines=["sample"])
    assert client.post(f"/projects/{project.pk}/gather", form)["Location"] == "/live"
    run = GatherRun.objects.get(project=project)
    assert "Cancel" in client.get(f"/projects/{project.pk}").content.decode()
    assert "Cancelled" in client.post(f"/gathers/{run.task.public_id}/cancel", follow=True).content.decode()


def test_a_key_is_shown_once_works_and_can_be_revoked(client: Client, nobody: Client, ann: User) -> None:
    made = client.post("/account/keys", {"name": "laptop", "may_write": "no", "days": "30"})
    assert made.status_code == 201 and made["Cache-Control"] == "no-store"
    text = made.context["text"]
    key = ApiKey.objects.get(owner=ann)
    assert key.scopes == ["read"] and key.expiry_date is not None
    assert text in made.content.decode() and text not in client.get("/account").content.decode()
    assert nobody.get("/api/v1/projects", headers={"X-API-Key": text}).status_code == 200
    assert nobody.post("/api/v1/projects", headers={"X-API-Key": text}).status_code == 403
    client.post(f"/account/keys/{key.pk}/revoke")
    assert nobody.get("/api/v1/projects", headers={"X-API-Key": text}).status_code == 401
    assert client.post("/account/keys", {"name": "", "may_write": "yes", "days": "0"}).status_code == 422
    assert client.post("/account/keys", {"name": "x", "may_write": "worker", "days": "0"}).status_code == 422


def test_pages_that_are_not_there_look_like_the_others_and_the_api_stays_json(nobody: Client) -> None:
    page = nobody.get("/no/such/page")
    assert page.status_code == 404 and "There is no such page" in page.content.decode()
    assert "pixtasks/web.css" in page.content.decode()
    assert nobody.get("/api/no/such")["Content-Type"] == "application/json"
    icon = nobody.get("/favicon.ico")
    assert icon.status_code == 302 and icon["Location"].endswith("favicon.ico")


def test_an_error_of_ours_is_a_page_too(client: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    client.raise_request_exception = False
    monkeypatch.setattr("pixtasks.web.projects.project_cards", lambda projects: 1 / 0)
    factories.project(User.objects.get(email="ann@example.com"))
    broken = client.get("/projects")
    assert broken.status_code == 500
    assert "Something went wrong here" in broken.content.decode()
    assert "ZeroDivision" not in broken.content.decode()


def test_a_viewer_changes_nothing_here_but_his_own_account(nobody: Client) -> None:
    viewer = factories.user(is_staff=True, role=Role.VIEWER)
    image = factories.job_with_images(1, owner=viewer).image_rows.get()
    nobody.force_login(viewer)
    answer = nobody.post("/projects/new", {"name": "Mine"})
    assert answer.status_code == 403
    assert "lets you look at everything and change nothing" in answer.content.decode()
    assert not Project.objects.filter(name="Mine").exists()
    decided = {"decisions": [{"images": [image.pk], "kind": "keep"}]}
    assert nobody.post("/images/decide", decided, content_type="application/json").status_code in {403, 404}
    assert not Decision.objects.exists()
    assert nobody.post("/account/keys", {}).status_code == 422, "asked for what is missing, not refused"
